"""How much a score moves from seed to seed, pooled over every program that was measured more than once.

The model is a two-way layout: score = program + seed + rest. Its two variances come from the replicates:

- all together, the variance within programs, ``sum(n - 1)`` degrees of freedom (one-way analysis of variance:
  Scheffe, The Analysis of Variance, 1959, section 3.1);
- the rest alone, after the seeds' effects are fitted by least squares in the unbalanced table (section 4.4).

What a seed does to all programs alike is the difference: it cancels when two programs are compared under
common seeds. While the table is too small to tell it is taken as zero, which makes comparisons more careful.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ENOUGH = 10  # degrees of freedom from which the seeds' share is estimated
MOST_SHARED = 0.99


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of one burst.

    Args:
        deviation: standard deviation over seeds; NaN while nothing was measured twice.
        freedom: degrees of freedom that comparisons have.
        shared: share of the variance that a seed has in common for all programs, 0 to 1.
    """

    deviation: float = math.nan
    freedom: int = 0
    shared: float = 0.0

    @property
    def known(self) -> bool:
        """Say whether anything was measured twice."""
        return self.freedom > 0


class Replicates:
    """Scores of programs under seeds, taken in one at a time; costs do not grow with their number."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[int, float]] = {}
        self._columns: dict[int, int] = {}
        self._gram = np.zeros((0, 0))  # of the seeds' indicators, programs' means taken out
        self._moment = np.zeros(0)
        self._squares = 0.0
        self._freedom = 0
        self._noise: Noise | None = Noise()

    def add(self, program: str, seed: int, score: float) -> None:
        """Take in a score; a second one of the same program and seed says nothing of the seeds."""
        row = self._rows.setdefault(program, {})
        if seed in row:
            return
        self._noise = None
        if seed not in self._columns:
            self._columns[seed] = len(self._columns)
            self._gram = np.pad(self._gram, (0, 1))
            self._moment = np.pad(self._moment, (0, 1))
        self._count(row, -1.0)
        row[seed] = score
        self._count(row, 1.0)
        self._freedom += len(row) > 1

    def noise(self) -> Noise:
        """Return what all of them say."""
        if self._noise is None:
            self._noise = self._estimated()
        return self._noise

    def _count(self, row: dict[int, float], sign: float) -> None:
        """Add a program's part to the sums, or take it out."""
        if len(row) < 2:
            return
        at = np.array([self._columns[seed] for seed in row])
        scores = np.array(list(row.values()))
        apart = scores - scores.mean()
        self._gram[np.ix_(at, at)] += sign * (np.eye(len(row)) - 1.0 / len(row))
        self._moment[at] += sign * apart
        self._squares = max(0.0, self._squares + sign * float(apart @ apart))

    def _estimated(self) -> Noise:
        if not self._freedom:
            return Noise()
        together = self._squares / self._freedom
        rest_freedom = self._freedom - int(np.linalg.matrix_rank(self._gram))
        if rest_freedom < ENOUGH or together == 0.0:
            return Noise(math.sqrt(together), self._freedom)
        fitted = float(self._moment @ np.linalg.pinv(self._gram, hermitian=True) @ self._moment)
        rest = max(0.0, self._squares - fitted) / rest_freedom
        shared = min(MOST_SHARED, max(0.0, 1.0 - rest / together))
        return Noise(math.sqrt(together), rest_freedom, shared)
