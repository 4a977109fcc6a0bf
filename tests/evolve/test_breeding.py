from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from numpy.random import Generator

from evolve.breeding import REPAIR, Breeder, Choosing, Means
from evolve.briefing import Briefing, Writer, compared
from evolve.jobs import Birth
from evolve.lineages import ENDED, Keeping, Lineages
from operators.portfolio import Arm
from operators.proposal import Attempt, Context, Operator, Proposal
from population.fitness import Fitness
from population.islands import FOUNDED
from population.ledger import Event
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose, Variant

BRIEFING = Briefing("Byte-level text.", "val_bpb", Direction.MINIMIZE, "Keep it simple.")
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")
PLAIN, PAIR, ASKING = Arm("one"), Arm("pair"), Arm("one", "openai/x", "diff")
MENDING, OTHER = Arm(REPAIR, "openai/x", "diff"), Arm(REPAIR, "openai/y", "diff")


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
        keeping: Keeping | None = None,
        seed: int = 1,
        epsilon: float | None = None,
        noted: Iterable[str] | None = None,
        state: Mapping[str, Any] | None = None,
        rests: Mapping[str, float] = MappingProxyType({}),
    ) -> Breeder:
        """Return a breeder with an operator for each arm, told of all that is known."""
        arms = arms or (PLAIN,)
        operators: dict[Arm, Operator] = {
            arm: Copies(arm.operator, 2 if arm.operator == "pair" else 1) for arm in arms
        }
        means = Means(operators, dict.fromkeys(arms, 1.0), rest=rests.get)
        choosing = Choosing(seed, epsilon, tournament=4, pressure=1.0)
        writer = Writer(self.population, BRIEFING)
        lineages = Lineages(keeping or Keeping())
        breeder = Breeder(self.population, lineages, means, choosing, writer, Direction.MINIMIZE)
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


def lived(farm: Farm, breeder: Breeder, tickets: range, gains: Mapping[Arm, float]) -> list[Birth]:
    """Let births take place, each better than its parent by what its arm gains; return them."""
    births = []
    for ticket in tickets:
        birth = born(breeder.birth(ticket, asking=True))
        child = farm.admit(birth)
        before = farm.population.fitness(parents(birth)[0])
        assert before is not None
        farm.measure(child, before.mean - gains[birth.arm])
        breeder.note(child)
        breeder.learn(birth, child.id, 1.0)
        births.append(birth)
    return births


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


def test_each_lineage_has_a_first_child_in_turn_of_parents_that_live_there(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0", island=1)
    breeder = farm.breeder(keeping=Keeping(2))
    births = [born(breeder.birth(ticket, asking=True)) for ticket in range(20)]
    assert [birth.island for birth in births[:2]] == [0, 1]
    assert {(birth.island, *parents(birth)) for birth in births} == {(0, "v0"), (1, "v1")}


def test_a_second_parent_comes_from_the_best_of_everybody(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0", island=1)
    breeder = farm.breeder(PAIR, keeping=Keeping(2))
    births = [born(breeder.birth(ticket, asking=True)) for ticket in range(2)]
    assert [(birth.island, parents(birth)) for birth in births] == [(0, ["v0", "v1"]), (1, ["v1", "v0"])]


def test_where_selection_is_epsilon_that_share_is_drawn_from_all_and_the_rest_is_the_best(farm: Farm) -> None:
    farm.add("v0", 3.0)
    for number in range(1, 9):
        farm.add(f"v{number}", 3.0 - number / 10, "v0")

    def chosen(epsilon: float) -> list[str]:
        breeder = farm.breeder(epsilon=epsilon)
        return [parents(breeder.birth(ticket, asking=True))[0] for ticket in range(200)]

    assert {*chosen(0.0)} == {"v8"}
    assert {*chosen(1.0)} == {f"v{number}" for number in range(9)}
    assert 140 < chosen(0.2).count("v8") < 190


def test_no_model_is_asked_when_none_may_be(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder(PLAIN, ASKING)
    assert {born(breeder.birth(t, asking=False)).arm for t in range(30)} == {PLAIN}
    assert {born(breeder.birth(t, asking=True)).arm for t in range(30)} == {PLAIN, ASKING}
    assert farm.breeder(ASKING).birth(1, asking=False) is None


def test_a_model_that_rests_is_left_alone_until_its_rest_is_over(farm: Farm) -> None:
    farm.add("v0", 3.0)
    rests = {ASKING.model: 3.0}
    breeder = farm.breeder(PLAIN, ASKING, rests=rests)
    assert {born(breeder.birth(t, asking=True)).arm for t in range(30)} == {PLAIN}
    assert breeder.birth(1, asking=True, asks=True) is None
    assert breeder.rest() is None
    alone = farm.breeder(ASKING, rests=rests)
    assert alone.birth(1, asking=True) is None
    assert alone.rest() == 3.0
    rests.clear()
    assert born(alone.birth(1, asking=True)).arm == ASKING
    assert alone.rest() is None


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
    lived(farm, breeder, range(40), {ASKING: 0.01, PLAIN: -1.0})
    retired = replace(born(breeder.birth(1, asking=True)), arm=Arm("retired"))
    breeder.learn(retired, None, 1.0)  # of an earlier session with other models
    arms = [born(breeder.birth(ticket, asking=True)).arm for ticket in range(100)]
    assert arms.count(ASKING) > 80
    assert "retired" not in json.dumps(breeder.state())


def test_a_refusal_is_a_cost_without_a_gain(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder()
    birth = born(breeder.birth(1, asking=True))
    breeder.learn(birth, None, 0.25)
    assert breeder.state()["arms"] == [[["one", "", ""], [0.0, 0.0, 0.25]]]
    assert breeder.state()["lineages"]["tallies"] == [[0, 0.0, 0.0, 0.25]]


def test_an_arm_earns_the_gain_over_the_better_parent_and_a_lineage_that_over_its_best(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0")
    breeder = farm.breeder(PAIR)
    birth = born(breeder.birth(1, asking=True))
    breeder.learn(birth, None, 1.0)  # by which v1 is known as the best
    farm.add("v2", 2.9, "v0")
    farm.add("v3", 2.5, "v2", "v0")
    farm.add("v4", 1.5, "v2", "v0")
    for child, arm_gain, lineage_gain in [("v3", 0.4, 0.0), ("v4", 1.4, 0.5)]:
        before = breeder.state()
        breeder.note(farm.population.variants[child])
        breeder.learn(birth, child, 1.0)
        after = breeder.state()
        assert gained(before["arms"][0][1][0], after["arms"][0][1][0]) == pytest.approx(arm_gain)
        lineages = [one["lineages"]["tallies"][0][1] for one in (before, after)]
        assert gained(*lineages) == pytest.approx(lineage_gain)
    assert breeder.state()["lineages"]["alive"] == [[0, "v4", 1, 0]]


def gained(before: float, after: float) -> float:
    """Return what the last outcome added to a discounted sum."""
    return after - 0.98 * before


def test_a_gain_within_the_noise_is_no_new_best_of_a_lineage(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.again("v0", 3.2, seed=2)
    farm.again("v0", 2.8, seed=3)
    breeder = farm.breeder()
    birth = born(breeder.birth(1, asking=True))
    breeder.learn(birth, None, 1.0)
    for name, score, best in [("v1", 2.95, "v0"), ("v2", 1.0, "v2")]:
        farm.add(name, score, "v0")
        breeder.note(farm.population.variants[name])
        breeder.learn(birth, name, 1.0)
        assert breeder.state()["lineages"]["alive"][0][1] == best


def test_a_repair_teaches_its_arm_and_no_lineage(farm: Farm) -> None:
    farm.add("v0", 3.0)
    broken = farm.add("v1", None, "v0")
    breeder = farm.breeder(PLAIN, MENDING)
    before = breeder.state()
    breeder.learn(born(breeder.repair(1, broken)), None, 0.5)
    assert breeder.state() == {**before, "arms": [[[REPAIR, "openai/x", "diff"], [0.0, 0.0, 0.5]]]}


def test_what_an_earlier_session_learned_is_known_again(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder(PLAIN, ASKING)
    lived(farm, breeder, range(60), {ASKING: 0.01, PLAIN: -1.0})
    state = json.loads(json.dumps(breeder.state()))
    again = farm.breeder(PLAIN, ASKING, state=state)
    assert again.state() == state
    assert state["lineages"]["alive"][0][2] == 60
    arms = [born(again.birth(ticket, asking=True)).arm for ticket in range(100)]
    assert arms.count(ASKING) > 80


def test_what_was_learned_of_an_arm_that_has_gone_is_kept_and_does_no_harm(farm: Farm) -> None:
    farm.add("v0", 3.0)
    known = farm.breeder().state()
    state = {**known, "arms": [[["retired", "openai/z", "diff"], [2.5, 3.0, 1.0]]]}
    breeder = farm.breeder(PLAIN, state=state)
    assert born(breeder.birth(1, asking=True)).arm == PLAIN
    assert breeder.state()["arms"] == state["arms"]


def test_a_search_that_begins_knows_nothing_of_its_arms_and_lineages(farm: Farm) -> None:
    assert farm.breeder(keeping=Keeping(2)).state() == {
        "arms": [],
        "lineages": {
            "alive": [[0, "", 0, 0], [1, "", 0, 0]],
            "tallies": [],
            "founded": 2,
            "barren": 0,
            "level": 0,
        },
        "base": "",
    }


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
    attempts = born(farm.breeder(epsilon=0.0).birth(1, asking=True)).context.attempts  # around v0
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
    breeder = farm.breeder()
    farm.again("v7", 4.0, seed=2)
    breeder.note(farm.population.variants["v7"])
    best = [name for name in farm.population.variants if breeder.in_best_quarter(name)]
    assert best == ["v5", "v6"]


# lineages that end and begin


def barren(farm: Farm, breeder: Breeder, island: int, first: int) -> list[Event]:
    """Let births on an island be refused until it is given up; return the events of that."""
    for ticket in range(first, first + 50):
        birth = replace(born(breeder.birth(ticket, asking=True)), island=island)
        breeder.learn(birth, None, 1.0)
        events = breeder.settle(0.0, 5.0)
        if events:
            farm.population.commit(*events)
            return events
    raise AssertionError("nothing was given up")


def test_a_barren_lineage_is_given_up_and_another_founded_whose_founder_has_children_there(
    farm: Farm,
) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0", island=0)
    farm.add("v2", 1.0, "v0", island=1)
    breeder = farm.breeder(keeping=Keeping(2, patience=4))
    ended, founded = barren(farm, breeder, island=0, first=1)
    assert (ended.kind, ended.data["island"], ended.data["best"]) == (ENDED, 0, "v1")
    assert (founded.kind, founded.at, founded.data["island"]) == (FOUNDED, 5.0, 2)
    birth = born(breeder.birth(60, asking=True))
    assert (birth.island, parents(birth)) == (2, [founded.data["variant"]])


def test_a_founder_is_the_seed_or_an_elite_and_never_the_best_of_another_lineage(farm: Farm) -> None:
    farm.add("v0", 3.0)
    for number in range(1, 5):
        farm.add(f"v{number}", 3.0 - number / 10, "v0", island=number % 2)
    founders = set()
    for seed in range(12):
        breeder = farm.breeder(keeping=Keeping(2, patience=2), seed=seed)
        breeder.learn(replace(born(breeder.birth(1, asking=True)), island=0), None, 1.0)
        events = barren(farm, breeder, island=1, first=2)
        founders.add(str(events[1].data["variant"]))
    assert "v0" in founders
    assert len(founders) > 1
    assert "v4" not in founders  # the best of island 0


def test_who_founded_a_lineage_in_an_earlier_session_lives_there_still(farm: Farm) -> None:
    farm.add("v0", 3.0)
    farm.add("v1", 2.0, "v0", island=0)
    breeder = farm.breeder(keeping=Keeping(2, patience=2))
    barren(farm, breeder, island=0, first=1)
    again = farm.breeder(keeping=Keeping(2, patience=2), state=json.loads(json.dumps(breeder.state())))
    islands = set()
    for ticket in range(20, 30):
        live, restored = born(breeder.birth(ticket, asking=True)), born(again.birth(ticket, asking=True))
        assert told(restored) == told(live)
        islands.add(live.island)
    assert islands == {1, 2}


def test_the_last_lineage_is_not_given_up(farm: Farm) -> None:
    farm.add("v0", 3.0)
    with pytest.raises(AssertionError, match="nothing was given up"):
        barren(farm, farm.breeder(keeping=Keeping(1, patience=2)), island=0, first=1)


def test_a_lineage_goes_on_from_the_seed_when_a_repair_took_its_founder_out(farm: Farm) -> None:
    farm.add("v0", 3.0)
    state = farm.breeder().state()
    lineages = {**state["lineages"], "alive": [[4, "v7", 3, 1]], "founded": 5}
    farm.population.commit(Event(FOUNDED, "v7 founds lineage 4", 0.0, {"variant": "v7", "island": 4}))
    breeder = farm.breeder(state={**state, "lineages": lineages})
    birth = born(breeder.birth(1, asking=True))
    assert (birth.island, parents(birth)) == (4, ["v0"])
    breeder.learn(birth, None, 1.0)
    assert breeder.state()["lineages"]["alive"] == [[4, "v0", 4, 0]]


def test_models_are_asked_for_something_else_while_nothing_helps(farm: Farm) -> None:
    farm.add("v0", 3.0)
    breeder = farm.breeder(keeping=Keeping(1, stagnation=3))
    levels = []
    for ticket in range(8):
        birth = born(breeder.birth(ticket, asking=True))
        levels.append(birth.context.level)
        breeder.learn(birth, None, 1.0)
        breeder.settle(0.0, 5.0)
    assert levels == [0, 0, 0, 0, 1, 1, 1, 2]


# after a restart


class Life:
    """A search without bursts: children come in the order of their births, and are measured in another."""

    ARMS = PLAIN, PAIR, ASKING, MENDING

    def __init__(self, farm: Farm, keeping: Keeping, seed: int) -> None:
        self._farm = farm
        self._keeping = keeping
        self._rng = random.Random(seed)
        self._open: list[tuple[Birth, Variant | None]] = []
        self.noted = ["v0"]
        farm.add("v0", 4.0)
        self.breeders = [farm.breeder(*self.ARMS, keeping=keeping)]

    def restart(self) -> None:
        """Let another breeder live on beside the first, which knows only what is on record."""
        state = json.loads(json.dumps(self.breeders[0].state()))
        breeder = self._farm.breeder(*self.ARMS, keeping=self._keeping, noted=self.noted, state=state)
        self.breeders.append(breeder)

    def plan(self, ticket: int) -> list[Birth]:
        """Return the next birth as each breeder plans it; its child is refused or admitted."""
        asking = self._rng.random() < 0.7
        births = [born(breeder.birth(ticket, asking)) for breeder in self.breeders]
        child = None if self._rng.random() < 0.1 else self._farm.admit(births[0])
        self._open.append((births[0], child))
        return births

    def fold(self) -> list[list[Event]]:
        """Record what came of a birth; return what becomes of lineages then, as each breeder sees it."""
        birth, child = self._open.pop(self._rng.randrange(len(self._open)))
        if child is not None:
            self._measure(child)
        name, cost, used = None if child is None else child.id, self._rng.random(), len(self.noted) / 500
        for breeder in self.breeders:
            breeder.learn(birth, name, cost)
        settled = [breeder.settle(used, 5.0) for breeder in self.breeders]
        self._farm.population.commit(*settled[0])
        return settled

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
    life = Life(farm, Keeping(count, patience=6, stagnation=4), seed)
    for ticket in range(204):
        life.plan(ticket)
        if ticket >= 4:
            life.fold()
    admitted = [name for name in farm.population.variants if name in life.noted]
    assert life.noted != admitted
    assert len({event.data["after"] for event in farm.population.events_of(FOUNDED)}) > 5
    life.restart()
    for ticket in range(204, 254):
        live, restored = life.plan(ticket)
        assert told(restored) == told(live)
        settled, others = life.fold()
        assert others == settled
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
