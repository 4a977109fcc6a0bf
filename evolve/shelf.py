"""Ideas on a shelf: each time the program is measured that promises most, of all that can be made of them.

A proposal costs an LLM call, a burst much more. So more is proposed than is measured, and what to measure is
decided when a slot is free, by all that is known then: the expected improvement (Mockus, 1975; Jones et al.,
"Efficient Global Optimization of Expensive Black-Box Functions", 1998, section 4) under the surrogate of
``judging``. Since screens also reject what would have been a gain, some bursts go to a proposal drawn from
all that wait alike.

A proposal is offered as it was written, and as a change of the leader, whoever has become the best meanwhile:
by itself, and together with others (see ``combining``), also with those that have been measured already. So
ideas that help only together find each other. Then with some of the numbers stepped: an idea has to prove
itself at numbers that suit it. So are steps of the leader's own numbers.

What is measured stays on the shelf as long as it is worth a place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from evolve import admission
from evolve.combining import UNCHANGED, Combinations, combined, joined
from evolve.ideas import Idea, Known, Standing, change_of
from evolve.jobs import Birth
from evolve.judging import Judge
from evolve.rebasing import rebased
from operators.edits import change_line
from operators.jitter import stepped
from operators.proposal import Proposal
from population import surrogate
from population.genome import Tunable, with_values
from population.ranking import Ranking
from population.surrogate import Array, Columns, Rows, Surrogate, Traits
from population.variant import Value

LIMIT = 96
"""Ideas that have a place; beyond, the least promising is given up."""

_STEPS = 12  # steps of the leader's numbers that are offered each time
_STEPPED, _STEPS_OF_EACH = 6, 4  # combinations of which steps are offered, and how many
_TOGETHER = (0.5, 0.3, 0.2)  # chances of stepping 1, 2 or 3 numbers at once
_IN_VAIN = 24  # candidates in vain, after which only what waits is offered, as it was written
_KEPT = 512  # combinations that are kept as they were written


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A program that may be measured next, and need not be written yet.

    Args:
        tickets: jobs whose ideas it is made of; none for a step of the leader's own numbers.
        rebased: whether it is a change of the leader; else it is just what a job proposed.
        values: the numbers that are stepped.
        said: which, in one line.
    """

    tickets: tuple[int, ...]
    rebased: bool = True
    values: Mapping[str, Value] = field(default_factory=dict)
    said: str = ""


@dataclass(frozen=True, slots=True)
class Moves:
    """Ideas as changes of the leader, as ``combined`` takes them.

    Args:
        tickets: jobs that proposed them.
        columns: of the rows.
        base: the leader.
        ideas, before: what they change, and what they found there.
        untried: places of those that have not been measured.
    """

    tickets: tuple[int, ...]
    columns: Columns
    base: Rows
    ideas: Rows
    before: Array
    untried: Set[int]


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be measured next.

    Args:
        tickets: jobs whose ideas it is made of; none for a step of the parent's numbers.
        parent: id of its parent; empty where it is just what a job proposed.
        source: its text.
        mark: its fingerprint.
        said: which numbers were stepped, in one line.
    """

    tickets: tuple[int, ...]
    parent: str
    source: str
    mark: str
    said: str


class Shelf:
    """The ideas that have a place, and the choice among what can be made of them.

    Args:
        judge: knows what programs are probably worth.
        explored: share of the bursts that go to a proposal drawn from all that wait alike.
        together: ideas that are put together at most.
    """

    def __init__(self, judge: Judge, explored: float, together: int) -> None:
        self._judge = judge
        self._explored = explored
        self._size = together
        self._ideas: dict[int, Idea] = {}
        self._marks: dict[str, str] = {}
        self._leader = ""
        self._base = Known(Traits({}, {}), {})  # of the leader
        self._written: dict[tuple[int, ...], str | None] = {}  # on the leader; None for a conflict

    @property
    def waiting(self) -> int:
        """Number of the proposals that wait for a burst."""
        return sum(one.standing is Standing.WAITS for one in self._ideas.values())

    def put(
        self,
        birth: Birth,
        proposal: Proposal,
        known: Mapping[str, str],
        running: Container[str] = (),
        standing: Standing = Standing.WAITS,
    ) -> str:
        """Give a proposal a place, unless it is a copy; return of whom.

        Args:
            birth: the job that it came of.
            proposal: the child.
            known: variants by fingerprint.
            running: fingerprints of what is being measured, whether it has a name yet or not.
            standing: how it stands.
        """
        mark = admission.mark(proposal.source)
        twin = "a program that is being measured" if mark in running else known.get(mark, "")
        twin = twin or self._marks.get(mark, "")
        if not twin:
            self._marks[mark] = "a proposal on the shelf"
            first, *others = birth.context.parents
            own = self._known(proposal.source)
            change = None if others else change_of(self._known(first.source), own)
            self._ideas[birth.ticket] = Idea(birth, proposal, own, change, mark, standing)
        return twin

    def idea(self, ticket: int) -> Idea:
        """Return what a job proposed."""
        return self._ideas[ticket]

    def drop(self, ticket: int) -> Idea:
        """Take what a job proposed off the shelf."""
        dropped = self._ideas.pop(ticket)
        del self._marks[dropped.mark]
        return dropped

    def ban(self, variant: str, tickets: Container[int]) -> list[int]:
        """Drop some ideas, and what waits as a child of a variant; return the jobs that proposed them."""
        gone = [
            ticket
            for ticket, one in self._ideas.items()
            if ticket in tickets
            or (
                one.standing is Standing.WAITS
                and any(parent.variant.id == variant for parent in one.birth.context.parents)
            )
        ]
        for ticket in gone:
            self.drop(ticket)
        return gone

    def stand(self, ticket: int, standing: Standing) -> None:
        """Change how an idea stands."""
        self._ideas[ticket] = replace(self._ideas[ticket], standing=standing)

    def send(self, tickets: Iterable[int]) -> dict[int, Standing]:
        """Take in that a program made of ideas is to be measured; return those that stand otherwise now."""
        out = {one: Standing.OUT for one in tickets if self._ideas[one].standing is Standing.WAITS}
        for ticket, standing in out.items():
            self.stand(ticket, standing)
        return out

    def heed(self, tickets: Iterable[int], works: bool) -> dict[int, Standing | None]:
        """Take in what came of a program made of some ideas; return those that stand otherwise now.

        Args:
            tickets: the jobs that proposed them.
            works: whether it has a score; if not, that is the doing of the one that had not been tried.

        Returns:
            how they stand; None for one that has lost its place.
        """
        out = [one for one in tickets if one in self._ideas and self._ideas[one].standing is Standing.OUT]
        for ticket in out:
            if works:
                self.stand(ticket, Standing.WORKS)
            else:
                self.drop(ticket)
        return dict.fromkeys(out, Standing.WORKS if works else None)

    def stranded(self, carried: Container[int]) -> list[int]:
        """Let ideas wait again that are out, but in none of the programs that are about to be measured."""
        lost = [
            ticket
            for ticket, one in self._ideas.items()
            if one.standing is Standing.OUT and ticket not in carried
        ]
        for ticket in lost:
            self.stand(ticket, Standing.WAITS)
        return lost

    def least(self, everybody: Ranking) -> int | None:
        """Return the job whose idea promises least by itself, None while there is room for all."""
        if len(self._ideas) <= LIMIT:
            return None
        promise = {ticket: -math.inf for ticket, one in self._ideas.items() if one.standing != Standing.OUT}
        fitted = self._judge.fitted(everybody)
        if fitted is not None:
            self._follow(everybody)
            moves = self._moves(fitted)
            alone = combined(moves.base, moves.ideas, moves.before, fitted.improvement, 1)
            for ticket, value in [
                *self._as_written(fitted),
                *(
                    (moves.tickets[at], value)
                    for (at,), value in zip(alone.ideas, alone.promise, strict=True)
                ),
            ]:
                promise[ticket] = max(promise[ticket], value)
        return min(promise, key=promise.__getitem__, default=None)

    def choose(
        self, everybody: Ranking, rng: Generator, measured: Container[str], running: Mapping[str, str]
    ) -> Offer | None:
        """Choose what to measure next.

        Args:
            everybody: ranks all that have a score.
            rng: draws.
            measured: fingerprints of the programs that have been measured.
            running: texts of those that are being measured, by fingerprint.
        """
        waiting = [ticket for ticket, one in self._ideas.items() if one.standing is Standing.WAITS]
        if waiting and rng.random() < self._explored:
            idea = self._ideas[ticket := waiting[int(rng.integers(len(waiting)))]]
            return Offer((ticket,), "", idea.proposal.source, idea.mark, "")
        fitted = self._judge.fitted(everybody)
        if fitted is None:
            return None
        self._follow(everybody)
        fitted = fitted.believing([self._known(source).traits for source in running.values()])
        moves = self._moves(fitted)
        found = combined(moves.base, moves.ideas, moves.before, fitted.improvement, self._size, moves.untried)
        steps, rows = self._steps(moves, found, rng)
        promise = dict(zip(steps, fitted.improvement(rows).tolist(), strict=True))
        for places, value in zip(found.ideas, found.promise.tolist(), strict=True):
            promise[Candidate(tuple(moves.tickets[at] for at in places))] = value
        promise |= {Candidate((ticket,), rebased=False): value for ticket, value in self._as_written(fitted)}
        return self._best(promise, lambda mark: mark in measured or mark in running)

    def _best(self, promise: Mapping[Candidate, float], known: Callable[[str], bool]) -> Offer | None:
        """Return the candidate that promises most of those that can be written and are new.

        One with numbers at which programs fail is taken only where there is no other.
        """
        vain, doomed = 0, None
        for one in sorted(promise, key=promise.__getitem__, reverse=True):
            if one.rebased and vain >= _IN_VAIN:
                continue
            source = self._source(one)
            if source is not None and not known(mark := admission.mark(source)):
                offer = Offer(one.tickets, self._leader if one.rebased else "", source, mark, one.said)
                if not self._judge.doomed(source):
                    return offer
                doomed = doomed or offer
            vain += 1
        return doomed

    def _follow(self, everybody: Ranking) -> None:
        """Find the variant that is best as far as is known."""
        known = self._judge.leader(everybody)
        leader = known[0] if known else ""
        if leader != self._leader:
            self._leader, self._written = leader, {}
            self._base = self._known(self._judge.source(leader))

    def _known(self, source: str) -> Known:
        """Tell what is known of a source; in which lines its numbers stand is no difference."""
        tunables = self._judge.tunables(source)
        return Known(
            self._judge.traits_of(source, tunables),
            {name: replace(one, line=0) for name, one in tunables.items()},
        )

    # Writing

    def _source(self, one: Candidate) -> str | None:
        """Write a candidate, None where its changes are in conflict with each other or with the leader's."""
        if not one.rebased:
            (ticket,) = one.tickets
            return self._ideas[ticket].proposal.source
        source = self._together(one.tickets)
        try:
            return source if source is None or not one.values else with_values(source, one.values)
        except (KeyError, ValueError):  # a number that the merge has not after all
            return None

    def _together(self, tickets: tuple[int, ...]) -> str | None:
        """Write ideas into the leader, one after the other."""
        if not tickets:
            return self._judge.source(self._leader)
        if tickets not in self._written:
            if len(self._written) >= _KEPT:
                self._written.clear()
            *others, last = tickets
            onto = self._together(tuple(others))
            self._written[tickets] = (
                None if onto is None else self._rebased(self._ideas[last], onto, not others)
            )
        return self._written[tickets]

    def _rebased(self, idea: Idea, onto: str, plain: bool) -> str | None:
        parent = idea.birth.context.parents[0]
        own = plain and parent.variant.id == self._leader
        return idea.proposal.source if own else rebased(parent.source, idea.proposal.source, onto)

    # Looking for candidates

    def _as_written(self, fitted: Surrogate) -> Iterator[tuple[int, float]]:
        """Yield what waits and is no change of the leader anyway, with what it promises as it was written."""
        tickets = [
            ticket
            for ticket, one in self._ideas.items()
            if one.standing is Standing.WAITS
            and (one.change is None or one.birth.context.parents[0].variant.id != self._leader)
        ]
        traits = [self._ideas[ticket].own.traits for ticket in tickets]
        if traits:
            yield from zip(tickets, fitted.improvement(fitted.rows_of(traits)).tolist(), strict=True)

    def _moves(self, fitted: Surrogate) -> Moves:
        """Return the ideas as changes of the leader."""
        changes = {
            ticket: one.change
            for ticket, one in self._ideas.items()
            if one.change is not None and one.standing is not Standing.OUT
        }
        base = Traits(surrogate.apart(self._base.traits.lines, "candidate"), self._base.traits.numbers)
        columns = fitted.extended(
            itertools.chain(base.lines, *(one.lines for one in changes.values())),
            itertools.chain(base.numbers, *(one.numbers for one in changes.values())),
        )
        before = np.full((len(changes), len(columns.words)), math.nan)
        lines = before.copy()
        numbers = np.full((len(changes), len(columns.names)), UNCHANGED)
        for at, one in enumerate(changes.values()):
            changed = [columns.words[line] for line in one.lines]
            before[at, changed], lines[at, changed] = [*one.before.values()], [*one.lines.values()]
            numbers[at, [columns.names[name] for name in one.numbers]] = [*one.numbers.values()]
        untried = {at for at, one in enumerate(changes) if self._ideas[one].standing is Standing.WAITS}
        return Moves((*changes,), columns, columns.rows([base]), Rows(lines, numbers), before, untried)

    def _steps(self, moves: Moves, found: Combinations, rng: Generator) -> tuple[list[Candidate], Rows]:
        """Draw steps of the numbers of the leader, and of what promises most."""
        best = np.argsort(-found.promise, kind="stable")[:_STEPPED].tolist()
        origins: list[tuple[tuple[int, ...], Rows, int]] = [((), moves.base, _STEPS)]
        for at in best:
            tickets = tuple(moves.tickets[place] for place in found.ideas[at])
            origins.append((tickets, found.rows.one(at), _STEPS_OF_EACH))
        steps: list[Candidate] = []
        rows: list[Rows] = [Rows(moves.base.lines[:0], moves.base.numbers[:0])]
        for tickets, row, count in origins:
            tunables = self._tunables(tickets)
            for values in filter(None, (_stepped(tunables, rng) for _ in range(count if tunables else 0))):
                said = change_line({name: (tunables[name].value, new) for name, new in values.items()})
                steps.append(Candidate(tickets, values=values, said=said))
                rows.append(_moved(row, moves.columns, tunables, values))
        return steps, joined(rows)

    def _tunables(self, tickets: Iterable[int]) -> Mapping[str, Tunable]:
        """Return the numbers of the leader with some ideas."""
        found: dict[str, Tunable | None] = {**self._base.tunables}
        for ticket in tickets:
            change = self._ideas[ticket].change
            found |= {} if change is None else change.tunables
        return {name: one for name, one in found.items() if one is not None}


def _stepped(tunables: Mapping[str, Tunable], rng: Generator) -> dict[str, Value]:
    """Draw a step of some numbers of a program; empty where none can be moved."""
    together = min(1 + int(rng.choice(len(_TOGETHER), p=_TOGETHER)), len(tunables))
    picked = sorted(rng.choice(sorted(tunables), size=together, replace=False).tolist())
    return {one: value for one in picked if (value := stepped(tunables[one], rng)) is not None}


def _moved(row: Rows, columns: Columns, tunables: Mapping[str, Tunable], values: Mapping[str, Value]) -> Rows:
    """Return a program after a step of its numbers."""
    numbers = row.numbers.copy()
    places = surrogate.numbers_of([replace(tunables[name], value=value) for name, value in values.items()])
    for name, place in places.items():
        if name in columns.names:
            numbers[0, columns.names[name]] = place
    return Rows(row.lines, numbers)
