from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.trials import Births, Candidate, Tally, best_to_tune, expected_gain, improvement, untuned

RUN = Tally(weight=4.0, gain=2.0)
amounts = st.floats(-5.0, 5.0)
sizes = st.floats(0.0, 3.0)


def candidate(name: str = "v1", gain: float = 0.0, error: float = 0.3, **fields: object) -> Candidate:
    given: dict[str, object] = {"untuned": 1.0, "family": Tally(), "bursts": 6}
    return Candidate(name, gain, error, **{**given, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gain", "error", "expected"),
    [(1.0, 0.0, 1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 1 / math.sqrt(2 * math.pi)), (9.0, 1.0, 9.0)],
)
def test_the_expected_improvement_is_that_of_a_normal_gain(
    gain: float, error: float, expected: float
) -> None:
    assert improvement(gain, error) == pytest.approx(expected)


@given(amounts, sizes, sizes)
def test_a_tuning_brings_no_less_to_a_better_variant(gain: float, error: float, more: float) -> None:
    worse, better = candidate(gain=gain, error=error), candidate(gain=gain + more, error=error)
    assert expected_gain(better, RUN) >= expected_gain(worse, RUN) - 1e-9


@given(amounts, sizes, st.floats(0.0, 1.0))
def test_a_tuning_brings_no_more_where_more_was_tuned(gain: float, error: float, share: float) -> None:
    whole = expected_gain(candidate(gain=gain, error=error), RUN)
    assert -1e-9 <= expected_gain(candidate(gain=gain, error=error, untuned=share), RUN) <= whole + 1e-9


def test_a_variant_far_behind_the_champion_gets_nothing_from_a_tuning() -> None:
    assert expected_gain(candidate(gain=-9.0), RUN) < 1e-6


def test_for_one_that_is_surely_ahead_it_is_what_tunings_bring_a_burst() -> None:
    assert expected_gain(candidate(gain=9.0, error=0.1), RUN) == pytest.approx(0.5 / 6)


def test_what_tunings_brought_in_a_family_counts_more_the_more_there_were() -> None:
    barren = [expected_gain(candidate(family=Tally(weight, 0.0)), RUN) for weight in (0.0, 1.0, 4.0)]
    rich = expected_gain(candidate(family=Tally(2.0, 4.0)), RUN)
    assert rich > barren[0] > barren[1] > barren[2] > 0.0


def test_a_tuning_that_costs_more_bursts_brings_less_a_burst() -> None:
    cheap, dear = (expected_gain(candidate(bursts=bursts), RUN) for bursts in (4, 8))
    assert cheap == pytest.approx(2 * dear)


def test_new_tunables_are_untuned_and_old_ones_less_so_with_every_trial() -> None:
    assert untuned([]) == 0.0
    assert untuned([0, 0]) == 1.0
    assert untuned([8, 0]) == 0.75
    assert untuned([80, 80]) < 0.1


def test_the_variant_is_chosen_whose_tuning_brings_most_if_that_is_more_than_elsewhere() -> None:
    some = [candidate("v1", -0.5), candidate("v2", 0.1), candidate("v3", 0.1, untuned=0.2)]
    best = expected_gain(some[1], RUN)
    assert best_to_tune(some, RUN, 0.9 * best) == "v2"
    assert best_to_tune(some, RUN, 1.1 * best) is None
    assert best_to_tune([], RUN, 0.0) is None
    assert best_to_tune([candidate(gain=-99.0, error=0.0)], RUN, 0.0) is None


def test_the_worth_of_a_burst_follows_the_latest_births() -> None:
    births = Births()
    assert births.worth == 0.0
    for _ in range(20):
        births = births.plus(1.0, 1.0, 0.0)
    early = births.worth
    for _ in range(200):
        births = births.plus(0.0, None, 0.0)
    assert early == pytest.approx(1.0)
    assert births.worth < 0.01


def test_a_noisy_score_is_believed_as_far_as_children_differ_more_than_the_noise() -> None:
    births = Births()
    for number in range(40):
        births = births.plus(0.0, (-1.0) ** number * 0.1, 1.0)
    gain, error = births.believed(2.0, 1.0)
    assert 0.0 < gain < 0.3
    assert error < 0.5
    for number in range(200):
        births = births.plus(0.0, (-1.0) ** number * 3.9, 1.0)
    gain, _ = births.believed(2.0, 1.0)
    assert gain > 1.7


def test_without_noise_a_score_is_what_it_is() -> None:
    births = Births().plus(0.0, 1.0, 0.0).plus(0.0, -1.0, 0.0).plus(0.0, 1.0, 0.0)
    assert births.believed(0.7, 0.0) == (0.7, 0.0)


def test_a_broken_child_does_not_make_every_score_believable() -> None:
    births = Births()
    for number in range(40):
        births = births.plus(0.0, -1e6 if number == 20 else 0.0, 1.0)
    gain, _ = births.believed(2.0, 1.0)
    assert gain < 1.0
