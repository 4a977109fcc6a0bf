"""Which steps of a lineage brought a change about: the origin of each line, as in ``git blame`` (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from population.statements import Span, Statement, changes
from population.variant import Value

Steps = frozenset[int]
"""Numbers of steps, from 1: step k leads from text k - 1 of a way to text k."""

_NONE: Steps = frozenset()


def steps_of(way: Sequence[Sequence[Statement]], spans: Sequence[Span]) -> list[Steps]:
    """Return for each change from the first to the last text of a way the steps that brought it about.

    Those are the steps that wrote its new statements or what these took the place of, and those that took its
    old ones away.

    Args:
        way: the texts, oldest first.
        spans: changes from the first to the last one.
    """
    gone, come = _ends(way)
    return [_NONE.union(*come[one.at : one.stop], *gone[one.start : one.end]) for one in spans]


def setters(way: Sequence[Mapping[str, Value]]) -> dict[str, int]:
    """Return for each tunable of the last text the step that gave it its value; 0 for a value as at first."""
    return {name: _setter(way, name) for name in way[-1]}


def _setter(way: Sequence[Mapping[str, Value]], name: str) -> int:
    """Return the last step before which a tunable had another value, or was none."""
    value = way[-1][name]
    return next((step for step in range(len(way) - 1, 0, -1) if way[step - 1].get(name) != value), 0)


def _ends(way: Sequence[Sequence[Statement]]) -> tuple[list[Steps], list[Steps]]:
    """Return the steps that took each statement of the first text away, and those that wrote the last's."""
    gone, come = [_NONE] * len(way[0]), [_NONE] * len(way[0])
    first: list[int | None] = [*range(len(way[0]))]  # where each statement of this text stood in the first
    for step, (old, new) in enumerate(pairwise(way), 1):
        origins: list[int | None] = []
        written: list[Steps] = []
        done = 0
        for span in changes(old, new):
            steps = frozenset({step}).union(*come[span.start : span.end])
            origins += [*first[done : span.start], *([None] * (span.stop - span.at))]
            written += [*come[done : span.start], *([steps] * (span.stop - span.at))]
            for place in first[span.start : span.end]:
                if place is not None:
                    gone[place] = frozenset({step})
            done = span.end
        first = [*origins, *first[done:]]
        come = [*written, *come[done:]]
    return gone, come
