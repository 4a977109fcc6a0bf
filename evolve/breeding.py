"""Who has the next child, and how: a bandit over lineages, one over operators, and the choice of parents."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from evolve import rewards
from evolve.briefing import Writer
from evolve.jobs import Birth, Part
from evolve.judging import Judge
from evolve.lineages import STAGNATION, Lineages
from evolve.policies import ROUND, Name
from evolve.race import SEED
from evolve.steering import Steering
from operators.portfolio import Arm, offered
from operators.proposal import Context, Operator
from population import islands, selection
from population.bandit import Bandit, Tally
from population.fitness import Fitness, probability_better
from population.ledger import Event
from population.ranking import Ranking
from population.store import Population
from population.variant import Direction, Variant

REPAIR = "repair"
IMPROVED = 0.84
"""P(better) of a gain that is taken for one by what steers the search: one standard error."""

_SHAKEN = 0.3  # what the outcomes of operators still count after a change of what models are asked for
_LEAD, _SMALL_LEAD = 3.0, 1.5  # standard deviations of a burst by which a leader has to lead
_LATE = 0.8  # share of the budget
_ELITES = 16  # the best of everybody, among whom second parents and founders are looked for


@dataclass(frozen=True, slots=True)
class Choosing:
    """How parents are chosen.

    Args:
        seed: of every choice.
        epsilon: share of the parents drawn from all alike, the others being the best; None for tournaments.
        tournament: variants in a tournament.
        pressure: chance that its best one wins.
        policy: whose rule it is; the baselines look at nothing but a variant's mean.
        pooled: judge a variant by what was measured of all its relatives, not by its own scores alone.
        adaptive: let arms have children as they pay, not as was expected of them at first.
    """

    seed: int
    epsilon: float | None = None
    tournament: int = 4
    pressure: float = 0.9
    policy: Name = Name.EVOLVE
    pooled: bool = True
    adaptive: bool = True


def tireless(_: str) -> None:
    """Say of any model that it may be asked."""


@dataclass(frozen=True, slots=True)
class Means:
    """The operators there are, with what to go by when one of them is chosen.

    Args:
        operators: one for each arm.
        weights: what is expected of each beforehand.
        bandit: over them.
        rest: for how many seconds more a model is left alone, None when it may be asked.
    """

    operators: Mapping[Arm, Operator]
    weights: Mapping[Arm, float]
    bandit: Bandit = field(default_factory=Bandit)
    rest: Callable[[str], float | None] = tireless


class Breeder:
    """Chooses lineage, arm and parents of each child.

    Args:
        population: what is known.
        lineages: those that are alive.
        means: the operators, and the bandit over them.
        choosing: how parents are chosen.
        writer: writes what operators get to know.
        direction: which way the metric is better.
    """

    def __init__(
        self,
        population: Population,
        lineages: Lineages,
        means: Means,
        choosing: Choosing,
        writer: Writer,
        direction: Direction,
    ) -> None:
        self._population = population
        self._lineages = lineages
        self._means = means
        self._choosing = choosing
        self._writer = writer
        self._direction = direction
        self._members = islands.Members(lineages.keeping.count)
        self._judge = Judge(population, direction, SEED)
        self._tallies: Mapping[Arm, Tally] = {}
        self._base = ""  # parent of the present round, where children come in rounds
        self._breeding = [arm for arm in means.operators if arm.operator != REPAIR]
        self._repairing = [arm for arm in means.operators if arm.operator == REPAIR]

    def restore(
        self, noted: Iterable[str], state: Mapping[str, Any] | None, foundings: Iterable[Event]
    ) -> None:
        """Take in what an earlier session left, so that births go on as if it had not ended.

        Args:
            noted: ids of the variants that have been measured, in the order of their first measurements.
            state: what ``state`` returned at the end of that session; None for a search that begins.
            foundings: the events of that kind, in order; others are passed over.
        """
        for name in noted:
            self._writer.note(self._population.variants[name])
            self._judge.tried(name)
        variants = (self._population.variants[name] for name in self._population.measured_whole)
        free = (one for one in variants if one.id not in self.steering.banned)
        whole = (one for one in free if self._population.has_source(one.digest))
        known = ((one, self._population.fitness(one.id)) for one in whole)
        scored = [(one, self._key(fitness)) for one, fitness in known if fitness is not None]
        for variant, _ in scored:
            self._judge.note(variant.id, new=True)
        self._members = islands.members(self._lineages.keeping.count, scored, foundings)
        if state is not None:
            self._tallies = {Arm(*arm): Tally(*sums) for arm, sums in state["arms"]}
            self._lineages.restore(state["lineages"])
            self._base = str(state["base"])
            self._mend()

    def _mend(self) -> None:
        """Let the seed live where nobody does, and forget who is gone: a repair may take variants out."""
        for island, one in self._lineages.alive.items():
            if not self._members.on(island):
                self._members.note(Event(islands.FOUNDED, "", 0.0, {"variant": SEED, "island": island}))
            if one.best not in self._members.everybody:
                one.best = ""

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what ``restore`` cannot tell from the population."""
        arms = [
            [[arm.operator, arm.model, arm.form], [tally.gain, tally.squares, tally.cost]]
            for arm, tally in self._tallies.items()
        ]
        return {"arms": arms, "lineages": self._lineages.state(), "base": self._base}

    def note(self, variant: Variant) -> None:
        """Let a variant be an attempt around its parents; and a parent, if it has a score and a source.

        To be called again whenever its fitness may have changed.
        """
        self._writer.note(variant)
        self._judge.tried(variant.id)
        fitness = self._population.fitness(variant.id)
        banned = variant.id in self.steering.banned
        if fitness is not None and not banned and self._population.has_source(variant.digest):
            self._judge.note(variant.id, new=variant.id not in self._members.everybody)
            self._members.add(variant, self._key(fitness))

    @property
    def steering(self) -> Steering:
        """What a person has told the search."""
        return self._writer.steering

    def ban(self, variant: str) -> None:
        """Let a variant be nobody's parent from now on."""
        self._members.remove(variant)
        self._judge.forget(variant)
        self._mend()

    def learn(self, birth: Birth, child: str | None, cost: float) -> None:
        """Tell both bandits what came of a birth.

        Args:
            birth: the job.
            child: id of the child; None when there is none.
            cost: in bursts.
        """
        counts = child is not None or birth.part is Part.WHOLE  # what waits for a burst says nothing yet
        self._learn(birth.arm, birth.island if counts else None, child, cost)

    def learn_late(self, variant: Variant, cost: float) -> None:
        """Tell both bandits what came of a child that had its full burst later than its birth."""
        own = (variant.operator, variant.model)
        arm = next((arm for arm in self._means.operators if (arm.operator, arm.model) == own), None)
        self._learn(arm or Arm(*own), variant.island, variant.id, cost)

    def _learn(self, arm: Arm, island: int | None, child: str | None, cost: float) -> None:
        own = None if child is None else self._population.fitness(child)
        before = [] if child is None else self._population.before(child)
        if arm in self._means.operators:
            best = min(before, key=lambda one: self._direction.key(one.mean), default=None)
            gain = 0.0 if own is None or best is None else rewards.improvement(own, best, self._direction)
            self._tallies = self._means.bandit.updated(self._tallies, arm, gain, cost)
        if arm.operator != REPAIR and island is not None:
            leading, more = self._best(island), self._gain(island, own)
            self._lineages.learn(island, leading, more, cost)

    def settle(self, used: float, at: float) -> list[Event]:
        """Return which lineages are given up and founded, already followed.

        Args:
            used: share of the budget that is used.
            at: unix time, seconds.
        """
        events = self._lineages.settle(self._members, used, self._founder, at)
        if any(event.kind == STAGNATION for event in events):  # what paid so far may not pay from now on
            self._tallies = {arm: tally.faded(_SHAKEN) for arm, tally in self._tallies.items()}
        return events

    @property
    def asks(self) -> bool:
        """Say whether children are had from language models."""
        return any(arm.model for arm in self._breeding)

    @property
    def pooled(self) -> bool:
        """Say whether variants are judged by what was measured of their relatives."""
        return self._choosing.pooled

    @property
    def stagnates(self) -> bool:
        """Say whether no lineage has gained for long."""
        return self._lineages.level > 0

    @property
    def judge(self) -> Judge:
        """What variants are probably worth."""
        return self._judge

    @property
    def everybody(self) -> Ranking:
        """The ranking of all that have a score."""
        return self._members.everybody

    def leader(self) -> tuple[str, float, float] | None:
        """Return who is probably the best, with the mean and standard deviation of its score.

        It is an estimate, and no proof: None before anybody has a score, or where relatives do not count.
        """
        found = self._judge.leader(self._members.everybody) if self._choosing.pooled else None
        return None if found is None else (found[0], self._direction.key(found[1]), found[2])

    def challenger(self, champion: str, used: float) -> str | None:
        """Return the leader, if it is worth the bursts of a race with the champion.

        A proof costs about as many bursts whatever the lead, so one waits until the lead is large; when most
        of the budget is used, or nothing helps any more, a small one has to do.

        Args:
            champion: its id.
            used: share of the budget that is used.
        """
        leader, noise = self.leader(), self._population.noise()
        if leader is None or leader[0] == champion:
            return None
        ((own, _),) = self._worth([champion])
        lead = own - self._direction.key(leader[1])
        late = used > _LATE or self.stagnates
        wanted = (_SMALL_LEAD if late else _LEAD) * (0.0 if math.isnan(noise) else noise)
        return leader[0] if lead > wanted else None

    def birth(
        self, ticket: int, asking: bool, part: Part = Part.WHOLE, asks: bool | None = None
    ) -> Birth | None:
        """Plan the next child; None when no arm is free.

        Args:
            ticket: number of the job; with the run's seed it decides every choice.
            asking: whether a language model may be asked now.
            part: what of it is to be done.
            asks: whether it has to be by a language model, or without one; None for either.
        """
        rng = self.generator(ticket)
        operators = self._means.operators
        arity = {arm.operator: operator.arity for arm, operator in operators.items()}
        wanted = ((False, True) if asking else (False,)) if asks is None else (asks,)
        open_ = (arm for arm in self._breeding if bool(arm.model) in wanted and self._rest(arm) is None)
        free = offered(open_, arity, len(self._members.everybody))
        if not free:
            return None
        island = self._lineages.choose(rng)
        tallies = self._tallies if self._choosing.adaptive else {}
        arm = self._means.bandit.choose(tallies, free, self._means.weights, rng)
        operator = operators[arm]
        parents = self._parents(island, operator.arity, rng)
        neighbours = self._members.ranking(island) if arm.model else None
        context = self._writer.context(ticket, parents, neighbours, self._lineages.level)
        return Birth(ticket, arm, operator, context, island, self._operator_generator(ticket), part)

    def rest(self) -> float | None:
        """Return the seconds until a child can be had again, None when one can be had now."""
        rests = [self._rest(arm) for arm in self._breeding]
        return min((rest for rest in rests if rest is not None), default=None) if None not in rests else None

    def _rest(self, arm: Arm) -> float | None:
        return self._means.rest(arm.model) if arm.model else None

    def known(self, ticket: int, arm: Arm, parents: Sequence[str]) -> Birth:
        """Return the birth of a child that has been written already, on its first parent's island.

        Args:
            ticket: number of the job.
            arm: how it was made.
            parents: ids of its parents.
        """
        where = self._population.variants[parents[0]].island
        context = self._writer.context(ticket, parents, None)
        rng = self._operator_generator(ticket)
        return Birth(ticket, arm, None, context, where, rng, Part.MEASURE)

    def repair(self, ticket: int, broken: Variant, part: Part = Part.WHOLE) -> Birth | None:
        """Plan the one attempt to repair a broken child; None when nobody can."""
        arms = self._repairing
        if not arms:
            return None
        rng = self.generator(ticket)
        arm = next((arm for arm in arms if arm.model == broken.model), arms[int(rng.integers(len(arms)))])
        operator = self._means.operators[arm]
        context = self._writer.context(ticket, [broken.id], None)
        return Birth(ticket, arm, operator, context, broken.island, self._operator_generator(ticket), part)

    def again(self, ticket: int, arm: Arm, context: Context, island: int, part: Part = Part.WHOLE) -> Birth:
        """Return a birth that an earlier session planned; its operator is None if its model is gone."""
        operator = self._means.operators.get(arm)
        return Birth(ticket, arm, operator, context, island, self._operator_generator(ticket), part)

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

    # Who is good

    def _key(self, fitness: Fitness | None) -> float:
        return selection.rank_key(fitness, self._direction)

    def _worth(self, names: Sequence[str]) -> list[tuple[float, float]]:
        """Return mean and standard deviation of the keys of variants, as far as they are known."""
        if self._choosing.pooled:
            return self._judge.posterior(names, self._members.everybody)
        found = []
        for name in names:
            fitness, before = self._population.fitness(name), self._population.before(name)
            prior = min(before, key=lambda one: self._key(one), default=None)
            found.append(
                (math.inf, 0.0) if fitness is None else rewards.shrunk(fitness, prior, self._direction)
            )
        return found

    def _drawn(self, names: Sequence[str], rng: Generator) -> dict[str, float]:
        """Draw the keys of variants from what is known of them: who is unsure wins now and then."""
        worth = self._worth(names)
        return {name: float(rng.normal(*known)) for name, known in zip(names, worth, strict=True)}

    def _best(self, island: int) -> str:
        """Return the best of an island: the one that was, until another is better past the noise."""
        known = self._lineages.alive.get(island)
        top = next(iter(self._members.ranking(island).best(1)), "")
        if known is None or not known.best or not top:
            return top
        own, before = self._population.fitness(top), self._population.fitness(known.best)
        if own is None or before is None or math.isnan(own.standard_error):
            return top
        better = probability_better(own, before, self._direction)
        return top if better > IMPROVED else known.best

    def _gain(self, island: int, own: Fitness | None) -> float:
        """Return by how much a child improves on the best that its island had."""
        known = self._lineages.alive.get(island)
        before = self._population.fitness(known.best) if known is not None and known.best else None
        return 0.0 if own is None or before is None else rewards.improvement(own, before, self._direction)

    def _parents(self, island: int, count: int, rng: Generator) -> list[str]:
        """Choose different parents: the first from the island, the others from the best of everybody.

        Scores are drawn from what is known of them: one that is unsure wins now and then, in proportion to
        the chance that it is the best (Thompson, Biometrika 25, 1933).
        """
        if self._choosing.policy is not Name.EVOLVE:
            return [self._baseline()]
        wanted = self.steering.parent()
        first = wanted if wanted in self._members.everybody else None
        chosen = [
            first or self._one(self._members.on(island), self._members.ranking(island).best(_ELITES), rng)
        ]
        while len(chosen) < count:
            best = self._members.everybody.best(_ELITES + count)
            others = [one for one in best if one not in chosen]
            chosen.append(self._tournament(others, rng))
        return chosen

    def _baseline(self) -> str:
        """Choose the parent that a baseline has."""
        if self._choosing.policy is Name.RANDOM:
            return SEED
        best = self._members.everybody.best(1)[0]
        if self._choosing.policy is Name.GREEDY:
            return best
        if self._base not in self._members.everybody or self._lineages.alive[0].children % ROUND == 1:
            self._base = best
        return self._base

    def _one(self, everybody: Sequence[str], best: Sequence[str], rng: Generator) -> str:
        """Choose one parent among all that live on an island, of whom some are the best."""
        if self._choosing.epsilon is None:
            return self._tournament(everybody, rng)
        if rng.random() < self._choosing.epsilon:
            return everybody[int(rng.integers(len(everybody)))]
        drawn = self._drawn(best, rng)
        return min(best, key=drawn.__getitem__)

    def _tournament(self, names: Sequence[str], rng: Generator) -> str:
        choosing = self._choosing
        entrants = selection.entrants(names, choosing.tournament, rng)
        drawn = self._drawn(entrants, rng)
        return selection.tournament(entrants, drawn.__getitem__, len(entrants), choosing.pressure, rng)

    def _founder(self, island: int, others: Sequence[str]) -> str:
        """Choose who founds an island: the seed, or an elite unlike the best of the other lineages."""
        rng = np.random.default_rng([self._choosing.seed, island, 2])
        everybody = self._members.everybody
        if rng.random() < 0.5 or not others:
            return SEED

        chosen = selection.diverse(
            everybody.best(_ELITES),
            everybody.key,
            self._writer.distance,
            1,
            apart_from=others,
        )
        return next(iter(chosen), SEED)
