from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.crowning import LOOKS, Verdict, error_of, judge, promising
from population.comparison import Difference
from population.fitness import Fitness
from population.noise import Noise
from population.variant import Direction

looks = st.integers(0, len(LOOKS) - 1)


def test_all_contenders_of_a_reign_together_have_the_error_that_was_asked_for() -> None:
    assert sum(error_of(place, 0.95) for place in range(1, 200_000)) == pytest.approx(0.05, rel=1e-4)


def test_the_looks_of_a_contender_together_spend_its_error() -> None:
    """Whatever the looks say, the chances that they crown a variant that is no better add up to its error."""
    least = [_least_t(look, error=0.01, freedom=20) for look in range(len(LOOKS))]
    chances = [Difference(t, 1.0, 20, 2).p_value for t in least]
    assert sum(chances) == pytest.approx(0.01, rel=1e-2)


def _least_t(look: int, error: float, freedom: int) -> float:
    """Return the smallest gain, in standard errors, that is crowned at a look."""
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        crowned = judge(Difference(middle, 1.0, freedom, 2), look, error) is Verdict.CROWN
        low, high = (low, middle) if crowned else (middle, high)
    return high


@given(st.floats(-10, 10), st.integers(2, 50), looks, st.floats(1e-6, 0.05))
def test_who_is_not_better_never_takes_the_title(gain: float, freedom: int, look: int, error: float) -> None:
    verdict = judge(Difference(gain, 1.0, freedom, 2), look, error)
    assert verdict is not Verdict.CROWN or gain > 0.0


@given(st.floats(-10, 10), st.integers(2, 50), st.floats(1e-6, 0.05))
def test_after_the_last_look_a_contender_goes_on_no_more(gain: float, freedom: int, error: float) -> None:
    assert judge(Difference(gain, 1.0, freedom, 2), len(LOOKS) - 1, error) is not Verdict.GO_ON


def test_a_contender_that_falls_behind_leaves_early() -> None:
    assert judge(Difference(-0.5, 1.0, 20, 2), 0, 0.01) is Verdict.LEAVE
    assert judge(Difference(1.5, 1.0, 20, 2), 0, 0.01) is Verdict.GO_ON


@pytest.mark.parametrize("direction", Direction)
def test_a_lucky_look_is_not_enough_to_be_promising(direction: Direction) -> None:
    champion, sign = Fitness(5.0, 0.3, 10), 1.0 if direction is Direction.MAXIMIZE else -1.0
    noise = Noise(1.0, 9)
    assert not promising(Fitness(5.0 + sign, 1.0, 1), champion, direction, noise)
    assert promising(Fitness(5.0 + 2.5 * sign, 1.0, 1), champion, direction, noise)


def test_while_the_noise_is_unknown_whatever_looks_better_is_promising() -> None:
    champion = Fitness(5.0, math.nan, 1)
    assert promising(Fitness(4.9, math.nan, 1), champion, Direction.MINIMIZE, Noise())
    assert not promising(Fitness(5.0, math.nan, 1), champion, Direction.MINIMIZE, Noise())
