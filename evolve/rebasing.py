"""A proposal carried over to another parent than the one that it was written for (pure)."""

from __future__ import annotations

from operators.merging import Merging
from operators.syntactic import is_sound
from population.genome import TuneError


def rebased(parent: str, child: str, onto: str) -> str | None:
    """Return ``onto`` with all that ``child`` changed in ``parent``; None where that is in conflict.

    It is a three-way merge, as of ``git rebase``, statement by statement (see ``operators.merging``).

    Args:
        parent: the source that the child was written for.
        child: the proposal.
        onto: another descendant of the parent, or its ancestor.
    """
    try:
        merging = Merging(parent, onto, child)
        everything = range(len(merging.groups))
        if merging.conflicts or not any(group.side for group in merging.groups):
            return None
        source = merging.merged(everything, {at: float(merging.groups[at].side) for at in everything})
        sound = is_sound(source, [onto, child]) and merging.coherent(source)
    except (SyntaxError, TuneError, ValueError, RecursionError):
        return None
    return source if sound else None
