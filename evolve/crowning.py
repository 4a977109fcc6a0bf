"""When a variant becomes champion: only when it is better by more than luck (pure). See docs/statistics.md.

A champion defends its title against all contenders of its reign together: the chance that any of them takes
it without being better is at most 1 - confidence. The n-th contender gets the share 6 / (pi n)^2 of that
error (alpha spending: Foster & Stine, JRSS B 70(2), 2008), and spends it over a few looks at its evidence
(Bonferroni; cf. Pocock, Biometrika 64(2), 1977), measured under seeds that nobody was chosen by.
"""

from __future__ import annotations

import enum
import math

from scipy.special import stdtr

from population.comparison import Difference
from population.fitness import Fitness
from population.noise import Noise
from population.variant import Direction

LOOKS = (2, 4, 8)
"""Bursts of a contender, each under a fresh seed, at which it is judged."""

_SPENT = (0.15, 0.35, 0.5)  # share of a contender's error that each look may spend
_HOPE = (1.0, 1.8, math.inf)  # standard errors of gain with which a contender goes on to the next look
_PROMISING = 0.95  # P(better) by its first burst; among many, that is what lets the right ones in


class Verdict(enum.Enum):
    """What a look at a contender says."""

    CROWN = "crown"
    GO_ON = "go on"
    LEAVE = "leave"


def error_of(place: int, confidence: float) -> float:
    """Return the chance of a wrong crowning that a contender has, by its place in the reign from 1."""
    return (1.0 - confidence) * 6.0 / (math.pi * place) ** 2


def judge(difference: Difference, look: int, error: float) -> Verdict:
    """Judge a contender.

    Args:
        difference: contender over champion.
        look: number of the look, from 0.
        error: what ``error_of`` gives for its place.
    """
    if difference.gain > 0.0 and difference.p_value <= error * _SPENT[look]:
        return Verdict.CROWN
    return Verdict.GO_ON if difference.t >= _HOPE[look] else Verdict.LEAVE


def promising(candidate: Fitness, champion: Fitness, direction: Direction, noise: Noise) -> bool:
    """Say whether a variant looks good enough for its evidence to be worth measuring."""
    gain = direction.gain(candidate.mean, over=champion.mean)
    if not noise.known or noise.deviation == 0.0:
        return gain > 0.0
    error = noise.deviation * math.sqrt(1.0 / candidate.n + 1.0 / champion.n)
    return bool(stdtr(noise.freedom, gain / error) >= _PROMISING)
