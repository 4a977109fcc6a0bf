"""What a parent's trials say of a child: taken over where names and ranges agree (pure).

Nearby programs have nearby responses to their numbers, so that a study need not begin with nothing (transfer
of trials across tasks by their shared parameters: cf. Swersky et al., Multi-Task Bayesian Optimization,
NeurIPS 2013). What the child's structure is worth moves all scores alike: a parent's trials are shifted by
what the child's own score differs from what the parent's trials expect at the child's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from evolve.cube import Cube
from evolve.sampling import PARENT, scores_of
from population.genome import Tunable, rounded
from population.variant import Direction, Value

MOST = 40
"""Trials taken over from one parent at most."""

_SHARED = 0.5  # share of the child's tunables that the parent must have tuned
_ENOUGH = 3  # trials through which a surface is laid

Space = Mapping[str, BaseDistribution]


def inherited(
    trials: Sequence[FrozenTrial],
    parent: str,
    tunables: Mapping[str, Tunable],
    space: Space,
    own: tuple[Mapping[str, Value], float],
    direction: Direction,
    noise: float | None,
) -> list[FrozenTrial]:
    """Return a parent's trials as they stand in its child's study, best first, its own before its parents'.

    Args:
        trials: of the parent's study.
        parent: its id.
        tunables: the child's.
        space: their distributions.
        own: the values in the child's source, and its score with them.
        direction: which way the metric is better.
        noise: standard deviation of one burst; None while unknown.
    """
    values, score = own
    whole = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.value is not None]
    if not whole:
        return []
    shared = _shared(whole[0].distributions, space)
    if len(shared) < _SHARED * len(space):
        return []
    fitting = [one for one in whole if _fits(one.params, shared, tunables)]
    if not fitting:
        return []
    shift = score - _expected(whole, shared, values, direction, noise)
    ranked = sorted(fitting, key=lambda one: (PARENT in one.user_attrs, direction.key(one.value or 0.0)))
    return [
        _taken_over(one, {**values, **shared_of(one, shared)}, shift, space, parent) for one in ranked[:MOST]
    ]


def shared_of(trial: FrozenTrial, names: Sequence[str]) -> dict[str, Any]:
    """Return a trial's values for some names."""
    return {name: trial.params[name] for name in names}


def _shared(theirs: Space, ours: Space) -> list[str]:
    """Return the names of both that mean the same: numbers of one kind and scale, or choices."""

    def alike(one: BaseDistribution, other: BaseDistribution) -> bool:
        if type(one) is not type(other):
            return False
        return getattr(one, "log", None) == getattr(other, "log", None)

    return [name for name, range_ in ours.items() if name in theirs and alike(theirs[name], range_)]


def _fits(params: Mapping[str, Any], shared: Sequence[str], tunables: Mapping[str, Tunable]) -> bool:
    """Say whether the child may have all of these values."""
    try:
        return all(rounded(tunables[name], params[name]) == params[name] for name in shared)
    except ValueError:  # not among its choices
        return False


def _expected(
    trials: Sequence[FrozenTrial],
    shared: Sequence[str],
    values: Mapping[str, Value],
    direction: Direction,
    noise: float | None,
) -> float:
    """Return the score that the parent's own trials expect at the child's numbers."""
    own = [trial for trial in trials if PARENT not in trial.user_attrs] or trials
    theirs = own[0].distributions
    within = {name: theirs[name] for name in shared if _holds(theirs[name], values[name])}
    if not within:
        return float(np.mean([trial.value for trial in own]))
    cube = Cube(within)
    part = [
        create_trial(params=shared_of(one, list(within)), distributions=dict(within), value=one.value)
        for one in own
    ]
    known = scores_of(part, cube, direction is Direction.MINIMIZE, noise)
    sign = 1.0 if direction is Direction.MINIMIZE else -1.0
    at = cube.embedded(cube.unit(values)[None])
    if len(known.scores) >= _ENOUGH:
        return sign * float(known.surface().expected(at)[0])
    away = ((cube.embedded(known.units) - at) ** 2).sum(axis=1)
    return sign * float(known.scores[int(np.argmin(away))])


def _holds(range_: BaseDistribution, value: Value) -> bool:
    """Say whether a value lies in a range."""
    if isinstance(range_, CategoricalDistribution):
        return value in range_.choices
    return bool(range_._contains(range_.to_internal_repr(value)))


def _taken_over(
    trial: FrozenTrial, values: Mapping[str, Any], shift: float, space: Space, parent: str
) -> FrozenTrial:
    """Return a parent's trial as it stands in a child's study."""
    return create_trial(
        params=dict(values),
        distributions=dict(space),
        value=(trial.value or 0.0) + shift,
        user_attrs={PARENT: parent},
    )
