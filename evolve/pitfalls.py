"""Numbers at which programs fail: values that never worked, and failed more than once (pure).

A limit of the machine or of the program itself (a batch that does not fit, a width that must divide) makes
every program beyond it fail, however much it promises. Which number is to blame is told by what explains most
failures: the greedy cover of Chvatal, "A Greedy Heuristic for the Set-Covering Problem" (Math. of OR 4(3),
1979).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from population.variant import Value

LEAST = 2
"""Failures that make a pitfall."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one program.

    Args:
        structure: what it is but for its numbers; equal for equal programs.
        values: of its numbers.
        failed: whether it failed.
    """

    structure: Hashable
    values: Mapping[str, Value]
    failed: bool


@dataclass(frozen=True, slots=True)
class Pitfall:
    """Values of one number that are to be kept away from: a range, or just one.

    Args:
        name: of the number.
        low: of the range.
        high: of the range.
        value: the one value, None for a range.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf
    value: Value | None = None

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Say whether a program with these values falls into it."""
        own = values.get(self.name)
        if own is None:
            return False
        if self.value is not None:
            return own == self.value
        return _is_number(own) and self.low <= float(own) <= self.high


@dataclass(frozen=True, slots=True)
class _Known:
    """The values of a number that worked; ``low`` and ``high`` are NaN where they are not all numbers."""

    values: frozenset[Value]
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[Value]) -> _Known:
        numbers = [float(one) for one in values if _is_number(one)]
        ordered = len(numbers) == len(values)
        return cls(
            frozenset(values), min(numbers) if ordered else math.nan, max(numbers) if ordered else math.nan
        )

    def side(self, value: Value) -> str | None:
        """Say where a value lies among those that worked, None where it is one of them."""
        if value in self.values:
            return None
        if not _is_number(value):
            return "at"
        return "above" if float(value) > self.high else "below" if float(value) < self.low else "at"


def pitfalls(trials: Sequence[Trial]) -> tuple[Pitfall, ...]:
    """Return what to keep away from, what explains most failures first.

    A failure says something of numbers where the same program has worked with others. A value is to blame
    beyond all values that worked, or where it is one that never did between them.
    """
    worked = [trial for trial in trials if not trial.failed]
    sound = {trial.structure for trial in worked}
    left = [trial.values for trial in trials if trial.failed and trial.structure in sound]
    if len(left) < LEAST:
        return ()
    values_of: defaultdict[str, list[Value]] = defaultdict(list)
    for trial in worked:
        for name, value in trial.values.items():
            values_of[name].append(value)
    known = {name: _Known.of(values) for name, values in values_of.items()}
    found: list[Pitfall] = []
    while left:
        counts: defaultdict[tuple[str, str, Value | None], list[Value]] = defaultdict(list)
        for values in left:
            for name, value in values.items():
                side = known[name].side(value) if name in known else None
                if side is not None:
                    counts[name, side, value if side == "at" else None].append(value)
        blamed = max(sorted(counts, key=repr), key=lambda key: len(counts[key]), default=None)
        if blamed is None or len(counts[blamed]) < LEAST:
            break
        pitfall = _pitfall(blamed[0], blamed[1], counts[blamed])
        found.append(pitfall)
        left = [values for values in left if not pitfall.holds(values)]
    return tuple(found)


def _pitfall(name: str, side: str, values: Sequence[Value]) -> Pitfall:
    """Return the values to keep away from, given those that failed."""
    if side == "above":
        return Pitfall(name, low=min(map(float, values)))
    if side == "below":
        return Pitfall(name, high=max(map(float, values)))
    return Pitfall(name, value=values[0])


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
