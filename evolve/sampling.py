"""Drawing a trial's values near the best ones so far, by a surface through all scores.

A few bursts say more of the neighbourhood of a point than of the whole space, so a draw stays in a box around
the best point (a trust region: Eriksson et al., Scalable Global Optimization via Local Bayesian Optimization,
NeurIPS 2019), whose middle is the point with the best expected score, not the luckiest. In the box the
expected improvement decides (Jones et al., Journal of Global Optimization 13, 1998), against that expected
score (the plug-in for noisy scores: Picheny et al., Structural and Multidisciplinary Optimization 48, 2013).
What came of other samplers: docs/policy.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.random import Generator
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from evolve import surface
from evolve.cube import Cube, Units
from evolve.surface import Data, Surface
from population.surrogate import expected_improvement

PARENT = "parent"
"""User attribute of a trial that is a parent's."""

AGAIN = "again"
"""User attribute of a trial that compares two scores under another seed: twice the variance of one."""

REACH = 0.25
"""Half the width of the box, as a share of each range."""

_FEW = 5  # scores up to which draws are random in the box
_DRAWS = 2000
_REFINED = 5  # best draws that are gone on from
_CLOSER = (0.06, 0.03, 0.015)  # half the widths of the boxes around these, one after the other
_BESIDE = 40  # draws in each
_TRIES = 20  # random draws for one that was not tried before
_FOREIGN = 0.3  # what a parent's trials may be off, as a share of the scores' standard deviation
_WARY = 0.25  # how far from a failure others are expected


@dataclass(frozen=True, slots=True)
class Scores:
    """What the trials of a study say, the smaller the better.

    Args:
        cube: the space.
        units: points with a score.
        scores: theirs.
        own: which are the variant's own.
        extra: variance of each beyond one burst's noise.
        noise: standard deviation of one burst; None while unknown.
        failed: points that failed or were pruned.
    """

    cube: Cube
    units: Units
    scores: NDArray[np.float64]
    own: NDArray[np.bool_]
    extra: NDArray[np.float64]
    noise: float | None
    failed: Units

    def surface(self) -> Surface:
        """Return a surface through the scores, two at least."""
        return surface.lay(Data(self.cube.embedded(self.units), self.scores, self.extra, self.noise))


def scores_of(trials: Sequence[FrozenTrial], cube: Cube, minimize: bool, noise: float | None) -> Scores:
    """Gather the scores of trials whose values are all known."""
    whole = [trial for trial in trials if trial.params.keys() == cube.space.keys()]
    scored = [trial for trial in whole if trial.state is TrialState.COMPLETE and trial.value is not None]
    bad = [trial for trial in whole if trial.state in (TrialState.FAIL, TrialState.PRUNED)]
    scores = np.array([(trial.value or 0.0) * (1.0 if minimize else -1.0) for trial in scored])
    foreign = np.array([PARENT in trial.user_attrs for trial in scored], dtype=bool)
    doubled = np.array([AGAIN in trial.user_attrs for trial in scored], dtype=bool)
    variance = (noise or 0.0) ** 2
    strange = 3.0 * variance + (_FOREIGN * float(scores.std())) ** 2 if len(scores) else 0.0
    return Scores(
        cube,
        _stacked([cube.unit(trial.params) for trial in scored], len(cube.space)),
        scores,
        ~foreign,
        np.where(foreign, strange, np.where(doubled, variance, 0.0)),
        noise,
        _stacked([cube.unit(trial.params) for trial in bad], len(cube.space)),
    )


class Nearby(BaseSampler):
    """An Optuna sampler that draws near the best point so far.

    Args:
        seed: of what is drawn.
        noise: standard deviation of one burst; None while unknown.
    """

    def __init__(self, seed: int, noise: float | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._noise = noise
        self._space = optuna.search_space.IntersectionSearchSpace()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the tunables that all trials have."""
        return self._space.calculate(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw all tunables; none where no trial has a score yet."""
        if not search_space:
            return {}
        cube = Cube(search_space)
        minimize = study.direction is StudyDirection.MINIMIZE
        known = scores_of(study.get_trials(deepcopy=False), cube, minimize, self._noise)
        return cube.params(draw(known, self._rng)) if len(known.scores) else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one tunable from its whole range."""
        middle = Cube({param_name: param_distribution})
        drawn = middle.near(np.full((1, 1), 0.5), 0.5, self._rng)
        return middle.params(drawn[0])[param_name]


def draw(known: Scores, rng: Generator) -> Units:
    """Draw a point to be tried next; one that was tried before only if no other is found."""
    tried = np.concatenate([known.units[known.own], known.failed])
    if len(known.scores) < _FEW:
        return _at_random(known, tried, rng)
    laid = known.surface()
    expected = laid.expected(known.cube.embedded(known.units))
    middle = known.units[int(np.argmin(expected))]
    least = float(expected[known.own].min()) if known.own.any() else float(expected.min())

    def promise(units: Units) -> NDArray[np.float64]:
        points = known.cube.embedded(units)
        gains = expected_improvement(*laid.estimated(points), least) * _sound(known, points)
        out = _among(units, tried) | ~known.cube.within(units, middle, REACH)
        return np.where(out, -1.0, gains)

    found = _changed(np.tile(middle, (_DRAWS, 1)), known.cube, REACH, rng)
    promises = promise(found)
    best = np.argsort(-promises, kind="stable")[:_REFINED]
    found, promises = found[best], promises[best]
    for reach in _CLOSER:
        beside = _changed(np.repeat(found, _BESIDE, axis=0), known.cube, reach, rng)
        more = promise(beside)
        found, promises = np.concatenate([found, beside]), np.concatenate([promises, more])
        best = np.argsort(-promises, kind="stable")[:_REFINED]
        found, promises = found[best], promises[best]
    return np.asarray(found[0])


def _at_random(known: Scores, tried: Units, rng: Generator) -> Units:
    """Draw near the best score, some tunables changed."""
    own = np.flatnonzero(known.own)
    among = own if len(own) else np.arange(len(known.scores))
    middle = known.units[among[int(np.argmin(known.scores[among]))]]
    drawn = _changed(np.tile(middle, (_TRIES, 1)), known.cube, REACH, rng, few=False)
    fresh = drawn[~_among(drawn, tried)]
    return np.asarray(fresh[0] if len(fresh) else drawn[0])


def _changed(around: Units, cube: Cube, reach: float, rng: Generator, few: bool = True) -> Units:
    """Draw around each point; of some draws only a few tunables change, of others half, or all."""
    drawn = cube.near(around, reach, rng)
    count, width = drawn.shape
    shares = np.array([min(1.0, 2.0 / width), 0.5, 1.0]) if few else np.array([0.5])
    changes = rng.random((count, width)) < rng.choice(shares, (count, 1))
    changes[np.arange(count), rng.integers(width, size=count)] = True
    return np.where(changes, drawn, around)


def _sound(known: Scores, points: Units) -> NDArray[np.float64]:
    """Return the share of successes around each point, distant trials counting less."""
    if not len(known.failed):
        return np.ones(len(points))
    good, bad = known.cube.embedded(known.units), known.cube.embedded(known.failed)
    successes, failures = (_nearness(points, some) for some in (good, bad))
    return (1.0 + successes) / (1.0 + successes + 2.0 * failures)


def _nearness(points: Units, others: Units) -> NDArray[np.float64]:
    squares = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-squares / (2.0 * _WARY**2)).sum(axis=1))


def _among(units: Units, tried: Units) -> NDArray[np.bool_]:
    """Say which points were tried before."""
    if not len(tried):
        return np.zeros(len(units), dtype=bool)
    return np.asarray(np.any(np.all(np.abs(units[:, None] - tried[None]) < 1e-9, axis=2), axis=1))


def _stacked(units: Sequence[Units], width: int) -> Units:
    return np.stack(units) if units else np.empty((0, width))
