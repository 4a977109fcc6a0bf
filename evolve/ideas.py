"""An idea: what a proposal changes in its parent, wherever else it may be applied (pure)."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from evolve.jobs import Birth
from operators.proposal import Proposal
from population.genome import Tunable
from population.surrogate import Traits

T = TypeVar("T")


class Standing(enum.StrEnum):
    """How an idea stands."""

    WAITS = "waits"  # it has not been run
    OUT = "out"  # it is part of a program that is being measured, for the first time
    WORKS = "works"  # a program that it is part of came to a score


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a program before it is measured.

    Args:
        traits: what it is compared by.
        tunables: its numbers, by name.
    """

    traits: Traits
    tunables: Mapping[str, Tunable]


@dataclass(frozen=True, slots=True)
class Change:
    """What one program has otherwise than another.

    Args:
        before, lines: weight of each line that changes, 0 where it is not there.
        numbers: place of each number that changes, NaN where it is gone.
        tunables: numbers that change, None where one is gone.
    """

    before: Mapping[str, float]
    lines: Mapping[str, float]
    numbers: Mapping[str, float]
    tunables: Mapping[str, Tunable | None]


@dataclass(frozen=True, slots=True)
class Idea:
    """A proposal, on the shelf.

    Args:
        birth: the job that it came of.
        proposal: the child's source.
        own: what is known of it as it was written.
        change: what it changes in its parent; None where it has several.
        mark: its fingerprint.
        standing: how it stands.
    """

    birth: Birth
    proposal: Proposal
    own: Known
    change: Change | None
    mark: str
    standing: Standing


def change_of(parent: Known, child: Known) -> Change:
    """Return what a child has otherwise than its parent."""
    lines = {
        line: 0.0 if weight is None else weight
        for line, weight in _changed(parent.traits.lines, child.traits.lines).items()
        if not line.startswith("=")
    }
    return Change(
        before={line: parent.traits.lines.get(line, 0.0) for line in lines},
        lines=lines,
        numbers={
            name: math.nan if place is None else place
            for name, place in _changed(parent.traits.numbers, child.traits.numbers).items()
        },
        tunables=_changed(parent.tunables, child.tunables),
    )


def _changed(parent: Mapping[str, T], child: Mapping[str, T]) -> dict[str, T | None]:
    """Return what ``child`` has otherwise than ``parent``, and None for what it has not."""
    gone = dict.fromkeys(key for key in parent if key not in child)
    return gone | {key: value for key, value in child.items() if parent.get(key) != value}
