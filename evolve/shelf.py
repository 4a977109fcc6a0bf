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
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from evolve import admission
from evolve.jobs import Birth
from evolve.judging import Judge
from evolve.rebasing import rebased
from operators.edits import change_line
from operators.jitter import stepped
from operators.proposal import Proposal
from population.genome import Tunable, with_values
from population.ranking import Ranking
from population.surrogate import Traits, expected_improvement
from population.variant import Value

LIMIT = 32
"""Proposals that may wait; beyond, the least promising is given up."""

_STEPS, _STEPS_OF_IDEAS = (
    12,
    24,
)  # steps of the numbers of the leader, and of ideas, that are offered each time
_TOGETHER = (0.5, 0.3, 0.2)  # chances of stepping 1, 2 or 3 numbers at once
_TOP = 16  # variants among which the leader is looked for


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal that waits.

    Args:
        birth: the job that it came of.
        proposal: the child's source.
        traits: what it is compared by.
        mark: its fingerprint.
    """

    birth: Birth
    proposal: Proposal
    traits: Traits
    mark: str


@dataclass(frozen=True)
class Offer:
    """A program that may be measured next.

    Args:
        ticket: job whose proposal it comes of; None for a step of the leader's own numbers.
        parent: id of its parent; empty where it is just what the job proposed.
        base: its source, before its numbers are stepped.
        traits: what it is compared by.
        values: the numbers that are stepped.
        said: which, in one line.
    """

    ticket: int | None
    parent: str
    base: str
    traits: Traits = field(repr=False)
    values: Mapping[str, Value] = field(default_factory=dict)
    said: str = ""

    @property
    def source(self) -> str:
        """Its source."""
        return with_values(self.base, self.values) if self.values else self.base


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
        self._moved: dict[
            int, Offer | None
        ] = {}  # proposals as changes of the leader, by the tickets of jobs

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
            traits = self._judge.traits_of(proposal.source)
            self._waiting[birth.ticket] = Waiting(birth, proposal, traits, mark)
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
        offers = [*self._offers()]
        promise = dict.fromkeys(self._waiting, -math.inf)
        for offer, value in zip(offers, self._promise(offers, everybody), strict=True):
            assert offer.ticket is not None
            promise[offer.ticket] = max(promise[offer.ticket], value)
        return min(promise, key=promise.__getitem__)

    def choose(self, everybody: Ranking, rng: Generator) -> Offer | None:
        """Choose what to measure next."""
        waiting = [*self._waiting.values()]
        if waiting and rng.random() < self._explored:
            return _as_proposed(waiting[int(rng.integers(len(waiting)))])
        self._follow(everybody)
        offers = [*self._offers()]
        offers += [*self._stepped_ideas(rng), *self._steps(rng)]
        return offers[int(np.argmax(self._promise(offers, everybody)))] if offers else None

    def _follow(self, everybody: Ranking) -> None:
        """Find the variant that is best as far as is known, and carry all proposals over to it."""
        names = everybody.best(_TOP)
        means = [mean for mean, _ in self._judge.posterior(names, everybody)] if names else []
        leader = names[int(np.argmin(means))] if names else ""
        if leader != self._leader:
            self._leader, self._moved = leader, {}
        for ticket, one in self._waiting.items():
            if ticket not in self._moved:
                self._moved[ticket] = self._rebased(one)

    def _rebased(self, waiting: Waiting) -> Offer | None:
        """Carry a proposal over to the leader; None where it cannot be, or has several parents."""
        parent, *others = waiting.birth.context.parents
        if others or not self._leader:
            return None
        ticket, source, traits = waiting.birth.ticket, waiting.proposal.source, waiting.traits
        if parent.variant.id != self._leader:
            moved = rebased(parent.source, source, self._judge.source(self._leader))
            if moved is None:
                return None
            source, traits = moved, self._judge.traits_of(moved)
        return Offer(ticket, self._leader, source, traits)

    def _offers(self) -> Iterator[Offer]:
        """Yield what waits, as it was proposed and as a change of the leader."""
        for ticket, one in self._waiting.items():
            yield _as_proposed(one)
            moved = self._moved[ticket]
            if moved is not None and moved.base != one.proposal.source:
                yield moved

    def _promise(self, offers: Sequence[Offer], everybody: Ranking) -> Sequence[float]:
        """Return the expected improvements over the leader."""
        fitted = self._judge.fitted(everybody)
        if fitted is None or not offers:
            return [0.0] * len(offers)
        means, deviations = fitted.predict([offer.traits for offer in offers])
        promise: list[float] = expected_improvement(means, deviations, fitted.least).tolist()
        return promise

    def _steps(self, rng: Generator) -> Iterator[Offer]:
        """Draw steps of the leader's numbers."""
        if not self._leader:
            return
        source, traits = self._judge.source(self._leader), self._judge.traits_of_variant(self._leader)
        own = Offer(None, self._leader, source, traits)
        yield from self._stepped(own, self._judge.tunables(source), _STEPS, rng)

    def _stepped_ideas(self, rng: Generator) -> Iterator[Offer]:
        """Draw steps of the numbers of proposals, as changes of the leader."""
        moved = [one for one in self._moved.values() if one is not None]
        if not moved:
            return
        drawn = rng.integers(len(moved), size=_STEPS_OF_IDEAS)
        for place in sorted({*drawn.tolist()}):
            tunables = self._judge.tunables(moved[place].base)
            yield from self._stepped(moved[place], tunables, int((drawn == place).sum()), rng)

    def _stepped(
        self, offer: Offer, tunables: Mapping[str, Tunable], count: int, rng: Generator
    ) -> Iterator[Offer]:
        """Draw up to so many steps of the numbers of a program."""
        for number in range(count if tunables else 0):
            together = min(1 + int(rng.choice(len(_TOGETHER), p=_TOGETHER)), len(tunables))
            picked = sorted(rng.choice(sorted(tunables), size=together, replace=False).tolist())
            moved = {one: value for one in picked if (value := stepped(tunables[one], rng)) is not None}
            if moved:
                said = change_line({one: (tunables[one].value, value) for one, value in moved.items()})
                traits = self._judge.stepped(offer.traits, tunables, moved, number)
                yield Offer(offer.ticket, offer.parent, offer.base, traits, moved, said)


def _as_proposed(waiting: Waiting) -> Offer:
    return Offer(waiting.birth.ticket, "", waiting.proposal.source, waiting.traits)
