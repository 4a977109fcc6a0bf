from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.rewards import Prices, improvement, shrunk
from population.fitness import Fitness
from population.variant import Direction

LOW, HIGH = Direction.MINIMIZE, Direction.MAXIMIZE
MEANS, ERRORS, COUNTS = st.floats(-100, 100), st.floats(1e-6, 10.0), st.integers(1, 20)
BOTH = st.sampled_from(Direction)


def pooled(mean: float, noise: float, n: int = 1) -> Fitness:
    """Return an estimate from ``n`` bursts of this noise."""
    return Fitness(mean, noise / math.sqrt(n), n)


# what a birth cost


def test_bursts_and_dollars_come_on_one_scale() -> None:
    prices = Prices(seconds=360.0, dollars_per_hour=2.0, timed=False)  # so a burst is worth 0.20 dollars
    assert prices.cost(1, 500.0, 0.0) == 1.0
    assert prices.cost(1, 360.0, 0.1) == pytest.approx(1.5)
    assert prices.cost(0, 0.0, 0.1) == pytest.approx(0.5)


def test_the_seconds_of_a_burst_count_only_where_timing_may_decide() -> None:
    assert Prices(20.0, 2.0, timed=True).cost(1, 5.0, 0.0) == 0.25
    assert Prices(20.0, 2.0, timed=False).cost(1, 5.0, 0.0) == 1.0


def test_no_birth_is_free() -> None:
    assert Prices(20.0, 2.0, timed=True).cost(0, 0.0, 0.0) == pytest.approx(0.05)


def test_where_a_slot_costs_nothing_dollars_do_not_count() -> None:
    assert Prices(20.0, 0.0, timed=False).cost(1, 20.0, 3.0) == 1.0


# what a child was worth


@pytest.mark.parametrize("noise", [0.0, math.nan])
@pytest.mark.parametrize(("direction", "gain"), [(LOW, 0.5), (HIGH, 0.0)])
def test_without_known_noise_an_improvement_is_the_gain(
    noise: float, direction: Direction, gain: float
) -> None:
    assert improvement(pooled(2.5, noise), pooled(3.0, noise), direction) == gain


def test_a_gain_within_the_noise_is_worth_less_than_it_looks_and_a_large_one_as_much() -> None:
    def worth(gain: float, n: int = 1) -> float:
        return improvement(pooled(3.0 - gain, 0.1, n), pooled(3.0, 0.1, n), LOW)

    assert 0.0 < worth(0.05) < 0.5 * 0.05
    assert worth(0.05) < worth(0.05, n=20) < 0.05
    assert worth(2.0, n=100) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("errors", [(math.nan, 0.1), (0.0, 0.1), (0.1, math.nan), (0.1, 0.0)])
def test_noise_that_is_known_of_one_alone_is_taken_for_that_of_both(errors: tuple[float, float]) -> None:
    own, over = (Fitness(mean, error, 1) for mean, error in zip((2.0, 3.0), errors, strict=True))
    assert 0.0 < improvement(own, over, LOW) < 1.0


@given(MEANS, st.floats(0, 10), ERRORS, COUNTS, COUNTS, BOTH)
def test_no_gain_and_any_loss_are_worth_nothing(
    mean: float, loss: float, noise: float, n: int, m: int, direction: Direction
) -> None:
    own = pooled(mean + loss if direction is LOW else mean - loss, noise, n)
    assert improvement(own, pooled(mean, noise, m), direction) == pytest.approx(0.0, abs=1e-9 * (1 + noise))
    assert improvement(own, pooled(mean, noise, m), direction) >= 0.0


@given(st.floats(-10, 10), st.floats(0, 10), ERRORS, COUNTS, COUNTS, BOTH)
def test_the_larger_the_gain_the_larger_the_improvement_but_never_beyond_it(
    gain: float, more: float, noise: float, n: int, m: int, direction: Direction
) -> None:
    sign = -1.0 if direction is LOW else 1.0
    less, larger = (
        improvement(pooled(sign * one, noise, n), pooled(0.0, noise, m), direction)
        for one in (gain, gain + more)
    )
    assert 0.0 <= less <= larger + 1e-9
    assert larger <= max(0.0, gain + more) + 1e-9


# what a score is worth


def test_a_single_score_is_shrunk_towards_the_parent() -> None:
    mean, deviation = shrunk(pooled(2.0, 0.3), pooled(3.0, 0.3, n=100), LOW)
    assert 2.4 < mean < 2.6
    assert 0.0 < deviation < 0.3


def test_the_more_bursts_the_less_is_shrunk() -> None:
    means = [shrunk(pooled(2.0, 0.3, n), pooled(3.0, 0.3, n=4), LOW)[0] for n in (1, 2, 4, 100)]
    assert means == sorted(means, reverse=True)
    assert means[-1] == pytest.approx(2.0, abs=0.01)


def test_a_key_is_smaller_for_what_is_better() -> None:
    assert shrunk(pooled(2.0, 0.0), None, HIGH) == (-2.0, 0.0)
    assert shrunk(pooled(2.0, 0.1), pooled(1.0, 0.1), HIGH)[0] == pytest.approx(-5 / 3)


@pytest.mark.parametrize(
    ("noise", "prior", "deviation"),
    [(math.nan, pooled(3.0, math.nan), 0.0), (0.0, pooled(3.0, 0.0), 0.0), (0.2, None, 0.2)],
)
def test_without_known_noise_or_a_parent_a_score_stands_as_it_is(
    noise: float, prior: Fitness | None, deviation: float
) -> None:
    assert shrunk(pooled(2.0, noise), prior, LOW) == (2.0, deviation)


@given(MEANS, MEANS, ERRORS, ERRORS, COUNTS, COUNTS, BOTH)
def test_what_is_shrunk_lies_between_own_score_and_the_parent_nearer_to_the_own(
    own: float, other: float, noise: float, error: float, n: int, m: int, direction: Direction
) -> None:
    mean, deviation = shrunk(pooled(own, noise, n), Fitness(other, error, m), direction)
    low, high = sorted([direction.key(own), direction.key(0.5 * (own + other))])
    assert low - 1e-9 <= mean <= high + 1e-9
    assert 0.0 < deviation <= noise / math.sqrt(n) + 1e-12
