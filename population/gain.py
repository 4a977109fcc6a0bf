"""By how much a child is better than its parents, and how sure that is (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from population.fitness import Fitness
from population.variant import Direction

_CLEAR = 2.0  # standard errors past which a loss is no luck


class Gain(msgspec.Struct, frozen=True, gc=False):
    """A gain over the best parent (negative: a loss) and its standard error, NaN while no noise is known."""

    value: float
    error: float

    @property
    def better(self) -> bool:
        """Say whether it is a gain past one standard error."""
        return self.value > self.error

    @property
    def sure(self) -> bool:
        """Say whether it is a gain past two standard errors."""
        return self.value > _CLEAR * self.error

    @property
    def worse(self) -> bool:
        """Say whether it is a loss past two standard errors.

        A parent was chosen by scores that flatter it, so a child that changes nothing loses about one.
        """
        return self.value < -_CLEAR * self.error

    def __str__(self) -> str:
        if math.isnan(self.error):
            return f"{self.value:+.4f}"
        doubt = " (within noise)" if abs(self.value) < self.error else ""
        return f"{self.value:+.4f} ± {self.error:.4f}{doubt}"


def gained(own: Fitness | None, parents: Sequence[Fitness], direction: Direction) -> Gain | None:
    """Return the gain over the best of the parents; None where one side has no score."""
    if own is None or not parents:
        return None
    best = min(parents, key=lambda one: direction.key(one.mean))
    error = math.hypot(own.standard_error, best.standard_error)
    return Gain(direction.gain(own.mean, over=best.mean), error)
