"""Small random steps of a source's tunables, each inside its range (pure given the generator)."""

from __future__ import annotations

import math

from numpy.random import Generator

from operators.edits import Edited, change_line
from population.genome import Tunable, parse_tunables, rounded, with_values
from population.variant import Value

SPREAD = 0.1
"""Standard deviation of a step, as a share of the tunable's range (of its logarithm where ``log``)."""

_TRIES = 8
_HOW_MANY = (0.6, 0.25, 0.15)  # chances of stepping 1, 2 or 3 tunables


def jitter(source: str, rng: Generator) -> Edited | None:
    """Step one to three tunables; None when the source has none that can move."""
    tunables = parse_tunables(source)
    if not tunables:
        return None
    count = min(1 + int(rng.choice(len(_HOW_MANY), p=_HOW_MANY)), len(tunables))
    changes = {}
    for i in sorted(rng.permutation(len(tunables))[:count]):
        tunable = tunables[i]
        value = stepped(tunable, rng)
        if value is not None:
            changes[tunable.name] = (tunable.value, value)
    if not changes:
        return None
    values: dict[str, Value] = {name: new for name, (_, new) in changes.items()}
    return Edited(with_values(source, values), change_line(changes))


def stepped(tunable: Tunable, rng: Generator) -> Value | None:
    """Return a value near the tunable's, allowed and different; None when none was found."""
    if tunable.kind == "choice" or isinstance(tunable.value, str):
        place = tunable.choices.index(tunable.value) + (1 if rng.random() < 0.5 else -1)
        return tunable.choices[place % len(tunable.choices)]
    for _ in range(_TRIES):
        near = _near(tunable.value, tunable.low, tunable.high, tunable.log, rng)
        if tunable.kind == "int":
            near = _whole(near, tunable.value, tunable.step, rng)
        else:
            near = float(f"{near:.{3 if tunable.log else 4}g}")  # as a person would write it
        value = rounded(tunable, near)
        if value != tunable.value:
            return value
    return None


def offers(tunable: Tunable, rng: Generator, count: int = 3) -> tuple[Value, ...]:
    """Return up to ``count`` different values to choose from: other choices, or steps, sorted."""
    if tunable.kind == "choice":
        others = [choice for choice in tunable.choices if choice != tunable.value]
        return tuple(others[i] for i in sorted(rng.permutation(len(others))[:count]))
    steps = {stepped(tunable, rng) for _ in range(count)}
    return tuple(sorted(step for step in steps if isinstance(step, int | float)))


def _near(value: float, low: float, high: float, log: bool, rng: Generator) -> float:
    """Return a normal step from ``value``, thrown back at the ends of the range."""
    if log:
        return math.exp(_near(math.log(value), math.log(low), math.log(high), False, rng))
    moved = value + float(rng.normal(0.0, SPREAD * (high - low)))
    moved = 2 * low - moved if moved < low else moved
    moved = 2 * high - moved if moved > high else moved
    return min(max(moved, low), high)


def _whole(near: float, old: float, step: int, rng: Generator) -> float:
    """Return the point of the grid nearest to ``near``, or one beside ``old`` when that is ``old`` itself."""
    steps = round((near - old) / step)
    return old + step * (steps or (1 if rng.random() < 0.5 else -1))
