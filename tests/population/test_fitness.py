import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.fitness import Fitness, estimate, evidence, failed, probability_better, screened
from population.variant import Direction, Failure, FailureKind, Purpose

scores = st.floats(-100, 100)
fitnesses = st.builds(Fitness, scores, st.floats(0, 10) | st.just(math.nan), st.integers(1, 9))


def test_evidence_is_what_was_measured_of_this_source_on_fresh_seeds(a_measurement):
    measured = [
        a_measurement("v1", 1.0),
        a_measurement("v1", 2.0, seed=2, purpose=Purpose.REPLICATE),
        a_measurement("v1", 9.0, seed=2, purpose=Purpose.REPLICATE),
        a_measurement("v1", 3.0, seed=3, purpose=Purpose.REPLICATE, digest="untuned"),
        a_measurement("v1", None, seed=4, purpose=Purpose.REPLICATE),
        a_measurement("v1", 5.0, seed=5, purpose=Purpose.VERIFY),
    ]
    assert evidence(measured, "digest of v1", founder=False) == {2: 2.0}
    assert evidence(measured, "digest of v1", founder=True) == {0: 1.0, 2: 2.0}


def test_a_trial_never_counts_as_a_score_of_its_source(a_measurement):
    measured = [
        a_measurement("v1", 1.0, purpose=Purpose.TRIAL),
        a_measurement("v1", 2.0, seed=1, purpose=Purpose.CONFIRM),
    ]
    assert screened(measured, "digest of v1") == {1: 2.0}
    assert evidence(measured, "digest of v1", founder=False) == {}


def test_the_standard_error_shrinks_with_the_root_of_the_bursts():
    assert estimate([1.0, 3.0, 1.0, 3.0], 0.5) == Fitness(2.0, 0.25, 4)


def test_without_a_score_there_is_no_fitness():
    assert estimate([], 0.5) is None


@given(fitnesses, fitnesses, st.sampled_from(Direction))
def test_one_is_better_or_the_other_is(one, other, direction):
    there, back = (probability_better(*pair, direction) for pair in ((one, other), (other, one)))
    assert 0.0 <= there <= 1.0
    assert there + back == pytest.approx(1.0)


@given(fitnesses, fitnesses)
def test_the_direction_turns_the_answer_round(one, other):
    smaller = probability_better(one, other, Direction.MINIMIZE)
    assert smaller == pytest.approx(1.0 - probability_better(one, other, Direction.MAXIMIZE))


def test_a_gain_of_one_standard_error_of_the_difference_is_better_with_84_percent():
    one, other = Fitness(1.0, 0.3, 1), Fitness(1.5, 0.4, 1)
    assert probability_better(one, other, Direction.MINIMIZE) == pytest.approx(0.8413, abs=1e-4)


def test_while_the_noise_is_unknown_nothing_is_told_apart():
    one, other = Fitness(1.0, math.nan, 1), Fitness(9.0, math.nan, 1)
    assert probability_better(one, other, Direction.MINIMIZE) == 0.5


def test_a_variant_failed_when_every_burst_did(a_measurement):
    failure = a_measurement("v0", None, failure=Failure(FailureKind.EXCEPTION, "boom"))
    assert failed([failure, failure])
    assert not failed([failure, a_measurement("v0", 1.0)])
    assert not failed([])


@settings(max_examples=20)
@given(fitnesses)
def test_a_fitness_reads_as_mean_error_and_count(fitness):
    assert f"n={fitness.n}" in str(fitness)
    assert ("±" in str(fitness)) is not math.isnan(fitness.standard_error)
