"""Whether an idea is worth a burst, after what came of it before (pure).

A model that is asked again and again proposes the same edits again, and puts back what was taken out: about
30 % of the lines added in such runs had been deleted before (arXiv 2605.20086). An idea that failed twice is
refused, unless it is drawn for a re-test: one short burst rejects true gains too, and an idea that is bad on
one parent may be good on another (epistasis: Weinreich, Watson & Chao, Evolution 59, 2005).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from population.edit import Edit, marks
from population.gain import Gain
from population.ideas import Outcome, Tried
from population.variant import FailureKind

ENOUGH = 2.0
"""Failures from which an idea is refused."""

_WITH_ANY_NUMBERS = frozenset(
    {
        FailureKind.SYNTAX,
        FailureKind.CONTRACT,
        FailureKind.EXCEPTION,
        FailureKind.NONCAUSAL,
        FailureKind.STATEFUL,
    }
)
SHOWN = 4  # earlier variants that a refusal names


@dataclass(frozen=True, slots=True)
class Repeat:
    """An idea that was tried before, in vain.

    Args:
        failures: how often, in the measure of ``weight``.
        twins: the variants that had it, the latest last.
        reason: what is wrong with it, in one sentence.
        anywhere: it would fail on any parent, however far from those that it was tried on.
    """

    failures: float
    twins: tuple[str, ...]
    reason: str
    anywhere: bool


def weight(outcome: Outcome, exact: bool) -> float:
    """Return how much one outcome counts as a failure of its idea.

    1 for an edit that does not run or is worse past the noise, half of that for no gain within the noise; and
    half where its numbers were others, which may have been what was wrong, unless it breaks with any.
    """
    same = 1.0 if exact or outcome.failure in _WITH_ANY_NUMBERS else 0.5
    if outcome.failed:
        return same
    if outcome.gain is None or not outcome.gain.value <= 0.0:
        return 0.0
    return same if outcome.gain.worse else 0.5 * same


def repeated(tried: Sequence[Tried], parents: Mapping[str, str], parent: str) -> Repeat | None:
    """Return why an idea should not be tried once more on a parent, None when it may be.

    Several losses on one parent count as the worst of them, except on the parent in question. Each time that
    the idea worked outweighs as many failures as it takes to refuse one.

    Args:
        tried: the variants that had this idea, with what came of each.
        parents: the parent of each of them.
        parent: the one that it would be tried on now.
    """
    breaks = [one for one in tried if one.outcome.failed]
    broken = sum(weight(one.outcome, one.exact) for one in breaks)
    losses: defaultdict[str, list[float]] = defaultdict(list)
    for one in tried:
        if not one.outcome.failed:
            losses[parents[one.variant]].append(weight(one.outcome, one.exact))
    lost = sum(sum(several) if where == parent else max(several) for where, several in losses.items())
    worked = sum(one.outcome.worked for one in tried)
    failures = broken + lost - ENOUGH * worked
    if failures < ENOUGH:
        return None
    twins = tuple(one.variant for one in tried if weight(one.outcome, one.exact) > 0.0)
    shown = " and ".join(twins[-SHOWN:])
    what = f"did not run ({breaks[-1].outcome.failure})" if breaks else "was no better than its parent"
    return Repeat(failures, twins, f"the same idea {what} as {shown}", broken >= ENOUGH and not worked)


def restored(edit: Edit, line: Iterable[tuple[str, Edit | None, Gain | None]]) -> Repeat | None:
    """Return why an edit should not be made that mostly puts back what an ancestor took out with a gain.

    Args:
        edit: what the child does.
        line: its ancestors, each with what it did to its own parent, and the gain of that.
    """
    removed = {
        mark: name
        for name, theirs, gain in line
        if theirs is not None and gain is not None and gain.sure
        for mark in marks(theirs.removed)
    }
    added = marks(edit.added)
    back = added & removed.keys()
    if not back or 2 * len(back) <= len(added):
        return None
    names = tuple(sorted({removed[mark] for mark in back}))
    shown = " and ".join(names[:SHOWN])
    return Repeat(ENOUGH, names, f"it puts back lines that {shown} took out with a gain", anywhere=True)


def chance(repeat: Repeat, retest: float, distance: float) -> float:
    """Return the chance that a repeated idea is tested again all the same.

    Args:
        repeat: what speaks against it.
        retest: the chance of an idea that failed just often enough; it falls with each further failure. 0
            for no re-tests at all.
        distance: share of its parent's lines that no parent it failed on has, 0 to 1.
    """
    least = min(1.0, retest * ENOUGH / repeat.failures)
    return least if repeat.anywhere or not retest else least + (1.0 - least) * distance
