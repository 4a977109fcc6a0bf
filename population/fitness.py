"""From measurements to an estimate with its standard error (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from population.variant import Direction, Measurement, State


@dataclass(frozen=True, slots=True)
class Fitness:
    """An estimated score: mean of ``n`` bursts and its standard error (NaN while no noise is known)."""

    mean: float
    standard_error: float
    n: int

    def __str__(self) -> str:
        if math.isnan(self.standard_error):
            return f"{self.mean:.4f} (n={self.n})"
        return f"{self.mean:.4f} ± {self.standard_error:.4f} (n={self.n})"


def scores_of(measurements: Iterable[Measurement], digest: str) -> list[float]:
    """Return the scores measured for exactly this source, in order, the first under each seed."""
    scores: dict[int, float] = {}
    for m in measurements:
        if m.score is not None and m.digest == digest:
            scores.setdefault(m.seed, m.score)
    return list(scores.values())


def pooled_noise(groups: Iterable[Sequence[float]]) -> float:
    """Return the standard deviation of one burst, pooled over groups of replicates; NaN without any.

    Each group holds the scores of one source under several seeds; the variances are pooled with
    ``n - 1`` degrees of freedom each (Snedecor & Cochran, Statistical Methods, section 6.7).
    """
    squares, freedom = 0.0, 0
    for scores in groups:
        if len(scores) < 2:
            continue
        mean = sum(scores) / len(scores)
        squares += sum((score - mean) ** 2 for score in scores)
        freedom += len(scores) - 1
    return math.sqrt(squares / freedom) if freedom else math.nan


def estimate(scores: Sequence[float], noise: float) -> Fitness | None:
    """Return the fitness that these scores of one source support, or None without any score.

    Args:
        scores: scores of one exact source, each under another seed.
        noise: standard deviation of one burst (see ``pooled_noise``), NaN when unknown.
    """
    if not scores:
        return None
    return Fitness(sum(scores) / len(scores), noise / math.sqrt(len(scores)), len(scores))


def probability_better(one: Fitness, other: Fitness, direction: Direction) -> float:
    """Return P(one is truly better than other), taking both errors as normal and independent.

    While the noise is unknown (NaN) nothing can be told apart: 0.5.
    """
    spread = math.hypot(one.standard_error, other.standard_error)
    gain = direction.gain(one.mean, over=other.mean)
    if math.isnan(spread):
        return 0.5
    if spread == 0.0:
        return 0.5 if gain == 0.0 else float(gain > 0.0)
    return 0.5 * math.erfc(-gain / spread / math.sqrt(2.0))


def failed(measurements: Sequence[Measurement]) -> bool:
    """Say whether a variant has been measured and has nothing to show for it but failures."""
    return bool(measurements) and all(m.state is State.FAILED for m in measurements)
