"""What gives a program away that states a score which it did not earn (pure).

Where scores are a program's own word, nothing proves them. Two things can be told from outside: a score that
is the same under all burst seeds, where the seed variant's is not; and a leap that is hard to believe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

KIND = "suspicious"
"""Kind of the event that tells of one."""

_LEAP = 0.5  # share of the seed variant's score by which one change does not improve
_NOISES = 10.0  # standard deviations of a burst that it is more than, too
_FEWEST = 2  # seeds


def constant(own: Mapping[int, float], seed: Mapping[int, float]) -> str:
    """Return why a variant's scores cannot have been measured, empty when they may have been.

    Args:
        own: its scores, by burst seed.
        seed: the seed variant's.
    """
    if len(own) < _FEWEST or len(seed) < _FEWEST or len({*own.values()}) > 1 or len({*seed.values()}) == 1:
        return ""
    return (
        f"it says {next(iter(own.values())):g} under each of {len(own)} seeds, where the seed variant varies"
    )


def leap(gain: float, seed: float, noise: float) -> str:
    """Return why a first score is hard to believe, empty when it is not.

    Args:
        gain: over the champion, positive when better.
        seed: the seed variant's score.
        noise: standard deviation of a burst; NaN while it is unknown.
    """
    if gain <= _LEAP * abs(seed) or (math.isfinite(noise) and gain <= _NOISES * noise):
        return ""
    return f"one change gains {gain:.4g} over the champion, where the seed variant has {seed:.4g} in all"
