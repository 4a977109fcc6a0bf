from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from numpy.random import Generator

from evolve.breeding import REPAIR, Breeder, Choosing
from evolve.briefing import Briefing, Writer, compared
from evolve.jobs import Birth
from operators.portfolio import Arm, Portfolio
from operators.proposal import Attempt, Context, Operator, Proposal
from population.fitness import Fitness
from population.islands import Islands
from population.ledger import Event
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose, Variant

BRIEFING = Briefing("Byte-level text.", "val_bpb", Direction.MINIMIZE, "Keep it simple.")
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")
PLAIN, PAIR, ASKING = Arm("one"), Arm("pair"), Arm("one", "openai/x")
MENDING, OTHER = Arm(REPAIR, "openai/x"), Arm(REPAIR, "openai/y")


@dataclass(frozen=True)
class Copies:
    """An operator that proposes its first parent again."""

    name: str
    arity: int = 1

    async def propose(self, context: Context, rng: Generator) -> Proposal:
        return Proposal(context.parents[0].source, "the same", self.name)


class Farm:
    """A population in a folder, variants added in one line each, and breeders over it."""

    def __init__(
        self, population: Population, variant: Callable[..., Variant], burst: Callable[..., Measurement]
    ) -> None:
        self.population = population
        self._variant = variant
        self._burst = burst

    def add(self, name: str, score: float | None, *parents: str, **fields: object) -> Variant:
        """Record a variant with one burst, of a source that is its name."""
        digest = self.population.keep_source(f"# {name}\n")
        variant = self._variant(name, *parents, digest=digest, **fields)
        self.population.commit(variant, self._first(variant, score))
        return variant

    def admit(self, birth: Birth) -> Variant:
        """Record the child of a birth without a burst."""
        name = f"v{len(self.population.variants)}"
        digest = self.population.keep_source("# a line\n" * (len(name) + birth.ticket % 7) + f"# {name}\n")
        parents = [parent.variant.id for parent in birth.context.parents]
        variant = self._variant(name, *parents, digest=digest, island=birth.island)
        self.population.commit(variant)
        return variant

    def measure(self, variant: Variant, score: float | None) -> None:
        """Record a variant's first burst."""
        self.population.commit(self._first(variant, score))

    def _first(self, variant: Variant, score: float | None) -> Measurement:
        failure = BROKEN if score is None else None
        return self._burst(variant.id, score, digest=variant.digest, failure=failure)

    def again(self, name: str, score: float, seed: int) -> None:
        """Record one more burst of a variant, under a fresh seed."""
        digest = self.population.variants[name].digest
        self.population.commit(self._burst(name, score, seed=seed, digest=digest, purpose=Purpose.REPLICATE))

    def breeder(
        self,
        *arms: Arm,
        islands: Islands | None = None,
        seed: int = 1,
        noted: Iterable[str] | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> Breeder:
        """Return a breeder with an operator for each arm, told of all that is known."""
        arms = arms or (PLAIN,)
        operators: dict[Arm, Operator] = {
            arm: Copies(arm.operator, 2 if arm.operator == "pair" else 1) for arm in arms
        }
        portfolio = Portfolio(dict.fromkeys(arms, 1.0))
        choosing = Choosing(tournament=4, pressure=1.0, seed=seed)
        writer = Writer(self.population, BRIEFING)
        breeder = Breeder(
            self.population, islands or Islands(), operators, portfolio, choosing, writer, Direction.MINIMIZE
        )
        if noted is None:
            noted = [name for name in self.population.variants if self.population.measurements(name)]
        breeder.restore(noted, state, self.population.events)
        return breeder


@pytest.fixture
def farm(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> Iterator[Farm]:
    with Population.create(tmp_path / "run") as population:
        yield Farm(population, a_variant, a_measurement)


def born(birth: Birth | None) -> Birth:
    assert birth is not None
    return birth


def parents(birth: Birth | None) -> list[str]:
    return [parent.variant.id for parent in born(birth).context.parents]


# who has a child


def test_nobody_has_a_child_before_anybody_has_a_score(farm: Farm) -> None:
    farm.add("v0", None)
    assert farm.breeder().birth(1, asking=True) is None


def test_an_operator_that_needs_two_parents_waits_for_the_second(farm: Farm) -> None:
    farm.add("v0", 3.0)
    assert farm.breeder(PAIR).birth(1, asking=True) is None
    farm.add("v1", 2.9, "v0")
    assert sorted(parents(farm.breeder(PAIR).birth(1, asking=True))) == ["v0", "v1"]


def test_a_variant_that_failed_is_no_parent(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", None, "v0")
    breeder = farm.breeder()
    assert {parents(breeder.birth(ticket, asking=True))[0] for ticket in range(20)} == {"v0"}


def test_the_best_of_a_tournament_that_all_enter_is_the_parent(farm: Farm) -> None:
    for number, score in enumerate([3.0, 2.5, 2.8]):
        farm.add(f"v{number}", score, *(["v0"] if number else []))
    assert parents(farm.breeder().birth(1, asking=True)) == ["v1"]


def test_children_are_born_on_each_island_in_turn_of_parents_that_live_there(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0", island=1)
    breeder = farm.breeder(islands=Islands(2))
    births = [born(breeder.birth(ticket, asking=True)) for ticket in range(4)]
    first = births[0].island
    assert [birth.island for birth in births] == [first, 1 - first, first, 1 - first]
    assert {(birth.island, *parents(birth)) for birth in births} == {(0, "v0"), (1, "v1")}


def test_no_model_is_asked_when_none_may_be(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder(PLAIN, ASKING)
    assert {born(breeder.birth(t, asking=False)).arm for t in range(30)} == {PLAIN}
    assert {born(breeder.birth(t, asking=True)).arm for t in range(30)} == {PLAIN, ASKING}
    assert farm.breeder(ASKING).birth(1, asking=False) is None


def test_the_seed_and_the_ticket_decide_every_choice(farm: Farm) -> None:
    farm.add("v0", 3.0)
    for number in range(1, 9):
        farm.add(f"v{number}", 3.0 - number / 10, "v0")

    def chosen(seed: int) -> list[tuple[Arm, list[str], float]]:
        breeder = farm.breeder(PLAIN, ASKING, PAIR, seed=seed)
        births = [born(breeder.birth(ticket, asking=True)) for ticket in range(12)]
        return [(birth.arm, parents(birth), birth.rng.random()) for birth in births]

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)


def test_an_arm_whose_children_improve_is_chosen_more_often(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder(PLAIN, ASKING)
    for _ in range(30):
        breeder.learn(ASKING, True)
        breeder.learn(PLAIN, False)
    breeder.learn(Arm("retired"), True)  # of an earlier session with other models
    arms = [born(breeder.birth(ticket, asking=True)).arm for ticket in range(100)]
    assert arms.count(ASKING) > 80


def test_what_an_earlier_session_learned_is_known_again(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder(PLAIN, ASKING)
    for number in range(30):
        breeder.birth(number, asking=True)
        breeder.learn(ASKING, True)
        breeder.learn(PLAIN, False)
    state = json.loads(json.dumps(breeder.state()))
    again = farm.breeder(PLAIN, ASKING, state=state)
    assert again.state() == state
    assert state["births"] == 30
    arms = [born(again.birth(ticket, asking=True)).arm for ticket in range(100)]
    assert arms.count(ASKING) > 80


def test_what_was_learned_of_an_arm_that_has_gone_is_kept_and_does_no_harm(farm: Farm) -> None:
    farm.add("v0", 3.0)
    state = {"births": 3, "tallies": [["retired", "openai/z", 2.5, 1.0]]}
    breeder = farm.breeder(PLAIN, state=state)
    assert born(breeder.birth(1, asking=True)).arm == PLAIN
    assert breeder.state() == {**state, "births": 4}


def test_a_search_that_begins_knows_nothing_of_its_arms(farm: Farm) -> None:
    assert farm.breeder().state() == {"births": 0, "tallies": []}


def test_what_an_operator_draws_does_not_depend_on_how_the_birth_was_planned(farm: Farm) -> None:
    farm.add("v0", 3.0)
    broken = farm.add("v1", None, "v0")
    breeders = [farm.breeder(PLAIN, MENDING), farm.breeder(PLAIN, ASKING, OTHER)]
    births = [born(one.birth(7, asking=True)) for one in breeders]
    births += [born(one.repair(7, broken)) for one in breeders]
    planning = breeders[0].generator(7).random()
    (drawn,) = {birth.rng.random() for birth in births}
    assert drawn != planning


# what its operator is told


def test_an_operator_is_told_what_is_optimised_and_all_of_its_parent(farm: Farm) -> None:
    seed = farm.add("v0", 3.0)
    context = born(farm.breeder().birth(1, asking=True)).context
    assert (context.task, context.metric, context.directions) == (
        "Byte-level text.",
        "val_bpb",
        "Keep it simple.",
    )
    assert context.number == 1
    (parent,) = context.parents
    assert (parent.variant, parent.source, parent.failure) == (seed, "# v0\n", None)
    assert parent.fitness is not None
    assert parent.fitness.mean == 3.0
    proposal = asyncio.run(Copies("one").propose(context, farm.breeder().generator(1)))
    assert proposal.source == "# v0\n"


def test_an_operator_is_told_of_what_was_tried_around_the_parent(
    farm: Farm, a_variant: Callable[..., Variant]
) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0")
    farm.add("v2", None, "v0")
    breeder = farm.breeder()
    unmeasured = a_variant("v3", "v1")
    farm.population.commit(unmeasured)
    breeder.note(unmeasured)
    breeder.note(unmeasured)
    attempts = born(breeder.birth(1, asking=True)).context.attempts  # around v1, the best
    assert attempts == (
        Attempt("the idea of v2", "failed: exception: ValueError: no"),
        Attempt("the idea of v3", "not measured yet"),
    )


def test_at_most_ten_attempts_are_told_the_latest_ones(farm: Farm) -> None:
    farm.add("v0", 1.0)
    for number in range(1, 15):
        farm.add(f"v{number}", 3.0, "v0")
    attempts = born(farm.breeder().birth(1, asking=True)).context.attempts
    assert [attempt.hypothesis for attempt in attempts] == [f"the idea of v{n}" for n in range(5, 15)]


def test_those_beside_a_parent_are_told_before_its_own_and_left_out_first(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.9, "v0")
    farm.add("v2", 1.0, "v0", "v1")
    for number in range(3, 11):
        farm.add(f"v{number}", None, f"v{number % 2}")
    for number in range(11, 16):
        farm.add(f"v{number}", None, "v2")
    attempts = born(farm.breeder().birth(1, asking=True)).context.attempts  # around v2, the best
    expected = [10, 3, 5, 7, 9, 11, 12, 13, 14, 15]
    assert [attempt.hypothesis for attempt in attempts] == [f"the idea of v{n}" for n in expected]


def test_only_a_model_is_shown_other_good_variants_and_never_the_parent(farm: Farm) -> None:
    for number in range(6):
        farm.add(f"v{number}", 3.0 - number / 10, *(["v0"] if number else []))
    plain = born(farm.breeder(PLAIN).birth(1, asking=True)).context
    asked = born(farm.breeder(ASKING).birth(1, asking=True)).context
    assert plain.inspirations == ()
    assert len(asked.inspirations) == 2
    assert asked.parents[0] not in asked.inspirations


# repair


def test_a_broken_child_is_shown_with_its_failure_to_the_model_that_wrote_it(farm: Farm) -> None:
    farm.add("v0", 3.0)
    broken = farm.add("v1", None, "v0", model="openai/y", island=1)
    repairs = [born(farm.breeder(PLAIN, MENDING, OTHER).repair(ticket, broken)) for ticket in range(8)]
    assert {birth.arm for birth in repairs} == {OTHER}
    (shown,) = repairs[0].context.parents
    assert (shown.variant, shown.failure, shown.fitness) == (broken, BROKEN, None)
    assert repairs[0].island == 1
    assert [birth.context.number for birth in repairs] == list(range(8))


def test_a_broken_child_that_no_model_wrote_goes_to_any_that_repairs(farm: Farm) -> None:
    farm.add("v0", 3.0)
    broken = farm.add("v1", None, "v0")
    breeder = farm.breeder(MENDING, OTHER)
    assert {born(breeder.repair(ticket, broken)).arm for ticket in range(20)} == {MENDING, OTHER}
    assert farm.breeder(PLAIN).repair(1, broken) is None


def test_repairing_is_no_way_to_have_a_child_of_a_sound_parent(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder(PLAIN, MENDING)
    assert {born(breeder.birth(ticket, asking=True)).arm for ticket in range(30)} == {PLAIN}


# where it stands


def test_the_best_quarter_is_of_those_with_a_score(farm: Farm) -> None:
    farm.add("v0", 3.0)
    assert farm.breeder().in_best_quarter("v0")
    for number in range(1, 8):
        farm.add(f"v{number}", 3.0 - number / 10, "v0")
    farm.add("v8", None, "v0")
    breeder = farm.breeder()
    best = [name for name in farm.population.variants if breeder.in_best_quarter(name)]
    assert best == ["v6", "v7"]


def test_a_variant_whose_score_changed_stands_elsewhere_once_noted_again(farm: Farm) -> None:
    farm.add("v0", 3.0)
    for number in range(1, 8):
        farm.add(f"v{number}", 3.0 - number / 10, "v0")
    breeder = farm.breeder(islands=Islands(2, migration_every=1))
    farm.again("v7", 4.0, seed=2)
    breeder.note(farm.population.variants["v7"])
    best = [name for name in farm.population.variants if breeder.in_best_quarter(name)]
    assert best == ["v5", "v6"]
    breeder.birth(1, asking=True)
    assert [event.data["variant"] for event in breeder.migrate(0.0)] == ["v6"]


def test_the_best_of_an_island_moves_on_when_it_is_time_and_has_children_there(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0", island=0)
    breeder = farm.breeder(islands=Islands(2, migration_every=2))
    assert breeder.migrate(5.0) == []
    births = [born(breeder.birth(ticket, asking=True)) for ticket in range(2)]
    assert {(birth.island, *parents(birth)) for birth in births} == {(0, "v1"), (1, "v0")}
    (event,) = breeder.migrate(5.0)
    assert (event.kind, event.at, event.data) == (
        "migration",
        5.0,
        {"variant": "v1", "island": 1, "after": 2},
    )
    births = [born(breeder.birth(ticket, asking=True)) for ticket in range(2)]
    assert {(birth.island, *parents(birth)) for birth in births} == {(0, "v1"), (1, "v1")}


def test_who_migrated_in_an_earlier_session_lives_there_still(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0", island=0)
    farm.population.commit(Event("migration", "v1 goes on", 0.0, {"variant": "v1", "island": 1}))
    breeder = farm.breeder(islands=Islands(2))
    assert {parents(breeder.birth(ticket, asking=True))[0] for ticket in range(2)} == {"v1"}


# after a restart


class Life:
    """A search without bursts: children come in the order of their births, and are measured in another."""

    ARMS = PLAIN, PAIR, ASKING, MENDING

    def __init__(self, farm: Farm, islands: Islands, seed: int) -> None:
        self._farm = farm
        self._islands = islands
        self._rng = random.Random(seed)
        self._open: list[tuple[Birth, Variant | None]] = []
        self.noted = ["v0"]
        farm.add("v0", 4.0)
        self.breeders = [farm.breeder(*self.ARMS, islands=islands)]

    def restart(self) -> None:
        """Let another breeder live on beside the first, which knows only what is on record."""
        state = json.loads(json.dumps(self.breeders[0].state()))
        breeder = self._farm.breeder(*self.ARMS, islands=self._islands, noted=self.noted, state=state)
        self.breeders.append(breeder)

    def plan(self, ticket: int) -> list[Birth]:
        """Return the next birth as each breeder plans it; its child is refused or admitted."""
        asking = self._rng.random() < 0.7
        births = [born(breeder.birth(ticket, asking)) for breeder in self.breeders]
        child = None if self._rng.random() < 0.1 else self._farm.admit(births[0])
        self._open.append((births[0], child))
        return births

    def fold(self) -> list[list[Event]]:
        """Record what came of a birth; return the migrations that follow, as each breeder sees them."""
        birth, child = self._open.pop(self._rng.randrange(len(self._open)))
        if child is not None:
            self._measure(child)
        success = self._rng.random() < 0.4
        for breeder in self.breeders:
            breeder.learn(birth.arm, success)
        migrations = [breeder.migrate(5.0) for breeder in self.breeders]
        self._farm.population.commit(*migrations[0])
        return migrations

    def _measure(self, child: Variant) -> None:
        """Record a first burst, of which many have the same score, and now and then one more of another."""
        score = self._rng.choice([None, 2.0, 2.0, 2.5, 3.0, 3.0, 3.5])
        progress = len(self.noted) // 25
        self._farm.measure(child, None if score is None else score - progress / 2)
        self.noted.append(child.id)
        self._note(child.id)
        scored = [name for name in self.noted if self._farm.population.fitness(name) is not None]
        if self._rng.random() < 0.2:
            again = self._rng.choice(scored)
            self._farm.again(again, self._rng.choice([1.0, 2.0, 3.0]), seed=self._rng.randrange(2, 9))
            self._note(again)

    def _note(self, name: str) -> None:
        for breeder in self.breeders:
            breeder.note(self._farm.population.variants[name])


def told(birth: Birth) -> tuple[object, ...]:
    """Return everything that was chosen for a birth."""
    return birth.ticket, birth.arm, birth.island, repr(birth.context), birth.rng.bit_generator.state


@pytest.mark.parametrize(("count", "seed"), [(2, 1), (3, 2), (3, 3)])
def test_after_a_restart_births_go_on_as_if_there_had_been_none(farm: Farm, count: int, seed: int) -> None:
    life = Life(farm, Islands(count, migration_every=7), seed)
    for ticket in range(204):
        life.plan(ticket)
        if ticket >= 4:
            life.fold()
    admitted = [name for name in farm.population.variants if name in life.noted]
    assert life.noted != admitted
    assert len({event.data["after"] for event in farm.population.events}) > 5
    life.restart()
    for ticket in range(204, 254):
        live, restored = life.plan(ticket)
        assert told(restored) == told(live)
        migrations, others = life.fold()
        assert others == migrations
    live_breeder, other = life.breeders
    assert other.state() == live_breeder.state()


# in words


@pytest.mark.parametrize(
    ("direction", "own", "said"),
    [
        (Direction.MINIMIZE, 2.5, "better than its parent by 0.5000"),
        (Direction.MINIMIZE, 3.5, "worse than its parent by 0.5000"),
        (Direction.MAXIMIZE, 3.75, "better than its parent by 0.2500"),
        (Direction.MINIMIZE, 2.9, "better than its parent by 0.1000 (within noise)"),
    ],
)
def test_a_child_is_compared_with_the_best_of_its_parents(
    direction: Direction, own: float, said: str
) -> None:
    before = [Fitness(3.0, 0.1, 2), Fitness(3.5, 0.1, 2)]
    assert compared(Fitness(own, 0.1, 2), before, direction) == f"{own:.4f} ± 0.1000 (n=2), {said}"


def test_a_child_of_parents_without_a_score_is_told_by_its_own(farm: Farm) -> None:
    assert compared(Fitness(2.5, math.nan, 1), [], Direction.MINIMIZE) == "2.5000 (n=1)"
