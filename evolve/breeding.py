"""Who has the next child, how, and what its operator gets to know."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from evolve.jobs import Birth
from operators.portfolio import Arm, Portfolio, Tallies, Tally, offered
from operators.proposal import Attempt, Context, Operator, Parent
from population import islands, selection
from population.fitness import Fitness
from population.islands import Islands, Members
from population.ledger import Event
from population.selection import Lines
from population.store import Population
from population.variant import Direction, State, Variant

REPAIR = "repair"
_ATTEMPTS = 10
_INSPIRATIONS = 2
_FEW = 16  # below this, parents already chosen are left out of the next tournament


@dataclass(frozen=True, slots=True)
class Briefing:
    """What every operator is told, whoever the parents are."""

    task: str
    metric: str
    direction: Direction
    directions: str


@dataclass(frozen=True, slots=True)
class Choosing:
    """How parents are chosen."""

    tournament: int
    pressure: float
    seed: int


class Breeder:
    """Chooses island, arm and parents of each child, and writes the context for its operator.

    Args:
        population: what is known.
        islands: how many there are, and how often their best move on.
        operators: one operator for each arm.
        portfolio: the bandit over the arms.
        choosing: how parents are chosen.
        briefing: what every operator is told.
    """

    def __init__(
        self,
        population: Population,
        islands: Islands,
        operators: Mapping[Arm, Operator],
        portfolio: Portfolio,
        choosing: Choosing,
        briefing: Briefing,
    ) -> None:
        self._population = population
        self._islands = islands
        self._operators = operators
        self._portfolio = portfolio
        self._choosing = choosing
        self._briefing = briefing
        self._members = Members(islands)
        self._children: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._tallies: Tallies = {}
        self._births = 0
        self._breeding = [arm for arm in operators if arm.operator != REPAIR]
        self._repairing = [arm for arm in operators if arm.operator == REPAIR]

    def restore(
        self, noted: Iterable[str], state: Mapping[str, Any] | None, migrations: Iterable[Event]
    ) -> None:
        """Take in what an earlier session left, so that births go on as if it had not ended.

        Args:
            noted: ids of the variants that have been measured, in the order of their first measurements.
            state: what ``state`` returned at the end of that session; None for a search that begins.
            migrations: the events of that kind, in order; others are passed over.
        """
        variants = [self._population.variants[name] for name in noted]
        for variant in variants:
            self._note_attempt(variant)
        whole = (one for one in variants if self._population.has_source(one.digest))
        known = ((one, self._population.fitness(one.id)) for one in whole)
        scored = ((one, self._key(fitness)) for one, fitness in known if fitness is not None)
        self._members = islands.members(self._islands, scored, migrations)
        if state is not None:
            self._births = int(state["births"])
            self._tallies = {
                Arm(operator, model): Tally(successes, losses)
                for operator, model, successes, losses in state["tallies"]
            }

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what ``restore`` cannot tell from the population."""
        tallies = [
            [arm.operator, arm.model, tally.successes, tally.losses] for arm, tally in self._tallies.items()
        ]
        return {"births": self._births, "tallies": tallies}

    def note(self, variant: Variant) -> None:
        """Let a variant be an attempt around its parents; and a parent, if it has a score and a source.

        To be called again whenever its fitness may have changed.
        """
        self._note_attempt(variant)
        fitness = self._population.fitness(variant.id)
        if fitness is not None and self._population.has_source(variant.digest):
            self._members.add(variant, self._key(fitness))

    def _note_attempt(self, variant: Variant) -> None:
        for parent in variant.parents:
            self._children[parent][variant.id] = None

    def learn(self, arm: Arm, success: bool) -> None:
        """Tell the bandit what came of an arm."""
        if arm in self._operators:
            self._tallies = self._portfolio.updated(self._tallies, arm, success)

    def migrate(self, at: float) -> list[Event]:
        """Return the migrations that are due, already followed."""
        events = islands.migrants(self._islands, self._births, self._members, at)
        for event in events:
            self._members.note(event)
        return events

    def birth(self, ticket: int, asking: bool) -> Birth | None:
        """Plan the next child; None when no arm is free.

        Args:
            ticket: number of the job; with the run's seed it decides every choice.
            asking: whether a language model may be asked now.
        """
        rng = self.generator(ticket)
        island = self._islands.island_of(self._births)
        scored = self._members.on(island)
        arity = {arm.operator: operator.arity for arm, operator in self._operators.items()}
        free = offered((arm for arm in self._breeding if asking or not arm.model), arity, len(scored))
        if not free:
            return None
        self._births += 1
        arm = self._portfolio.choose(self._tallies, free, rng)
        operator = self._operators[arm]
        parents = self._parents(scored, operator.arity, rng)
        context = self._context(ticket, tuple(map(self._parent, parents)), island if arm.model else None)
        return Birth(ticket, arm, operator, context, island, self._operator_generator(ticket))

    def repair(self, ticket: int, broken: Variant) -> Birth | None:
        """Plan the one attempt to repair a broken child; None when nobody can."""
        arms = self._repairing
        if not arms:
            return None
        rng = self.generator(ticket)
        arm = next((arm for arm in arms if arm.model == broken.model), arms[int(rng.integers(len(arms)))])
        context = self._context(ticket, (self._parent(broken.id),), None)
        operator = self._operators[arm]
        return Birth(ticket, arm, operator, context, broken.island, self._operator_generator(ticket))

    def again(self, ticket: int, arm: Arm, context: Context, island: int) -> Birth:
        """Return a birth that an earlier session planned; its operator is None if its model is gone."""
        operator = self._operators.get(arm)
        return Birth(ticket, arm, operator, context, island, self._operator_generator(ticket))

    def generator(self, ticket: int) -> Generator:
        """Return the generator that plans one job: the same for the same seed and ticket."""
        return np.random.default_rng([self._choosing.seed, ticket])

    def _operator_generator(self, ticket: int) -> Generator:
        """Return the generator of a birth's operator, whatever was drawn in planning the birth."""
        return np.random.default_rng([self._choosing.seed, ticket, 1])

    def in_best_quarter(self, variant: str) -> bool:
        """Say whether a variant is among the best quarter of those scored so far."""
        everybody = self._members.everybody
        return variant in everybody and everybody.rank(variant) < max(1.0, len(everybody) / 4)

    def _key(self, fitness: Fitness | None) -> float:
        return selection.rank_key(fitness, self._briefing.direction)

    def _drawn(self, variant: str, rng: Generator) -> float:
        """Draw a variant's rank key from its posterior; as it stands while the noise is unknown."""
        fitness = self._population.fitness(variant)
        if fitness is None or np.isnan(fitness.standard_error):
            return self._key(fitness)
        return self._briefing.direction.key(rng.normal(fitness.mean, fitness.standard_error))

    def _parents(self, scored: Sequence[str], count: int, rng: Generator) -> list[str]:
        """Choose different parents, one tournament each, among scores drawn from what is known of them.

        A score that is unsure wins now and then, in proportion to the chance that it is the best (Thompson,
        Biometrika 25, 1933).
        """
        chosen: list[str] = []
        while len(chosen) < count:
            left = [one for one in scored if one not in chosen] if len(scored) < _FEW else scored
            winner = selection.tournament(
                left,
                lambda one: self._drawn(one, rng),
                self._choosing.tournament,
                self._choosing.pressure,
                rng,
            )
            if winner not in chosen:
                chosen.append(winner)
        return chosen

    def _parent(self, name: str) -> Parent:
        """Put together all that is known of a variant."""
        population = self._population
        variant = population.variants[name]
        measured = [m for m in population.measurements(name) if m.purpose.searches]
        last = measured[-1] if measured else None
        curve = next((m.curve for m in reversed(measured) if m.digest == variant.digest and m.curve), ())
        failure = last.failure if last is not None and last.state is State.FAILED else None
        return Parent(variant, population.source(variant.digest), population.fitness(name), curve, failure)

    def _context(self, ticket: int, parents: tuple[Parent, ...], island: int | None) -> Context:
        """Write the context; inspirations only when a language model reads it."""
        briefing = self._briefing
        known = () if island is None else self._inspirations(parents, island)
        return Context(
            task=briefing.task,
            metric=briefing.metric,
            direction=briefing.direction,
            directions=briefing.directions,
            parents=parents,
            inspirations=known,
            attempts=self._attempts(parents[0].variant),
            noise=self._population.noise(),
            number=ticket,
        )

    def _inspirations(self, parents: Sequence[Parent], island: int) -> tuple[Parent, ...]:
        """Choose a few other variants of the island that are good and unlike the parents."""

        @functools.cache
        def lines(name: str) -> Lines:
            return selection.lines_of(self._population.source(self._population.variants[name].digest))

        ranking = self._members.ranking(island)
        chosen = selection.diverse(
            ranking.best(selection.POOL + len(parents)),
            ranking.key,
            lambda one, other: selection.line_distance(lines(one), lines(other)),
            _INSPIRATIONS,
            apart_from=[parent.variant.id for parent in parents],
        )
        return tuple(map(self._parent, chosen))

    def _attempts(self, parent: Variant) -> tuple[Attempt, ...]:
        """Tell what was tried on the parent and beside it, and what came of it; oldest first."""
        around = (self._children.get(one, {}) for one in (parent.id, *reversed(parent.parents)))
        latest = (one for children in around for one in reversed(children) if one != parent.id)
        near = [self._population.variants[one] for one in itertools.islice(latest, _ATTEMPTS)]
        return tuple(Attempt(one.hypothesis, self._outcome(one)) for one in reversed(near))

    def _outcome(self, variant: Variant) -> str:
        """Say in a few words what came of a variant."""
        population = self._population
        own = population.fitness(variant.id)
        if own is None:
            measured = population.measurements(variant.id)
            failure = measured[-1].failure if measured else None
            return "not measured yet" if failure is None else f"failed: {failure.kind}: {failure.message}"
        return compared(own, population.before(variant.id), self._briefing.direction)


def compared(own: Fitness, parents: Sequence[Fitness], direction: Direction) -> str:
    """Say how a child's fitness stands to its best parent's."""
    if not parents:
        return f"{own}"
    best = min(parents, key=lambda one: direction.key(one.mean))
    gain = direction.gain(own.mean, over=best.mean)
    noise = np.hypot(own.standard_error, best.standard_error)
    word = "better" if gain > 0 else "worse"
    doubt = " (within noise)" if abs(gain) < noise else ""
    return f"{own}, {word} than its parent by {abs(gain):.4f}{doubt}"
