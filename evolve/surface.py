"""What trials say of all numbers near them: a Gaussian process over the tunables (pure).

Scores are noisy, so the best one is lucky in part. A surface through all of them, as smooth as they allow and
no closer to each than its noise asks, says what each is worth without its luck (Rasmussen & Williams,
Gaussian Processes for Machine Learning, 2006, sections 2.2 and 5.4): Matern kernel with nu = 5/2, one length
a tunable. Lengths, scale and noise are the most probable ones under weak priors; lengths are expected to grow
with the root of the number of tunables (Hvarfner et al., Vanilla Bayesian Optimization Performs Great in High
Dimensions, ICML 2024, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

Points = NDArray[np.float64]
"""Points of the unit cube, one a row."""

_LENGTH = 0.5  # expected length of a tunable's effect for one tunable, as a share of its range
_GUESS = 0.1  # share of the scores' variance that is taken for noise while nothing is known of it
_SURE = 0.3  # how far the noise that is known may be off, in logarithms
_UNSURE = 1.5
_LEAST = 1e-6  # of the scores' variance: keeps the matrices regular
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Data:
    """Scores to lay a surface through.

    Args:
        points: where they were measured.
        scores: the smaller, the better.
        extra: variance of each beyond one burst's noise.
        noise: standard deviation of one burst; None while that is unknown.
    """

    points: Points
    scores: NDArray[np.float64]
    extra: NDArray[np.float64]
    noise: float | None


@dataclass(frozen=True, slots=True)
class Surface:
    """A surface through scores.

    Args:
        points: where it was measured.
        lengths: how far each coordinate's effect reaches.
        scale: variance of the standardised scores that it explains.
        factor: lower Cholesky factor of the scores' covariance.
        weights: what each score adds to the surface.
        middle: mean of the scores.
        spread: their standard deviation.
    """

    points: Points
    lengths: NDArray[np.float64]
    scale: float
    factor: NDArray[np.float64]
    weights: NDArray[np.float64]
    middle: float
    spread: float

    def expected(self, points: Points) -> NDArray[np.float64]:
        """Return the score to be expected at each point, without noise."""
        kernel = _kernel(points, self.points, self.lengths, self.scale)
        return np.asarray(self.middle + self.spread * (kernel @ self.weights))

    def estimated(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the expected score at each point, and its standard error."""
        kernel = _kernel(points, self.points, self.lengths, self.scale)
        half = solve_triangular(self.factor, kernel.T, lower=True)
        variance = np.maximum(self.scale - (half**2).sum(axis=0), 1e-12)
        return self.middle + self.spread * (kernel @ self.weights), self.spread * np.sqrt(variance)

    def apart(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
        """Return by how much the score at one point is below that at another, and the standard error."""
        both = np.stack([one, other])
        kernel = _kernel(both, self.points, self.lengths, self.scale)
        prior = _kernel(both, both, self.lengths, self.scale)
        half = solve_triangular(self.factor, kernel.T, lower=True)
        contrast = np.array([-1.0, 1.0])
        mean = float(contrast @ (kernel @ self.weights)) * self.spread
        variance = float(contrast @ (prior - half.T @ half) @ contrast)
        return mean, self.spread * math.sqrt(max(0.0, variance))


def lay(data: Data) -> Surface:
    """Lay a surface through scores, two at least."""
    middle = float(data.scores.mean())
    spread = max(float(data.scores.std()), 1e-12 * max(1.0, abs(middle)))
    heights = (data.scores - middle) / spread
    fit = _Fit(data, heights, spread)
    found = min((fit.best_from(start) for start in fit.starts()), key=lambda pair: pair[1])[0]
    lengths, scale, noise = fit.read(found)
    covariance = _kernel(data.points, data.points, lengths, scale) + np.diag(noise)
    factor = cho_factor(covariance, lower=True)
    weights = cho_solve(factor, heights)
    return Surface(data.points, lengths, scale, np.tril(factor[0]), np.asarray(weights), middle, spread)


class _Fit:
    """The most probable lengths, scale and noise, all in logarithms."""

    def __init__(self, data: Data, heights: NDArray[np.float64], spread: float) -> None:
        self._heights = heights
        self._squares = (data.points[:, None] - data.points[None]) ** 2
        self._extra = data.extra / spread**2
        count = data.points.shape[1]
        known = data.noise is not None
        variance = _GUESS if data.noise is None else max((data.noise / spread) ** 2, _LEAST)
        self._middle = np.array([*[math.log(_LENGTH * math.sqrt(count))] * count, 0.0, math.log(variance)])
        self._widths = np.array([*[1.0] * count, 1.0, _SURE if known else _UNSURE])

    def starts(self) -> Sequence[NDArray[np.float64]]:
        """Return where to start from: what is expected, and effects of half that length."""
        shorter = self._middle.copy()
        shorter[:-2] -= math.log(2.0)
        return self._middle, shorter

    def read(self, logs: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """Return lengths, scale, and the noise of each score."""
        return np.exp(logs[:-2]), math.exp(logs[-2]), math.exp(logs[-1]) + _LEAST + self._extra

    def best_from(self, start: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Climb from a start; return what was found and its loss."""
        bounds = [(middle - 5.0, middle + 5.0) for middle in self._middle]
        options = {"maxiter": _STEPS}
        found = minimize(self._loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return found.x, float(found.fun)

    def _loss(self, logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return minus the logarithm of the posterior, and its gradient."""
        lengths, scale, noise = self.read(logs)
        inverse = lengths**-2.0
        root = np.sqrt(5.0 * (self._squares @ inverse))
        fall = scale * np.exp(-root)
        kernel = fall * (1.0 + root + root**2 / 3.0)
        factor = cho_factor(kernel + np.diag(noise), lower=True)
        weights = cho_solve(factor, self._heights)
        pull = np.outer(weights, weights) - cho_solve(factor, np.eye(len(noise)))
        gradient = np.empty_like(logs)
        slope = pull * fall * (1.0 + root) * (5.0 / 3.0)
        gradient[:-2] = 0.5 * np.einsum("ij,ijk->k", slope, self._squares) * inverse
        gradient[-2] = 0.5 * float((pull * kernel).sum())
        gradient[-1] = 0.5 * float(np.trace(pull)) * math.exp(logs[-1])
        away = (logs - self._middle) / self._widths
        fits = -0.5 * float(self._heights @ weights) - float(np.log(np.diag(factor[0])).sum())
        return 0.5 * float(away @ away) - fits, away / self._widths - gradient


def _kernel(one: Points, other: Points, lengths: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return the covariance of the surface between each two points."""
    root = np.sqrt(5.0 * (((one[:, None] - other[None]) ** 2) @ lengths**-2.0))
    return np.asarray(scale * np.exp(-root) * (1.0 + root + root**2 / 3.0))
