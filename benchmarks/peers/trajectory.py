"""What one search came to, evaluation by evaluation; the same for every system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Point:
    """How a system stood when an evaluation had been made.

    Args:
        truth: true score of what it called its best.
        claimed: the score that it claimed for that; NaN when it claimed none.
        calls: calls of a language model so far.
        leader: true score of what it took for the best, without a proof; NaN where that is the same.
        estimate: the score that it took this to have.
    """

    truth: float
    claimed: float
    calls: int
    leader: float = math.nan
    estimate: float = math.nan


@dataclass(frozen=True)
class Trajectory:
    """One search.

    Args:
        system: which one.
        landscape: on what.
        instance: which instance.
        seed: of the search.
        start: true score of the seed program.
        target: the true score to reach.
        points: one an evaluation.
        seconds: wall time.
        smokes: looks at one step that cost no evaluation.
    """

    system: str
    landscape: str
    instance: int
    seed: int
    start: float
    target: float
    points: tuple[Point, ...]
    seconds: float
    smokes: int = 0

    def at(self, evaluations: int) -> Point:
        """Return how it stood after so many evaluations, or at its end if that came first."""
        return self.points[min(evaluations, len(self.points)) - 1]

    def reached(self) -> float:
        """Return the evaluations after which its best was as good as the target for the first time."""
        hits = (n for n, point in enumerate(self.points, start=1) if point.truth <= self.target)
        return next(hits, math.inf)

    def leading(self) -> Trajectory:
        """Return the same search, told by what it took for the best without a proof."""
        points = (
            point if math.isnan(point.leader) else replace(point, truth=point.leader, claimed=point.estimate)
            for point in self.points
        )
        return replace(self, system=f"{self.system}, its leader", points=tuple(points))

    def excess(self) -> float:
        """Return claimed minus true gain at the end; NaN when nothing was claimed."""
        last = self.points[-1]
        return last.truth - last.claimed


def median(values: Sequence[float]) -> float:
    """Return the median; infinite when half or more are."""
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2
