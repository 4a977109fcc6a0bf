"""Circle packing: 26 circles in the unit square that do not overlap, with the largest sum of radii.

An answer is checked exactly, on the rational numbers that its floats are: with no tolerance at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from numpy.typing import NDArray

from evolve.tasks import Query, Task

COUNT = 26


class Circles(Task):
    """Asks for one array, the circles themselves."""

    metric, direction, entry = "sum_of_radii", "maximize", "solve"

    def describe(self) -> str:
        """Say what is to be returned."""
        return (
            f"Place {COUNT} circles in the unit square so that none reaches out of it, no two overlap, and\n"
            f"the sum of their radii is as large as possible. solve(burst) returns float64 ({COUNT}, 3): x,\n"
            "y and radius of each. It is checked exactly, without any tolerance: leave a gap of 1e-12,\n"
            "for floats are rounded."
        )

    def queries(self) -> Sequence[Query]:
        """Ask for the circles."""
        return [Query((COUNT, 3), "float64")]

    def score(self, answers: Sequence[NDArray]) -> float:
        """Return the sum of the radii, after an exact check."""
        circles = [tuple(map(Fraction, map(float, row))) for row in answers[0]]
        for number, (x, y, radius) in enumerate(circles):
            if radius < 0:
                raise ValueError(f"circle {number} has the radius {float(radius):g}")
            if min(x, y) < radius or max(x, y) > 1 - radius:
                raise ValueError(f"circle {number} reaches out of the square")
            for other, (x2, y2, radius2) in enumerate(circles[:number]):
                if (x - x2) ** 2 + (y - y2) ** 2 < (radius + radius2) ** 2:
                    raise ValueError(f"circles {other} and {number} overlap")
        return float(sum(radius for _, _, radius in circles))
