"""Which ideas to put together: a beam search among their combinations, by what they promise (pure).

An idea is a change of whatever it is applied to, so a combination costs no LLM call, and its promise no
burst. There are too many to look at each; but what promises much is mostly an extension of what promises
much, since a surrogate that knows of pairs says of a half already that more may come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from population.surrogate import Array, Rows

Flags = NDArray[np.bool_]

_WIDTH = 6  # combinations that are extended each time

UNCHANGED = math.inf
"""In the row of an idea, where it leaves a number as it is; NaN is a number that it takes away."""


@dataclass(frozen=True, slots=True)
class Combinations:
    """Some combinations of ideas, single ideas first.

    Args:
        ideas: places of the ideas of each, in the order in which they are applied.
        rows: what they are compared by.
        promise: of each.
    """

    ideas: tuple[tuple[int, ...], ...]
    rows: Rows
    promise: Array


def combined(
    base: Rows,
    ideas: Rows,
    before: Array,
    promise: Callable[[Rows], Array],
    size: int,
    untried: Container[int] = (),
) -> Combinations:
    """Return all ideas that change something, and the combinations found by the search.

    Args:
        base: what they are applied to, one row.
        ideas: a row each; in lines NaN and in numbers ``UNCHANGED`` where it changes nothing.
        before: lines that each found in its parent where it changes some, (ideas, words); NaN elsewhere.
        promise: says how much programs promise, the more the better.
        size: ideas in one at most.
        untried: places of ideas of which there is to be one at most: if the program fails, it is that one.
    """
    found: list[tuple[int, ...]] = []
    rows, values = Rows(base.lines[:0], base.numbers[:0]), np.empty(0)
    seen: set[frozenset[int]] = set()
    for count in range(size):
        fresh: list[tuple[int, ...]] = []
        parts: list[Rows] = []
        origins: list[tuple[tuple[int, ...], Rows]] = [((), base)]
        if count:
            best = np.argsort(-values, kind="stable")[:_WIDTH].tolist()
            origins = [(found[at], rows.one(at)) for at in best]
        for origin, row in origins:
            more = _applied(row, ideas)
            one_is_new = any(at in untried for at in origin)
            kept = []
            for at in np.flatnonzero(_differ(more, row) & _fit(row, before)).tolist():
                key = frozenset({*origin, at})
                if key not in seen and not (one_is_new and at in untried):
                    seen.add(key)
                    fresh.append((*origin, at))
                    kept.append(at)
            parts.append(Rows(more.lines[kept], more.numbers[kept]))
        if not fresh:
            break
        added = joined(parts)
        found += fresh
        rows = joined([rows, added])
        values = np.concatenate([values, promise(added)])
    return Combinations(tuple(found), rows, values)


def joined(parts: list[Rows]) -> Rows:
    """Return rows below one another."""
    return Rows(np.concatenate([one.lines for one in parts]), np.concatenate([one.numbers for one in parts]))


def _applied(row: Rows, ideas: Rows) -> Rows:
    """Return one program with each of the ideas in turn."""
    return Rows(
        np.where(np.isnan(ideas.lines), row.lines, ideas.lines),
        np.where(ideas.numbers == UNCHANGED, row.numbers, ideas.numbers),
    )


def _fit(row: Rows, before: Array) -> Flags:
    """Say which ideas find in a program the lines that they change: others are in conflict with it."""
    found: Flags = (np.isnan(before) | ((row.lines != 0.0) == (before != 0.0))).all(axis=1)
    return found


def _differ(rows: Rows, row: Rows) -> Flags:
    """Say which programs are others than one."""
    numbers = (rows.numbers != row.numbers) & ~(np.isnan(rows.numbers) & np.isnan(row.numbers))
    found: Flags = (rows.lines != row.lines).any(axis=1) | numbers.any(axis=1)
    return found
