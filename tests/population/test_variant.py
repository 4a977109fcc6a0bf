import math

import pytest

from population.variant import Direction, Failure, FailureKind, State


def test_a_smaller_score_is_better_when_minimizing():
    assert Direction.MINIMIZE.key(1.0) < Direction.MINIMIZE.key(2.0)
    assert Direction.MINIMIZE.gain(1.0, over=1.5) == 0.5


def test_a_larger_score_is_better_when_maximizing():
    assert Direction.MAXIMIZE.key(2.0) < Direction.MAXIMIZE.key(1.0)
    assert Direction.MAXIMIZE.gain(1.0, over=1.5) == -0.5


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused(a_measurement, score):
    with pytest.raises(ValueError, match="finite"):
        a_measurement("v0", score)


def test_a_score_beside_a_failure_is_refused(a_measurement):
    with pytest.raises(ValueError, match="no score"):
        a_measurement("v0", 1.0, failure=Failure(FailureKind.TIMEOUT, "too slow"))


def test_a_burst_is_scored_or_failed_or_pruned(a_measurement):
    assert a_measurement("v0", 1.0).state is State.SCORED
    assert a_measurement("v0", None).state is State.PRUNED
    assert a_measurement("v0", None, failure=Failure(FailureKind.MEMORY, "m")).state is State.FAILED


def test_only_being_killed_from_outside_is_worth_a_retry():
    assert [kind for kind in FailureKind if not kind.repeats] == [FailureKind.KILLED]


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, 0.12345])
def test_a_share_is_so_many_thousandths_of_a_burst(a_measurement, share):
    with pytest.raises(ValueError, match="thousandths"):
        a_measurement("v0", 3.0, share=share)
