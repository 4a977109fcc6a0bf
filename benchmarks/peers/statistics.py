"""Means and medians with bootstrap intervals (percentile method)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from benchmarks.peers.trajectory import median

_DRAWS = 2000


def interval(values: Sequence[float], of: Callable[[Sequence[float]], float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a figure of the values."""
    rng = random.Random(0)
    drawn = sorted(of(rng.choices(values, k=len(values))) for _ in range(_DRAWS))
    return drawn[round(0.025 * _DRAWS)], drawn[round(0.975 * _DRAWS) - 1]


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def shown(values: Sequence[float], of: Callable[[Sequence[float]], float], form: str = ".4f") -> str:
    """Write a figure with its interval."""
    low, high = interval(values, of)
    return f"{of(values):{form}} ({low:{form}} to {high:{form}})"


__all__ = ["interval", "mean", "median", "shown"]
