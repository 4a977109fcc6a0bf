"""An index of ideas: every child's edit by its signature, and what came of it; each look-up is O(1).

What is learned gets a number, counted up, so that one can ask what was known at an earlier moment: a search
whose result must not depend on timing judges a child by what was known when it was planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from population.edit import Edit
from population.gain import Gain

_LATEST = 32  # variants with one signature that are looked at


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What came of a variant, as it was known from one moment on.

    Args:
        at: number of that moment.
        failure: kind of the failure of one that did not run; empty for one that did.
        gain: over its best parent; None without a score, or with parents that have none.
    """

    at: int
    failure: str
    gain: Gain | None

    @property
    def failed(self) -> bool:
        """Say whether it did not run."""
        return bool(self.failure)

    @property
    def worked(self) -> bool:
        """Say whether it was better than its parent, or ran where its parent did not."""
        return not self.failure and (self.gain is None or self.gain.better)


@dataclass(frozen=True, slots=True)
class Tried:
    """A variant that had the same idea as another.

    Args:
        variant: its id.
        outcome: what came of it.
        exact: whether its edit was the same in every number, too.
    """

    variant: str
    outcome: Outcome
    exact: bool


class Ideas:
    """The ideas of one run, taken in one at a time."""

    def __init__(self) -> None:
        self._edits: dict[str, Edit] = {}
        self._exactly: dict[str, tuple[str, ...]] = {}
        self._loosely: dict[str, tuple[str, ...]] = {}
        self._outcomes: dict[str, tuple[Outcome, ...]] = {}
        self.known = 0
        """Outcomes learned so far: the number of this moment."""

    def add(self, variant: str, edit: Edit) -> None:
        """Take in what a new variant does to its parent."""
        self._edits[variant] = edit
        for signature, index in ((edit.exact, self._exactly), (edit.loose, self._loosely)):
            if signature:
                index[signature] = (*index.get(signature, ()), variant)[-_LATEST:]

    def learn(self, variant: str, failure: str, gain: Gain | None) -> None:
        """Take in what came of a variant; again whenever more is known of it."""
        self.known += 1
        earlier = self._outcomes.get(variant, ())
        self._outcomes[variant] = (*earlier, Outcome(self.known, failure, gain))

    def outcome(self, variant: str, known: int | None = None) -> Outcome | None:
        """Return what was known of a variant at a moment; None for nothing."""
        several = reversed(self._outcomes.get(variant, ()))
        return next((one for one in several if known is None or one.at <= known), None)

    def edit(self, variant: str) -> Edit | None:
        """Return what a variant does to its parent; None where that is not on record."""
        return self._edits.get(variant)

    def tried(self, edit: Edit, known: int | None = None) -> list[Tried]:
        """Return the variants of the same idea whose outcome was known at a moment, latest outcome last."""
        exactly = self._exactly.get(edit.exact, ())
        loosely = self._loosely.get(edit.loose, ()) if edit.loose else ()
        others = (name for name in loosely if name not in exactly)
        found = [*self._known(exactly, True, known), *self._known(others, False, known)]
        return sorted(found, key=lambda one: one.outcome.at)

    def _known(self, names: Iterable[str], exact: bool, known: int | None) -> Iterator[Tried]:
        for name in names:
            outcome = self.outcome(name, known)
            if outcome is not None:
                yield Tried(name, outcome, exact)
