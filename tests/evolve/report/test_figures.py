from __future__ import annotations

import math

import pytest

from evolve.report import figures
from population.fitness import Fitness


@pytest.mark.parametrize(
    ("noise", "decimals"),
    [(0.0021, 4), (0.018, 3), (0.5, 2), (30.0, 0), (math.nan, 4), (0.0, 6), (1e-30, 10)],
)
def test_a_score_has_two_digits_of_the_noise(noise: float, decimals: int) -> None:
    assert figures.places(noise) == decimals


def test_an_estimate_shows_its_error_only_when_it_is_known() -> None:
    assert figures.estimate(Fitness(2.30514, 0.0021, 3), 4) == "2.3051 ± 0.0021"
    assert figures.estimate(Fitness(2.30514, math.nan, 1), 4) == "2.3051"


def test_a_gain_has_its_sign() -> None:
    assert [figures.gain(value, 2) for value in (0.5, -0.5, 0.0)] == ["+0.50", "-0.50", "+0.00"]


def test_what_is_nearly_certain_is_not_rounded_to_certain() -> None:
    assert [figures.probability(p) for p in (1.0, 0.5, 0.0)] == ["> 99.9 %", "50.0 %", "< 0.1 %"]


def test_durations_read_like_a_clock() -> None:
    spans = [figures.duration(seconds) for seconds in (0, 65, 3661, 200_000)]
    assert spans == ["0:00", "1:05", "1:01:01", "2 d 7 h"]


def test_an_unknown_price_is_never_shown_as_nothing() -> None:
    assert figures.dollars(0.0, 0) == "$0.00"
    assert figures.dollars(0.0, 2) == "unknown (2 calls of unknown price)"
    assert figures.dollars(1.5, 1) == "$1.50 + 1 call of unknown price"
    assert figures.dollars(0.0042, 0) == "$0.0042"


def test_large_counts_are_short() -> None:
    assert [figures.tokens(n) for n in (120, 9999, 412_000, 24_200, 3_200_000)] == [
        "120",
        "9999",
        "412k",
        "24.2k",
        "3.2M",
    ]
