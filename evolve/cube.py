"""The space of a variant's tunables as a unit cube, so that a step means the same in each (pure).

A number lies between 0 and 1, on a logarithmic scale where its range is one; a choice is its place among the
choices. What is drawn is put on the grid of each tunable, so that a point of the cube is a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Units = NDArray[np.float64]
"""Points by tunable, one a row: a number as a share of its range, a choice by its place."""

_OTHER = 0.25  # chance that a draw nearby changes a choice


@dataclass(frozen=True)
class Cube:
    """The space of some tunables.

    Args:
        space: their distributions by name.
    """

    space: Mapping[str, BaseDistribution]

    def unit(self, params: Mapping[str, Any]) -> Units:
        """Return the point of these values."""
        return np.array([_unit(range_, params[name]) for name, range_ in self.space.items()])

    def params(self, unit: Units) -> dict[str, Any]:
        """Return the values of a point."""
        return {
            name: _value(range_, float(at))
            for (name, range_), at in zip(self.space.items(), unit, strict=True)
        }

    def embedded(self, units: Units) -> Units:
        """Return points whose distances mean something: two different choices lie 1 apart."""
        columns = []
        for at, range_ in enumerate(self.space.values()):
            column = units[:, at]
            if isinstance(range_, CategoricalDistribution):
                columns += [(column == place) / np.sqrt(2.0) for place in range(len(range_.choices))]
            else:
                columns.append(column)
        return np.stack(columns, axis=1).astype(np.float64)

    def near(self, units: Units, reach: float, rng: Generator) -> Units:
        """Draw a point in the box around each of these, on the grid.

        Args:
            units: the points.
            reach: half the width of the box as a share of each range; a step of a grid at least.
            rng: draws.
        """
        drawn = np.empty_like(units)
        for at, range_ in enumerate(self.space.values()):
            here = units[:, at]
            if isinstance(range_, CategoricalDistribution):
                other = rng.integers(len(range_.choices), size=len(units))
                drawn[:, at] = np.where(rng.random(len(units)) < _OTHER, other, here)
            else:
                far = max(reach, 1.01 * _gap(range_))
                low, high = np.maximum(0.0, here - far), np.minimum(1.0, here + far)
                drawn[:, at] = _on_grid(range_, low + (high - low) * rng.random(len(units)))
        return drawn

    def within(self, units: Units, middle: Units, reach: float) -> NDArray[np.bool_]:
        """Say which points lie in the box around one."""
        far = [
            np.inf if isinstance(range_, CategoricalDistribution) else max(reach, 1.01 * _gap(range_))
            for range_ in self.space.values()
        ]
        return np.asarray(np.all(np.abs(units - middle) <= np.array(far) + 1e-9, axis=1))

    def line(self, name: str, around: float, reach: float, points: int) -> Units:
        """Return the values that one tunable can take within reach of a point, a few at most."""
        range_ = self.space[name]
        if isinstance(range_, CategoricalDistribution):
            return np.arange(len(range_.choices), dtype=np.float64)
        far = max(reach, 1.01 * _gap(range_))
        grid = np.linspace(max(0.0, around - far), min(1.0, around + far), points)
        return np.unique(_on_grid(range_, grid))


def _unit(range_: BaseDistribution, value: Any) -> float:
    """Return where a value lies in its range."""
    if isinstance(range_, CategoricalDistribution):
        return float(range_.to_internal_repr(value))
    low, high, at = (_scaled(range_, float(one)) for one in (*_ends(range_), value))
    return float((at - low) / (high - low)) if high > low else 0.0


def _value(range_: BaseDistribution, unit: float) -> Any:
    """Return the value that lies there, on the grid."""
    if isinstance(range_, CategoricalDistribution):
        return range_.to_external_repr(float(round(unit)))
    value = float(_values(range_, np.array([unit]))[0])
    return round(value) if isinstance(range_, IntDistribution) else value


def _values(range_: BaseDistribution, units: Units) -> Units:
    """Return the values that lie at these shares of a range, on the grid."""
    ends = _ends(range_)
    low, high = (_scaled(range_, one) for one in ends)
    values = low + (high - low) * units
    values = np.exp(values) if _log(range_) else values
    if isinstance(range_, IntDistribution):
        values = range_.low + np.round((values - range_.low) / range_.step) * range_.step
    return np.clip(values, *ends)


def _on_grid(range_: BaseDistribution, units: Units) -> Units:
    """Return the nearest shares of a range that are values of it."""
    if not isinstance(range_, IntDistribution):
        return units
    values = _values(range_, units)
    low, high = (_scaled(range_, one) for one in _ends(range_))
    return np.asarray(((np.log(values) if range_.log else values) - low) / (high - low))


def _ends(range_: BaseDistribution) -> tuple[float, float]:
    assert isinstance(range_, FloatDistribution | IntDistribution)
    return float(range_.low), float(range_.high)


def _log(range_: BaseDistribution) -> bool:
    return bool(getattr(range_, "log", False))


def _scaled(range_: BaseDistribution, value: float) -> float:
    return float(np.log(value)) if _log(range_) else value


def _gap(range_: BaseDistribution) -> float:
    """Return the largest distance between two neighbours of a grid, 0 where there is none."""
    if not isinstance(range_, IntDistribution) or range_.high <= range_.low:
        return 0.0
    return _unit(range_, range_.low + range_.step)
