"""Who has the next child, how, and what its operator gets to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from evolve.briefing import Writer
from evolve.jobs import Birth
from operators.portfolio import Arm, Portfolio, Tallies, Tally, offered
from operators.proposal import Context, Operator
from population import islands, selection
from population.fitness import Fitness
from population.islands import Islands, Members
from population.ledger import Event
from population.store import Population
from population.variant import Direction, Variant

REPAIR = "repair"
_FEW = 16  # below this, parents already chosen are left out of the next tournament


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
        writer: writes what operators get to know.
        direction: which way the metric is better.
    """

    def __init__(
        self,
        population: Population,
        islands: Islands,
        operators: Mapping[Arm, Operator],
        portfolio: Portfolio,
        choosing: Choosing,
        writer: Writer,
        direction: Direction,
    ) -> None:
        self._population = population
        self._islands = islands
        self._operators = operators
        self._portfolio = portfolio
        self._choosing = choosing
        self._writer = writer
        self._direction = direction
        self._members = Members(islands)
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
        for name in noted:
            self._writer.note(self._population.variants[name])
        variants = (self._population.variants[name] for name in self._population.measured_whole)
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
        self._writer.note(variant)
        fitness = self._population.fitness(variant.id)
        if fitness is not None and self._population.has_source(variant.digest):
            self._members.add(variant, self._key(fitness))

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
        neighbours = self._members.ranking(island) if arm.model else None
        context = self._writer.context(ticket, parents, neighbours)
        return Birth(ticket, arm, operator, context, island, self._operator_generator(ticket))

    def repair(self, ticket: int, broken: Variant) -> Birth | None:
        """Plan the one attempt to repair a broken child; None when nobody can."""
        arms = self._repairing
        if not arms:
            return None
        rng = self.generator(ticket)
        arm = next((arm for arm in arms if arm.model == broken.model), arms[int(rng.integers(len(arms)))])
        context = self._writer.context(ticket, [broken.id], None)
        operator = self._operators[arm]
        return Birth(ticket, arm, operator, context, broken.island, self._operator_generator(ticket))

    def again(self, ticket: int, arm: Arm, context: Context, island: int) -> Birth:
        """Return a birth that an earlier session planned; its operator is None if its model is gone."""
        operator = self._operators.get(arm)
        return Birth(ticket, arm, operator, context, island, self._operator_generator(ticket))

    def generator(self, ticket: int, *stream: int) -> Generator:
        """Return the generator that plans one job, or another of its own: the same for the same arguments."""
        return np.random.default_rng([self._choosing.seed, ticket, *stream])

    def _operator_generator(self, ticket: int) -> Generator:
        """Return the generator of a birth's operator, whatever was drawn in planning the birth."""
        return np.random.default_rng([self._choosing.seed, ticket, 1])

    def in_best_quarter(self, variant: str) -> bool:
        """Say whether a variant is among the best quarter of those scored so far."""
        everybody = self._members.everybody
        return variant in everybody and everybody.rank(variant) < max(1.0, len(everybody) / 4)

    def _key(self, fitness: Fitness | None) -> float:
        return selection.rank_key(fitness, self._direction)

    def _drawn(self, variant: str, rng: Generator) -> float:
        """Draw a variant's rank key from its posterior; as it stands while the noise is unknown."""
        fitness = self._population.fitness(variant)
        if fitness is None or np.isnan(fitness.standard_error):
            return self._key(fitness)
        return self._direction.key(rng.normal(fitness.mean, fitness.standard_error))

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
