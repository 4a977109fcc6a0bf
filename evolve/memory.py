"""What a search remembers of its ideas: told in prompts, and asked before a burst is spent.

It holds what stands in the events, in their order, so that a search that was killed remembers the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evolve import repeats
from evolve.admission import LONGEST
from evolve.chronicle import ADMITTED, MEASURED, REFUSED, REPLICATED, TUNED, Chronicle
from evolve.condensing import condensed
from evolve.jobs import Reflect
from evolve.lessons import LEARNED, Lessons
from evolve.repeats import Repeat
from operators.proposal import Attempt, Context, Proposal, Recurring, Refusal, RefusalKind
from operators.reflect import Reflector
from population import selection
from population.edit import Edit, edit
from population.errors import Corrupt
from population.gain import gained
from population.ledger import Event
from population.store import Population
from population.variant import Direction

_HISTORY = 8  # ancestors that are told of
_ANCESTORS = 32  # ancestors whose deletions are remembered
_TRIED = 3  # parents, of those that an idea failed on, that a new one is compared with


@dataclass(frozen=True, slots=True)
class Rules:
    """What use is made of the memory.

    Args:
        on: whether there is one at all.
        retest: chance that an idea that failed twice is tested again; 1 refuses none.
        lessons_every: children between two looks back; 0 for none.
        seed: of what is drawn.
    """

    on: bool = True
    retest: float = 0.1
    lessons_every: int = 0
    seed: int = 0


class Memory:
    """The memory of one run.

    Args:
        population: what is known.
        direction: which way the metric is better.
        rules: what use is made of it.
        lessons: what was learnt.
        reflector: whoever looks back; None if nobody does.
    """

    def __init__(
        self,
        population: Population,
        direction: Direction,
        rules: Rules,
        lessons: Lessons | None = None,
        reflector: Reflector | None = None,
    ) -> None:
        self._population = population
        self._direction = direction
        self._rules = rules
        self._lessons = lessons or Lessons(None)
        self._chronicle = Chronicle(population.variants)
        self._due = False
        self.reflector = reflector if rules.on and rules.lessons_every else None

    def restore(self) -> None:
        """Take in what an earlier session left."""
        for event in self._population.events_of(ADMITTED, MEASURED, REPLICATED, TUNED, REFUSED, LEARNED):
            self.heed(event)
        self._due = False  # it stands on the docket

    def heed(self, event: Event) -> None:
        """Take in an event that is being recorded."""
        if not self._rules.on:
            return
        before = self._chronicle.measured
        self._chronicle.heed(event)
        self._lessons.heed(event)
        every = self._rules.lessons_every
        if every and self._chronicle.measured > before and self._chronicle.measured % every == 0:
            self._due = True

    # Before a burst is spent

    @property
    def known(self) -> int:
        """The number of this moment, for ``Context.known``."""
        return self._chronicle.ideas.known

    def judged(
        self, context: Context, proposal: Proposal, ticket: int, ordered: bool, refuse: bool = True
    ) -> Refusal | dict[str, object]:
        """Refuse an idea that was tried before, in vain; else return what is to be recorded of it.

        Args:
            context: what the operator knew.
            proposal: what it made of it.
            ticket: of the birth; with the seed it decides on a re-test.
            ordered: judge by what was known when the birth was planned, whatever has come in since.
            refuse: whether it may be refused.
        """
        if not self._rules.on or len(proposal.source) > LONGEST:
            return {}
        done = edit(context.parents[0].source, proposal.source)
        if done is None:
            return {}
        idea: dict[str, object] = {"edit": done.written()}
        known = context.known if ordered else None
        repeat = self._repeat(context, done, known) if refuse else None
        if repeat is None:
            return idea
        likely = repeats.chance(repeat, self._rules.retest, self._distance(context, repeat))
        if np.random.default_rng([self._rules.seed, ticket, 2]).random() < likely:
            return {**idea, "retest": list(repeat.twins)}
        return Refusal(
            RefusalKind.REPEATED,
            repeat.reason,
            proposal.operator,
            proposal.model,
            proposal.hypothesis,
            proposal.dollars,
            repeat.twins[-repeats.SHOWN :],
        )

    def _repeat(self, context: Context, done: Edit, known: int | None) -> Repeat | None:
        """Return what speaks against an idea, None if nothing does."""
        ideas, variants = self._chronicle.ideas, self._population.variants
        parent = context.parents[0].variant.id
        tried = [one for one in ideas.tried(done, known) if one.variant in variants]
        parents = {one.variant: variants[one.variant].parents[0] for one in tried}
        repeat = repeats.repeated(tried, parents, parent)
        if (
            repeat is not None or len(context.parents) > 1
        ):  # from a second parent, what comes back is no revert
            return repeat
        outcomes = ((name, ideas.outcome(name, known)) for name in self._line(parent, _ANCESTORS))
        line = ((name, ideas.edit(name), one.gain) for name, one in outcomes if one is not None)
        return repeats.restored(done, line)

    def _distance(self, context: Context, repeat: Repeat) -> float:
        """Return how far a parent is from the nearest of those that an idea was worse on."""
        parent, variants = context.parents[0], self._population.variants
        tried = dict.fromkeys(variants[twin].parents[0] for twin in reversed(repeat.twins))
        if repeat.anywhere or parent.variant.id in tried:
            return 0.0
        lines = selection.lines_of(parent.source)
        distances = [1.0]
        for name in list(tried)[:_TRIED]:
            try:  # as it was proposed: a tuning may end at any time
                other = self._population.source(variants[name].proposed)
            except Corrupt:
                continue
            distances.append(selection.line_distance(lines, selection.lines_of(other)))
        return min(distances)

    # What prompts tell

    def history(self, name: str) -> tuple[Attempt, ...]:
        """Return the ideas that led to a variant, the latest last, each with its gain."""
        line = [self._population.variants[one] for one in self._line(name, _HISTORY)]
        told = ((one, self._population.fitness(one.id), self._population.before(one.id)) for one in line)
        gains = [(one.hypothesis, gained(own, before, self._direction)) for one, own, before in told]
        return tuple(
            Attempt(idea, "not known" if gain is None else f"{gain}") for idea, gain in reversed(gains)
        )

    def refused(self, parent: str) -> tuple[Attempt, ...]:
        """Return the latest ideas that were refused on a parent since they had failed."""
        return self._chronicle.refused(parent)

    def recurring(self) -> tuple[Recurring, ...]:
        """Return what failed again and again."""
        return self._chronicle.recurring()

    def lessons(self) -> tuple[str, ...]:
        """Return the lessons that hold now."""
        return self._lessons.lines() if self._rules.on else ()

    def _line(self, name: str, count: int) -> Iterator[str]:
        """Yield a variant and its first parents, at most so many, the seed left out."""
        for _ in range(count):
            variant = self._population.variants.get(name)
            if variant is None or not variant.parents:
                return
            yield name
            name = variant.parents[0]

    # Looking back

    def due(self) -> bool:
        """Say once whether it is time to look back."""
        due, self._due = self._due and self.reflector is not None, False
        return due

    def reflect(self, ticket: int) -> Reflect | None:
        """Plan a look back; None if nobody can be asked."""
        if self.reflector is None:
            return None
        lessons = self._lessons
        ledger = condensed(self._population, self._chronicle, lessons.lines())
        return Reflect(ticket, ledger, lessons.kept(), lessons.base())

    def publish(self) -> None:
        """Write new lessons to their file (errors as in ``Lessons.publish``)."""
        self._lessons.publish()
