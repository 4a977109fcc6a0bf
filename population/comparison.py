"""Which of two programs is better, and how sure that is (pure).

Programs are compared under common seeds as far as both have them. With equal variances and a known share rho
of the variance that a seed has in common (see ``noise``), the best linear estimate of the difference is that
of generalised least squares: a pair under one seed counts with covariance rho, any further score by itself.
Student's t has the degrees of freedom of the pooled noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from population.noise import Noise
from population.variant import Direction

Scores = Mapping[int, float]
"""The scores of one exact source, by the seed that they were measured under."""


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one program is better than another.

    Args:
        gain: the estimate, positive when the first one is better.
        standard_error: its standard error.
        freedom: degrees of freedom of that error.
        pairs: seeds that both were measured under.
    """

    gain: float
    standard_error: float
    freedom: int
    pairs: int

    @property
    def t(self) -> float:
        """The gain in standard errors."""
        if self.standard_error > 0.0:
            return self.gain / self.standard_error
        return math.copysign(math.inf, self.gain) if self.gain else 0.0

    @property
    def p_value(self) -> float:
        """Probability of such a gain, or a larger one, if the first one is no better (one-sided)."""
        return _below(-self.t, self.freedom)

    @property
    def probability(self) -> float:
        """P(the first one is better), every gain being as likely beforehand."""
        return _below(self.t, self.freedom)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the gain."""
        reach = float(stdtrit(self.freedom, 0.5 + level / 2)) * self.standard_error
        return self.gain - reach, self.gain + reach


def compare(one: Scores, other: Scores, direction: Direction, noise: Noise) -> Difference | None:
    """Compare two programs by all their scores; None while one has none or the noise is unknown."""
    if not one or not other or not noise.known:
        return None
    common = one.keys() & other.keys()
    rho, variance = noise.shared, noise.deviation**2
    pair = np.array([[1.0, -rho], [-rho, 1.0]]) / (1.0 - rho**2)
    alone = np.array([len(one) - len(common), len(other) - len(common)], dtype=float)
    information = len(common) * pair + np.diag(alone)
    paired = np.array(
        [sum(one[seed] for seed in sorted(common)), sum(other[seed] for seed in sorted(common))]
    )
    apart = np.array(
        [
            sum(score for seed, score in one.items() if seed not in common),
            sum(score for seed, score in other.items() if seed not in common),
        ]
    )
    covariance = np.linalg.inv(information)
    means = covariance @ (pair @ paired + apart)
    contrast = np.array([1.0, -1.0])
    spread = float(contrast @ covariance @ contrast) * variance
    gain = direction.gain(float(means[0]), over=float(means[1]))
    return Difference(gain, math.sqrt(max(0.0, spread)), noise.freedom, len(common))


def paired(one: Scores, other: Scores, direction: Direction) -> Difference | None:
    """Compare two programs by the differences under common seeds alone; None with fewer than two.

    The noise is taken from these differences themselves (Student 1908, The Probable Error of a Mean).
    """
    gains = np.array(
        [direction.gain(one[seed], over=other[seed]) for seed in sorted(one.keys() & other.keys())]
    )
    if len(gains) < 2:
        return None
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    return Difference(float(gains.mean()), error, len(gains) - 1, len(gains))


def _below(t: float, freedom: int) -> float:
    """Return the distribution function of Student's t."""
    if math.isinf(t):
        return float(t > 0)
    return float(stdtr(freedom, t))
