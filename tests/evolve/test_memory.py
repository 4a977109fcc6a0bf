"""What was tried in vain is refused before a burst is spent, and told in prompts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator

from benchmarks.favourites import BROKEN, Favourites, World, WorldExecutor, drawn
from benchmarks.landscape import search
from evolve import repeats
from evolve.briefing import Briefing, Writer
from evolve.memory import Memory, Rules
from operators.proposal import Attempt, Context, Proposal, Recurring, Refusal, RefusalKind
from population.edit import edit
from population.fitness import failed
from population.ledger import Event
from population.store import Population
from population.variant import Direction, Measurement, Purpose, Variant

SEED = "def train(burst):\n    x = norm(burst)\n    return x\n"
BRIEFING = Briefing("a task", "score", Direction.MINIMIZE, "")


class Past:
    """A population with a memory of it, made event by event as a search makes it."""

    def __init__(self, folder: Path) -> None:
        self.population = Population.create(folder)
        self.memory = Memory(self.population, Direction.MINIMIZE, Rules(retest=0.0, seed=1))
        self.ticket = 0
        self._put("v0", SEED, None)
        self.score("v0", 1.0)
        for seed in range(1, 8):  # the noise of one burst: about 0.1
            self.score("v0", 1.0 + 0.1 * (-1) ** seed, seed)

    def _put(self, name: str, source: str, parent: str | None, hypothesis: str = "") -> None:
        digest = self.population.keep_source(source)
        variant = Variant(
            id=name,
            digest=digest,
            proposed=digest,
            fingerprint=name,
            parents=() if parent is None else (parent,),
            operator="mutate",
            hypothesis=hypothesis or f"the idea of {name}",
            island=0,
            generation=0,
        )
        data = {"variant": name}
        if parent is not None:
            found = edit(self.source(parent), source)
            assert found is not None
            data |= {"edit": found.written()}
        self._record(Event("admitted", "", 0.0, data), variant)

    def source(self, name: str) -> str:
        return self.population.source(self.population.variants[name].digest)

    def score(self, name: str, score: float | None, seed: int = 0) -> None:
        digest = self.population.variants[name].digest
        purpose = Purpose.REPLICATE if seed else Purpose.FIRST
        failure = BROKEN if score is None else None
        self.population.commit(Measurement(name, digest, seed, purpose, score, failure, 1.0))

    def child(
        self, parent: str, old: str, new: str, gain: float | None, error: float = 0.1, hypothesis: str = ""
    ) -> str:
        """Record a child of an edit and what came of it: its gain, None where it did not run."""
        name = f"v{len(self.population.variants)}"
        source = self.source(parent)
        assert old in source
        self._put(name, source.replace(old, new), parent, hypothesis)
        self.score(name, None if gain is None else 1.0 - gain)
        data = {"variant": name, "gain": gain, "error": None if gain is None else error}
        if gain is None:
            data |= {"failure": BROKEN.kind.value, "message": BROKEN.message}
        self._record(Event("measured", "", 0.0, data))
        return name

    def _record(self, event: Event, *variants: Variant) -> None:
        self.population.commit(*variants, event)
        self.memory.heed(event)

    def context(self, parent: str) -> Context:
        context = Writer(self.population, BRIEFING, memory=self.memory).context(self.ticket, [parent], None)
        return replace(context, known=self.memory.known)

    def judged(
        self, parent: str, old: str, new: str, memory: Memory | None = None
    ) -> Refusal | dict[str, object]:
        """Judge an edit of a parent."""
        context = self.context(parent)
        source = context.parents[0].source.replace(old, new)
        assert source != context.parents[0].source
        proposal = Proposal(source, "an idea", "mutate", "openai/x")
        self.ticket += 1
        return (memory or self.memory).judged(context, proposal, self.ticket, ordered=True)


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    past = Past(tmp_path / "run")
    with closing(past.population):
        yield past


SCALE = ("    return x\n", "    return scale(x, 0.5)\n")
DEEP = ("    x = norm(burst)\n", "    x = norm(burst)\n    x = layer(x)\n")


def test_a_breaking_edit_that_was_tried_on_two_parents_is_refused_on_a_third(past: Past) -> None:
    other = past.child("v0", *DEEP, gain=0.5)
    third = past.child(other, "layer(x)", "layer(layer(x))", gain=0.5)
    assert "edit" in past.judged(third, *SCALE)  # type: ignore[operator]
    past.child("v0", *SCALE, gain=None)
    past.child(other, *SCALE, gain=None)
    refusal = past.judged(third, *SCALE)
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.REPEATED
    assert refusal.twins == ("v3", "v4")
    assert (refusal.operator, refusal.model, refusal.hypothesis) == ("mutate", "openai/x", "an idea")


def test_what_was_not_known_when_a_birth_was_planned_does_not_count_in_order(past: Past) -> None:
    other = past.child("v0", *DEEP, gain=0.5)
    context = past.context(other)
    past.child("v0", *SCALE, gain=None)
    past.child("v0", SCALE[0], "    return scale(x, 0.25)\n", gain=None)
    source = context.parents[0].source.replace(*SCALE)
    proposal = Proposal(source, "an idea", "mutate")
    assert isinstance(past.memory.judged(context, proposal, 7, ordered=True), dict)
    assert isinstance(past.memory.judged(context, proposal, 7, ordered=False), Refusal)


def test_putting_back_what_was_taken_out_with_a_gain_is_refused_also_further_down_the_line(
    past: Past,
) -> None:
    without = past.child("v0", "norm(burst)", "burst", gain=0.5)
    below = past.child(without, *SCALE, gain=0.3)
    refusal = past.judged(below, "x = burst", "x = norm(burst)")
    assert isinstance(refusal, Refusal)
    assert refusal.twins == (without,)


def test_a_re_test_is_let_through_now_and_then_and_recorded(past: Past) -> None:
    for parent in ("v0", past.child("v0", *DEEP, gain=0.5)):
        past.child(parent, *SCALE, gain=None)
    third = past.child("v0", "norm(burst)", "norm(norm(burst))", gain=0.1)
    memory = Memory(past.population, Direction.MINIMIZE, Rules(retest=0.3, seed=5))
    memory.restore()
    found = [past.judged(third, *SCALE, memory) for _ in range(200)]
    again = [one for one in found if isinstance(one, dict)]
    assert 35 < len(again) < 90
    assert all(one["retest"] == ["v2", "v3"] for one in again)


def test_a_retest_is_likelier_on_a_parent_far_from_those_that_the_idea_was_worse_on(past: Past) -> None:
    far = past.child(
        "v0", "    return x\n", "".join(f"    x = f{n}(x)\n" for n in range(9)) + "    return x\n", 0.2
    )
    near = past.child("v0", *DEEP, gain=0.5)
    for parent in ("v0", past.child("v0", "norm(burst)", "other(burst)", gain=0.5)):
        past.child(parent, *SCALE, gain=-0.9)
    memory = Memory(past.population, Direction.MINIMIZE, Rules(retest=0.05))
    memory.restore()

    def through(parent: str) -> int:
        return sum(isinstance(past.judged(parent, *SCALE, memory), dict) for _ in range(200))

    assert through(near) < through(far)


def test_without_a_memory_nothing_is_refused_and_nothing_recorded(past: Past) -> None:
    off = Memory(past.population, Direction.MINIMIZE, Rules(on=False))
    off.restore()
    for _ in range(3):
        past.child("v0", *SCALE, gain=None)
    assert past.judged("v0", *SCALE, off) == {}
    assert (off.known, off.recurring(), off.lessons()) == (0, (), ())


def test_a_memory_that_is_restored_is_the_one_that_there_was(past: Past) -> None:
    for parent in ("v0", past.child("v0", *DEEP, gain=0.5)):
        past.child(parent, *SCALE, gain=None, hypothesis="halve it")
    again = Memory(past.population, Direction.MINIMIZE, Rules(retest=0.0, seed=1))
    again.restore()
    assert again.known == past.memory.known == 3
    assert again.recurring() == past.memory.recurring()
    assert isinstance(past.judged("v1", *SCALE, again), Refusal)


def test_a_fault_of_ours_says_nothing_of_an_idea(past: Past) -> None:
    data = {"variant": past.child("v0", *SCALE, gain=0.0), "failure": "killed", "message": "no room"}
    known = past.memory.known
    for _ in range(3):
        past.memory.heed(Event("measured", "", 0.0, data))
    assert past.memory.known == known


# what prompts tell


def told(past: Past, parent: str) -> Context:
    class Nobody:
        def best(self, count: int) -> list[str]:
            return []

        def key(self, variant: str) -> float:
            raise AssertionError(variant)

    return Writer(past.population, BRIEFING, memory=past.memory).context(1, [parent], Nobody())  # type: ignore[arg-type]


def test_a_model_is_told_what_led_to_the_parent_with_each_gain(past: Past) -> None:
    one = past.child("v0", *DEEP, gain=0.5)
    two = past.child(one, *SCALE, gain=0.8)
    history = told(past, two).history
    assert [step.hypothesis for step in history] == [f"the idea of {one}", f"the idea of {two}"]
    assert history[0].outcome.startswith("+0.4875 ± 0.1051")
    assert told(past, "v0").history == ()


def test_a_model_is_told_of_errors_and_ideas_in_vain_that_came_again(past: Past) -> None:
    for parent in ("v0", past.child("v0", *DEEP, gain=0.5)):
        past.child(parent, *SCALE, gain=None, hypothesis="halve it")
    assert told(past, "v0").failures == (
        Recurring(f"exception: {BROKEN.message}", 2),
        Recurring("the idea halve it", 2),
    )


def test_a_model_is_told_which_ideas_were_refused_on_the_parent(past: Past) -> None:
    past.child("v0", *SCALE, gain=None)
    data = {
        "kind": "repeated",
        "hypothesis": "halve it",
        "parents": ["v0"],
        "twins": ["v1"],
        "reason": "the same idea did not run (exception) as v1",
    }
    past.memory.heed(Event("refusal", "", 0.0, data))
    first = told(past, "v0").attempts[0]
    assert first == Attempt("halve it", "refused: the same idea did not run (exception) as v1")
    assert told(past, "v1").attempts == ()


def test_who_reads_no_prompt_is_told_no_more_than_before(past: Past) -> None:
    past.child("v0", *SCALE, gain=None)
    context = Writer(past.population, BRIEFING, memory=past.memory).context(1, ["v1"], None)
    assert (context.history, context.failures, context.lessons) == ((), (), ())
    assert context.known == 1


# in a search


@pytest.mark.slow
def test_a_search_refuses_favourites_that_failed_and_spends_its_bursts_on_others(tmp_path: Path) -> None:
    world = drawn(np.random.default_rng(3))
    broken = {True: 0, False: 0}
    for on, seed in itertools.product((True, False), (1, 2, 3)):
        folder, executor = tmp_path / f"{on}{seed}", WorldExecutor(world=world)
        one, population = search(folder, Favourites(), executor, 100, seed=seed, rules=Rules(on=on))
        with closing(population):
            asyncio.run(one.run())
            refused = [e.data for e in population.events_of("refusal") if e.data["kind"] == "repeated"]
            retests = [e.data["retest"] for e in population.events_of("admitted") if "retest" in e.data]
            assert bool(refused) == on
            assert on or not retests
            assert all(set(data["twins"]) <= population.variants.keys() for data in refused)
            broken[on] += sum(failed(population.scores(name)) for name in population.variants)
    assert broken[True] < broken[False]


def test_a_burst_is_spent_on_no_third_twin_of_what_did_not_run(tmp_path: Path) -> None:
    class Stubborn:
        name, arity = "mutate", 1

        async def propose(self, context: Context, rng: Generator) -> Proposal:
            source = context.parents[0].source
            idea = "aa" if rng.random() < 0.5 else f"{rng.integers(2**40):x}"
            return Proposal(f"{source}USE_{idea} = True\n", idea, self.name)

    world = World({}, breaking=frozenset({"aa"}))
    rules = Rules(retest=0.0)
    one, population = search(
        tmp_path / "run", Stubborn(), WorldExecutor(world=world), 60, seed=1, rules=rules
    )
    with closing(population):
        asyncio.run(one.run())
        broken = [v for v in population.variants.values() if v.hypothesis == "aa"]
        assert (
            repeats.ENOUGH <= len(broken) <= repeats.ENOUGH + 4
        )  # those under way when the second one failed
