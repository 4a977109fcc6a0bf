"""From measurements to an estimate with its standard error (pure)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from population.variant import Direction, Measurement, Purpose, Score, State

Burst = Measurement | Score


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


def unchosen(founder: bool) -> frozenset[Purpose]:
    """Return the purposes of bursts that nothing was chosen by.

    Args:
        founder: of the seed variant, which nothing chose: its first burst is among them.
    """
    return frozenset({Purpose.REPLICATE, Purpose.FIRST} if founder else {Purpose.REPLICATE})


def evidence(measurements: Iterable[Burst], digest: str, founder: bool) -> dict[int, float]:
    """Return the scores of exactly this source that nothing was chosen by, by seed (see ``unchosen``)."""
    return _scores(measurements, digest, unchosen(founder))


def screened(measurements: Iterable[Burst], digest: str) -> dict[int, float]:
    """Return the scores that exactly this source was chosen by, by seed; trials never count.

    The best of many such scores is too good in the mean (the winner's curse), and the best of an optimiser's
    trials even more so.
    """
    return _scores(measurements, digest, {Purpose.FIRST, Purpose.CONFIRM})


def _scores(measurements: Iterable[Burst], digest: str, purposes: Collection[Purpose]) -> dict[int, float]:
    """Return the first score under each seed."""
    scores: dict[int, float] = {}
    for m in measurements:
        if m.score is not None and m.digest == digest and m.purpose in purposes:
            scores.setdefault(m.seed, m.score)
    return scores


def estimate(scores: Collection[float], noise: float) -> Fitness | None:
    """Return the fitness that these scores of one source support, or None without any score.

    Args:
        scores: scores of one exact source, each under another seed.
        noise: standard deviation of one burst (see ``noise``), NaN when unknown.
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


def failed(measurements: Sequence[Burst]) -> bool:
    """Say whether a variant has been measured and has nothing to show for it but failures.

    That a short burst came off says nothing of a full one.
    """
    tried = [m for m in measurements if m.purpose.whole or m.state is State.FAILED]
    return bool(tried) and all(m.state is State.FAILED for m in tried)
