"""Which numbers matter: how much each one moves the score near the best point (pure).

The main effect of a number is the surface's mean over all others (functional analysis of variance: Hutter,
Hoos & Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014, section 2; on a
Gaussian process: Oakley & O'Hagan, JRSS B 66(3), 2004). Beside it stands Optuna's PED-ANOVA (Watanabe et al.,
IJCAI 2023), which compares where the best trials lie with where all lie; with the few noisy trials of one
variant it finds the number that matters most far more rarely (docs/policy.md), so words go by main effects.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from evolve.sampling import REACH, Scores
from population.variant import Direction

ENOUGH = 10
"""Scored trials from which effects are told."""

_BACKGROUND = 64  # points that the other numbers are averaged over
_LINE = 7  # values of a number at which its effect is looked at
_TOP = 0.25  # share of the trials that PED-ANOVA takes for the best
_MATTERS, _IDLE = 0.2, 0.03  # shares of all effects together
_SEEN = 0.25  # bursts' standard deviations that an effect must have to be one


@dataclass(frozen=True, slots=True)
class Weight:
    """What one tunable does.

    Args:
        share: of all main effects together.
        swing: by how much its main effect moves the score within reach of the best point.
        ped_anova: its importance by PED-ANOVA, the sum of all being 1.
        matters: whether its effect is large; None for neither large nor small.
    """

    share: float
    swing: float
    ped_anova: float
    matters: bool | None


def weighed(known: Scores, trials: Sequence[FrozenTrial], direction: Direction) -> dict[str, Weight]:
    """Return what each tunable does, the weightiest first; nothing before there are enough trials.

    Args:
        known: the scores of a study.
        trials: the same trials, for PED-ANOVA.
        direction: which way the metric is better.
    """
    names = list(known.cube.space)
    if len(known.scores) < ENOUGH or not names:
        return {}
    laid = known.surface()
    middle = known.units[int(np.argmin(laid.expected(known.cube.embedded(known.units))))]
    around = known.cube.near(np.tile(middle, (_BACKGROUND, 1)), REACH, np.random.default_rng(0))
    variances, swings = [], []
    for at, name in enumerate(names):
        line = known.cube.line(name, float(middle[at]), REACH, _LINE)
        points = np.repeat(around[None], len(line), axis=0)
        points[:, :, at] = line[:, None]
        flat = points.reshape(-1, len(names))
        effect = laid.expected(known.cube.embedded(flat)).reshape(len(line), -1).mean(axis=1)
        variances.append(float(effect.var()))
        swings.append(float(np.ptp(effect)))
    total = sum(variances) or 1.0
    peds = _ped_anova(trials, names, direction)
    least = _SEEN * (known.noise or 0.0)
    weights = {}
    for name, variance, swing in zip(names, variances, swings, strict=True):
        share = variance / total
        matters = True if share >= _MATTERS and swing > least else False if share < _IDLE else None
        weights[name] = Weight(share, swing, peds[name], matters)
    return dict(sorted(weights.items(), key=lambda pair: (-pair[1].share, pair[0])))


def _ped_anova(
    trials: Sequence[FrozenTrial], names: Sequence[str], direction: Direction
) -> Mapping[str, float]:
    """Return PED-ANOVA's importances, of sum 1."""
    from optuna.importance import PedAnovaImportanceEvaluator  # brings scikit-learn in: 0.4 s that few need

    study = optuna.create_study(direction=direction.value)
    study.add_trials(trials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is experimental, and that trials are few
        found = PedAnovaImportanceEvaluator(target_quantile=_TOP).evaluate(study, params=list(names))
    total = sum(found.values()) or 1.0
    return {name: float(found[name]) / total for name in names}
