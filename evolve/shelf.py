"""Proposals that wait for a burst: each time the one that promises most is measured.

A proposal costs an LLM call, a burst much more. So more is proposed than is measured, and what to measure is
decided when a slot is free, by all that is known then: the expected improvement (Mockus, 1975; Jones et al.,
"Efficient Global Optimization of Expensive Black-Box Functions", 1998, section 4) under the surrogate of
``judging``. Since screens also reject what would have been a gain, some bursts go to a proposal drawn from
all alike.

While proposals wait, another variant may have become the best: the leader. Each is therefore also offered as
a change of that one (see ``rebasing``), and with some of its numbers stepped: an idea has to prove itself on
the best there is, at numbers that suit it. So are steps of the leader's own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from evolve import admission
from evolve.jobs import Birth
from evolve.judging import Judge
from evolve.rebasing import rebased
from operators.edits import change_line
from operators.jitter import stepped
from operators.proposal import Proposal
from population import surrogate
from population.genome import Tunable, with_values
from population.ranking import Ranking
from population.surrogate import Traits, expected_improvement
from population.variant import Value

T = TypeVar("T")

LIMIT = 32
"""Proposals that may wait; beyond, the least promising is given up."""

_STEPS, _STEPS_OF_IDEAS = (
    12,
    24,
)  # steps of the numbers of the leader, and of ideas, that are offered each time
_TOGETHER = (0.5, 0.3, 0.2)  # chances of stepping 1, 2 or 3 numbers at once


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
class Waiting:
    """A proposal that waits.

    Args:
        birth: the job that it came of.
        proposal: the child's source.
        own: what is known of it.
        parent: what is known of its parent; None where it has several.
        mark: its fingerprint.
    """

    birth: Birth
    proposal: Proposal
    own: Known
    parent: Known | None
    mark: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that may be measured next, and need not be written yet.

    Args:
        ticket: job whose proposal it comes of; None for a step of the leader's own numbers.
        traits: what it is compared by.
        rebased: whether it is a change of the leader; else it is just what a job proposed.
        values: the numbers that are stepped.
        said: which, in one line.
    """

    ticket: int | None
    traits: Traits
    rebased: bool = True
    values: Mapping[str, Value] = field(default_factory=dict)
    said: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be measured next.

    Args:
        ticket: job whose proposal it comes of; None for a step of the parent's numbers.
        parent: id of its parent; empty where it is just what a job proposed.
        source: its text.
        said: which numbers were stepped, in one line.
    """

    ticket: int | None
    parent: str
    source: str
    said: str


class Shelf:
    """The proposals that wait, and the choice among them.

    Args:
        judge: knows what programs are probably worth.
        explored: share of the bursts that go to a proposal drawn from all alike.
    """

    def __init__(self, judge: Judge, explored: float) -> None:
        self._judge = judge
        self._explored = explored
        self._waiting: dict[int, Waiting] = {}
        self._marks: dict[str, str] = {}
        self._leader = ""
        self._base = Known(Traits({}, {}), {})  # of the leader
        self._moved: dict[int, Known] = {}  # what waits as changes of the leader, by tickets
        self._written: dict[int | None, str | None] = {}  # those that were written; None for a conflict

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, birth: Birth, proposal: Proposal, known: Mapping[str, str]) -> str:
        """Let a proposal wait, unless it is a copy; return of whom.

        Args:
            birth: the job that it came of.
            proposal: the child.
            known: variants by fingerprint.
        """
        mark = admission.mark(proposal.source)
        twin = known.get(mark, "") or self._marks.get(mark, "")
        if not twin:
            self._marks[mark] = "a proposal that waits"
            first, *others = birth.context.parents
            parent = None if others else self._known(first.source)
            own = self._known(proposal.source)
            self._waiting[birth.ticket] = Waiting(birth, proposal, own, parent, mark)
        return twin

    def take(self, ticket: int) -> Waiting:
        """Take what a job proposed."""
        taken = self._waiting.pop(ticket)
        self._moved.pop(ticket, None)
        del self._marks[taken.mark]
        return taken

    def least(self, everybody: Ranking) -> int | None:
        """Return the job whose proposal promises least, None while there is room for all."""
        if len(self._waiting) <= LIMIT:
            return None
        self._follow(everybody)
        candidates = [*self._proposed()]
        promise = dict.fromkeys(self._waiting, -math.inf)
        for one, value in zip(candidates, self._promise(candidates, everybody), strict=True):
            assert one.ticket is not None
            promise[one.ticket] = max(promise[one.ticket], value)
        return min(promise, key=promise.__getitem__)

    def choose(self, everybody: Ranking, rng: Generator) -> Offer | None:
        """Choose what to measure next."""
        waiting = [*self._waiting]
        if waiting and rng.random() < self._explored:
            ticket = waiting[int(rng.integers(len(waiting)))]
            return Offer(ticket, "", self._waiting[ticket].proposal.source, "")
        self._follow(everybody)
        candidates = [*self._proposed()]
        candidates += [*self._stepped_ideas(rng), *self._steps(rng)]
        promise = np.array(self._promise(candidates, everybody))
        for place in np.argsort(-promise, kind="stable"):
            one = candidates[place]
            source = self._source(one)
            if source is not None:
                return Offer(one.ticket, self._leader if one.rebased else "", source, one.said)
        return None

    def _follow(self, everybody: Ranking) -> None:
        """Find the variant that is best as far as is known, and carry all proposals over to it."""
        known = self._judge.leader(everybody)
        leader = known[0] if known else ""
        if leader != self._leader:
            self._leader, self._moved, self._written = leader, {}, {}
            self._base = self._known(self._judge.source(leader))
        for ticket, one in self._waiting.items() if leader else ():
            if ticket not in self._moved and one.parent is not None:
                self._moved[ticket] = _carried(one.parent, one.own, self._base, str(ticket))

    def _known(self, source: str) -> Known:
        """Tell what is known of a source; in which lines its numbers stand is no difference."""
        tunables = self._judge.tunables(source)
        return Known(
            self._judge.traits_of(source, tunables),
            {name: replace(one, line=0) for name, one in tunables.items()},
        )

    def _source(self, one: Candidate) -> str | None:
        """Write a candidate, None where its changes are in conflict with the leader's."""
        ticket = one.ticket
        if not one.rebased and ticket is not None:
            return self._waiting[ticket].proposal.source
        if ticket not in self._written:
            base = self._judge.source(self._leader)
            self._written[ticket] = base if ticket is None else self._rebased(self._waiting[ticket], base)
        source = self._written[ticket]
        try:
            return source if source is None or not one.values else with_values(source, one.values)
        except (KeyError, ValueError):  # a number that the merge has not after all
            return None

    def _rebased(self, waiting: Waiting, base: str) -> str | None:
        parent = waiting.birth.context.parents[0]
        own = parent.variant.id == self._leader
        return waiting.proposal.source if own else rebased(parent.source, waiting.proposal.source, base)

    def _proposed(self) -> Iterator[Candidate]:
        """Yield what waits, as it was proposed and as a change of the leader."""
        for ticket, one in self._waiting.items():
            yield Candidate(ticket, one.own.traits, rebased=False)
            if ticket in self._moved and one.birth.context.parents[0].variant.id != self._leader:
                yield Candidate(ticket, self._moved[ticket].traits)

    def _promise(self, candidates: Sequence[Candidate], everybody: Ranking) -> Sequence[float]:
        """Return the expected improvements over the leader."""
        fitted = self._judge.fitted(everybody)
        if fitted is None or not candidates:
            return [0.0] * len(candidates)
        means, deviations = fitted.predict([one.traits for one in candidates])
        promise: list[float] = expected_improvement(means, deviations, fitted.least).tolist()
        return promise

    def _steps(self, rng: Generator) -> Iterator[Candidate]:
        """Draw steps of the leader's numbers."""
        if self._leader:
            yield from self._stepped(None, self._base, _STEPS, rng)

    def _stepped_ideas(self, rng: Generator) -> Iterator[Candidate]:
        """Draw steps of the numbers of ideas, as changes of the leader."""
        tickets = [*self._moved]
        if not tickets:
            return
        drawn = rng.integers(len(tickets), size=_STEPS_OF_IDEAS)
        for place in sorted({*drawn.tolist()}):
            ticket = tickets[place]
            yield from self._stepped(ticket, self._moved[ticket], int((drawn == place).sum()), rng)

    def _stepped(self, ticket: int | None, known: Known, count: int, rng: Generator) -> Iterator[Candidate]:
        """Draw up to so many steps of the numbers of a program."""
        tunables = known.tunables
        for number in range(count if tunables else 0):
            together = min(1 + int(rng.choice(len(_TOGETHER), p=_TOGETHER)), len(tunables))
            picked = sorted(rng.choice(sorted(tunables), size=together, replace=False).tolist())
            moved = {one: value for one in picked if (value := stepped(tunables[one], rng)) is not None}
            if moved:
                said = change_line({one: (tunables[one].value, value) for one, value in moved.items()})
                traits = self._judge.stepped(known.traits, tunables, moved, number)
                yield Candidate(ticket, traits, values=moved, said=said)


def _carried(parent: Known, child: Known, onto: Known, mark: str) -> Known:
    """Return what is known of a child that is carried over to another parent, before it is written."""
    lines = _merged(parent.traits.lines, child.traits.lines, onto.traits.lines)
    numbers = _merged(parent.traits.numbers, child.traits.numbers, onto.traits.numbers)
    return Known(
        Traits(surrogate.apart(lines, mark), numbers),
        _merged(parent.tunables, child.tunables, onto.tunables),
    )


def _merged(parent: Mapping[str, T], child: Mapping[str, T], onto: Mapping[str, T]) -> dict[str, T]:
    """Return ``onto`` with what ``child`` has otherwise than ``parent``."""
    kept = {key: value for key, value in onto.items() if key in child or key not in parent}
    return kept | {key: value for key, value in child.items() if parent.get(key) != value}
