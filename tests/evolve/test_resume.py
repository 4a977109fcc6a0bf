"""A search that is killed anywhere and resumed ends as one that never was killed, on a known landscape."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import shutil
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from tinydb import Query

from benchmarks.favourites import Favourites, WorldExecutor, drawn
from benchmarks.landscape import (
    NoisyExecutor,
    Proposer,
    Sloped,
    Stepping,
    Tunable,
    gain_of,
    search,
    wired,
)
from evolve.bursts.executor import Job, Result, Watch
from evolve.docket import PATIENCE, RUNNING
from evolve.memory import Rules
from evolve.rewards import Prices
from operators.chat import Ask, Model, Reply, ReplyForm, Silence
from operators.proposal import Context, Proposal, Refusal
from operators.reflect import Reflector
from population.genome import values_of, with_values
from population.store import JOURNAL, Population
from population.variant import Direction, FailureKind, Purpose

PLANTED = Proposer(gain=2.0, chance=0.2)


def ended(population: Population) -> dict[str, Any]:
    """Return what a search came to, without the hours of the day, and without who was quicker."""
    told = [(event.kind, event.text) for event in population.events if event.kind != "recovered"]
    return {
        "admitted": [text for kind, text in told if kind == "admitted"],
        "told": [one for one in told if one[0] != "admitted"],
        "variants": {name: replace(one, created=0.0) for name, one in population.variants.items()},
        "measurements": {name: population.measurements(name) for name in population.variants},
        "champion": population.meta("champion"),
        "search": population.meta("search"),
        "jobs": dict(population.notes("notes.jobs")),
        "wishes": list(population.notes("notes.wishes").values()),
        "shelf": {key: value["proposal"] for key, value in population.notes("notes.shelf").items()},
        "standing": dict(population.notes("notes.standing")),
        "promoted": dict(population.notes("notes.promoted")),
    }


def resumed(folder: Path, evaluations: int, **changes: Any) -> dict[str, Any]:
    """Go on with a search to its end."""
    with closing(Population.open(folder, write=True)) as population:
        asyncio.run(wired(population, folder, evaluations=evaluations, seed=1, **changes).run())
        return ended(population)


NUMBERS = "X = 1.0  # tune: 0..2\nK = 2  # tune: int 1..9\n"


def left_by_a_kill(folder: Path, to: Path) -> None:
    """Copy a run folder that is being written to, as a kill would leave it.

    The journal is taken first: what it names is on the disk already, and files that are written (and
    renamed) by another thread meanwhile are not named by it.
    """

    def copy(source: str, target: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(source, target)

    to.mkdir()
    copy(str(folder / JOURNAL), str(to / JOURNAL))
    shutil.copytree(
        folder, to, ignore=shutil.ignore_patterns(JOURNAL), copy_function=copy, dirs_exist_ok=True
    )


@dataclass(frozen=True)
class Copying(Sloped):
    """Scores as a slope does, and copies the run folder at the start of every few bursts."""

    folder: Path = Path()
    every: int = 0
    begun: list[str] = field(default_factory=list)

    async def run(self, job: Job, watch: Watch) -> Result:
        if self.every and len(self.begun) % self.every == 0:
            left_by_a_kill(self.folder, self.folder.parent / f"cut-{len(self.begun)}")
        self.begun.append(job.name)
        await asyncio.sleep(0)
        return await super().run(job, watch)


@dataclass(frozen=True)
class Improving(Tunable):
    """Makes children with numbers to tune, and now and then with a better structure and a better number."""

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        made = await super().propose(context, rng)
        assert isinstance(made, Proposal)
        if rng.random() >= 0.3:
            return made
        gain = gain_of(made.source) + 3.0
        better = re.sub(r"GAIN = .*", f"GAIN = {gain!r}", made.source)
        return replace(made, source=with_values(better, {"X": float(values_of(better)["X"]) + 0.2}))


@pytest.mark.parametrize("deviation", [1.0, 0.0])
def test_a_search_killed_in_any_burst_of_a_tuning_or_a_control_goes_on_to_the_same_end(
    deviation: float, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    given: dict[str, Any] = {
        "proposer": Improving(NUMBERS),
        "trials": 4,
        "control": 0.3,
        "seed_replicates": 10,
    }
    one, population = search(
        whole, executor=Copying(deviation, folder=whole, every=7, slots=2), evaluations=90, seed=1, **given
    )
    with closing(population):
        asyncio.run(one.run())
        expected = ended(population)
    assert sum(kind == "tuned" for kind, _ in expected["told"]) >= 3
    assert sum(kind == "credit" for kind, _ in expected["told"]) >= 2
    assert any(one.tuned for one in expected["variants"].values())
    measured = [m for several in expected["measurements"].values() for m in several]
    assert any(m.purpose is Purpose.CONTROL for m in measured)
    states = sorted(tmp_path.glob("cut-*"))
    assert len(states) >= 10
    for cut in states:
        assert resumed(cut, 90, executor=Copying(deviation, slots=2), **given) == expected


@pytest.mark.slow
@dataclass(frozen=True)
class Slow(NoisyExecutor):
    """Takes its time, most of all for one variant; notes the time on record when that begins and ends."""

    folder: Path = Path()
    clocks: list[float] = field(default_factory=list)

    def look(self) -> None:
        with closing(Population.open(self.folder)) as population:
            self.clocks.append(population.meta("clock"))

    async def run(self, job: Job, watch: Watch) -> Result:
        if job.name != "v1-first-0":
            await asyncio.sleep(0.05)
            return await super().run(job, watch)
        self.look()
        await asyncio.sleep(0.5)
        self.look()
        return await super().run(job, watch)


def test_the_time_used_is_on_record_also_while_one_outcome_is_long_in_coming(tmp_path: Path) -> None:
    slow = Slow(folder=tmp_path / "run", slots=2)
    one, population = search(tmp_path / "run", PLANTED, slow, 25, seed=1, ahead=8)
    with closing(population):
        asyncio.run(one.run())
    begun, ended = slow.clocks
    assert ended - begun >= 0.1


SHORT: dict[str, Any] = {
    "proposer": Stepping(mean=-0.5, agreement=0.8),
    "executor": NoisyExecutor(0.3, curves=0.2, slots=2),
    "ahead": 6,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ({"proposer": PLANTED, "executor": NoisyExecutor(1.0, 0.0)}, {"champion"}),
        ({"proposer": PLANTED, "executor": NoisyExecutor(0.2, 0.5)}, {"champion"}),
        ({"proposer": PLANTED, "executor": NoisyExecutor(0.5, 0.0), "proposals": 2.0}, {"champion"}),
        ({**SHORT, "rung": 0.25}, {"rung", "promoted", "champion"}),
        ({**SHORT, "early_stop": 3.0}, {"pruned", "champion"}),
        ({**SHORT, "rung": 0.1, "reduction": 2, "early_stop": 3.0}, {"promoted", "pruned", "spared"}),
    ],
)
def test_a_search_cut_after_any_append_goes_on_to_the_same_end(
    tmp_path: Path, given: dict[str, Any], kinds: set[str]
) -> None:
    whole = tmp_path / "whole"
    one, population = search(whole, evaluations=60, seed=1, **given)
    with closing(population):
        asyncio.run(one.run())
        expected = ended(population)
    assert expected["champion"] != "v0"
    assert kinds <= {kind for kind, _ in expected["told"]}
    lines = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    for kept in range(3, len(lines), 13):
        cut = tmp_path / f"cut-{kept}"
        shutil.copytree(whole, cut)
        (cut / JOURNAL).write_bytes(b"".join(lines[:kept]) + lines[kept][: kept % 50])
        assert resumed(cut, 60, **given) == expected


@dataclass
class Looking:
    """A chat whose lessons depend on what it is asked, and on nothing else."""

    asked: list[int | None] = field(default_factory=list)

    def pick(self, rng: Generator) -> Model:
        raise AssertionError

    def rest(self, model: str) -> float | None:
        return None

    async def complete(self, model: Model, ask: Ask) -> Reply | Silence:
        self.asked.append(ask.number)
        await asyncio.sleep(0)
        mark = hashlib.sha256(ask.messages[0][1].encode()).hexdigest()
        return Silence("not now", model.name) if mark[0] in "01" else Reply(f"- lesson {mark}\n", model.name)


async def wait(salt: str, name: object) -> None:
    """Take a time that depends on both; none without the salt."""
    for _ in range(hashlib.sha256(f"{salt}{name}".encode()).digest()[0] if salt else 0):
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Reminded(Favourites):
    """Proposes by what it is told: where that is something else, the search comes to something else."""

    salt: str = ""

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        await wait(self.salt, context.number)
        told = (context.history, context.failures, context.lessons, context.attempts, context.known)
        mark = int.from_bytes(hashlib.sha256(repr(told).encode()).digest()[:4])
        return await super().propose(context, np.random.default_rng(mark))


@dataclass(frozen=True)
class Uneven(WorldExecutor):
    """Takes a time for each burst that depends on its name."""

    salt: str = ""

    async def run(self, job: Job, watch: Watch) -> Result:
        await wait(self.salt, job.name)
        return await super().run(job, watch)


def remembering(salt: str = "") -> dict[str, Any]:
    """Return how to put a search together that remembers, looks back, and is told of both."""
    model = Model("openai/a-model", 1.0, ReplyForm.DIFF, small=False)
    return {
        "proposer": Reminded(salt=salt),
        "executor": Uneven(slots=3, world=drawn(np.random.default_rng(1)), salt=salt),
        "rules": Rules(retest=0.2, lessons_every=4, seed=1),
        "reflector": Reflector(Looking(), model, "a landscape", "score", Direction.MINIMIZE),
        "model": model.name,
        "asking": 4,
    }


@pytest.mark.slow
def test_what_a_search_remembers_does_not_depend_on_timing(tmp_path: Path) -> None:
    came: list[dict[str, Any]] = []
    for salt in ("", "one", "another"):
        one, population = search(tmp_path / f"run{salt}", evaluations=90, seed=1, **remembering(salt))
        with closing(population):
            asyncio.run(one.run())
            came.append(ended(population))
    assert came[0] == came[1] == came[2]


@pytest.mark.slow
def test_a_search_that_remembers_goes_on_to_the_same_end_wherever_it_is_cut(tmp_path: Path) -> None:
    whole, given = tmp_path / "whole", remembering()
    one, population = search(whole, evaluations=70, seed=1, **given)
    with closing(population):
        asyncio.run(one.run())
        expected = ended(population)
        learnt = [event.data for event in population.events_of("lessons")]
        assert sum(event.data["kind"] == "repeated" for event in population.events_of("refusal")) > 5
        assert sum("retest" in event.data for event in population.events_of("admitted")) > 0
    assert sum("lines" in data for data in learnt) >= 8
    assert sum("lines" not in data for data in learnt) >= 1
    assert (whole / "lessons.md").read_text().count("- lesson") == 1
    lines = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    for kept in range(3, len(lines), 17):
        cut = tmp_path / f"cut-{kept}"
        shutil.copytree(whole, cut)
        (cut / JOURNAL).write_bytes(b"".join(lines[:kept]) + lines[kept][: kept % 50])
        assert resumed(cut, 70, **given) == expected


def test_a_look_back_goes_on_after_a_kill_or_is_given_up_with_the_model_that_is_gone(tmp_path: Path) -> None:
    folder, given = tmp_path / "run", remembering()
    one, population = search(folder, evaluations=50, seed=1, **given)
    with closing(population):
        asyncio.run(one.run())
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        (folder / JOURNAL).write_bytes(b"".join(lines[: kept + 1]))
        with closing(Population.open(folder)) as population:
            asked = [
                job["job"] for job in population.notes("notes.jobs").values() if job["kind"] == "reflect"
            ]
        if asked:
            break
    cut = shutil.copytree(folder, tmp_path / "cut")
    chat = Looking()
    resumed(folder, 50, **{**given, "reflector": replace(given["reflector"], chat=chat)})
    assert chat.asked[0] == asked[0]["ticket"]
    resumed(Path(cut), 50, **{**given, "reflector": None})
    with closing(Population.open(Path(cut))) as population:
        assert not population.events_of("lessons")
        assert all(job["kind"] != "reflect" for job in population.notes("notes.jobs").values())


class Crash(BaseException):
    """The end of the process, as far as a search can see it."""


@dataclass(frozen=True)
class Deadly(NoisyExecutor):
    """A machine that goes down whenever a burst of this variant runs."""

    variant: str = "v3"

    async def run(self, job: Job, watch: Watch) -> Result:
        await asyncio.sleep(0)
        if job.name.startswith(f"{self.variant}-") and not job.smoke:
            raise Crash
        return await super().run(job, watch)


def test_a_variant_that_was_running_at_three_crashes_is_not_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    one, population = search(folder, PLANTED, Deadly(slots=2), 30, seed=1)
    with closing(population), pytest.raises(Crash):
        asyncio.run(one.run())
    for _ in range(PATIENCE - 1):
        with pytest.raises(Crash):
            resumed(folder, 30, proposer=PLANTED, executor=Deadly(slots=2), crashed=True)
    found = resumed(folder, 30, proposer=PLANTED, executor=Deadly(slots=2), crashed=True)
    (measurement,) = found["measurements"]["v3"]
    assert measurement.failure.kind is FailureKind.KILLED
    assert "3 crashes" in measurement.failure.message
    assert measurement.seconds == 0.0
    spared = [m for name in found["variants"] if name != "v3" for m in found["measurements"][name]]
    assert not any(m.failure is not None for m in spared)
    assert sum(m.spent for m in spared) == 30


def test_a_session_that_ended_by_itself_was_no_crash(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    one, population = search(folder, PLANTED, Deadly(slots=2), 30, seed=1)
    with closing(population), pytest.raises(Crash):
        asyncio.run(one.run())
    for _ in range(PATIENCE + 1):
        with pytest.raises(Crash):
            resumed(folder, 30, proposer=PLANTED, executor=Deadly(slots=2))


@dataclass(frozen=True)
class Late(NoisyExecutor):
    """Ends the burst of one variant long after all others, and notes which were on record as running then."""

    folder: Path = Path()
    running: list[str] = field(default_factory=list)

    async def run(self, job: Job, watch: Watch) -> Result:
        for _ in range(500 if job.name == "v1-first-0" else 0):
            with closing(Population.open(self.folder)) as population:
                self.running[:] = population.notes(RUNNING).values()
                if len(population.variants) > 2 and len(self.running) == 1:
                    break
            await asyncio.sleep(0.01)
        return await super().run(job, watch)


def test_a_burst_that_has_ended_runs_no_more_while_its_outcome_waits_for_its_turn(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    late = Late(folder=folder, slots=2)
    one, population = search(folder, PLANTED, late, 20, seed=1)
    with closing(population):
        asyncio.run(one.run())
        assert late.running == [population.variants["v1"].digest]


def test_what_is_learnt_from_an_outcome_that_comes_beside_a_fault_is_on_record_with_it(
    tmp_path: Path,
) -> None:
    one, population = search(tmp_path / "run", PLANTED, Deadly(slots=4), 30, seed=1, ordered=False)
    with closing(population), pytest.raises(Crash):
        asyncio.run(one.run())
    with closing(Population.open(tmp_path / "run")) as population:
        births = [one for one in population.events_of("measured") if one.data["ticket"] is not None]
        arms = population.meta("search")["breeder"]["arms"]
        learnt = sum(0.98**age for age in range(len(births)))  # each cost one burst
        assert sum(cost for _, (_, _, cost) in arms) == pytest.approx(learnt)


@dataclass
class Paid:
    """Makes children as ``Proposer`` does, as if a model were paid for each."""

    name: str = "mutate"
    arity: int = 1
    asked: list[int | None] = field(default_factory=list)
    dollars: float = 0.0

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        self.asked.append(context.number)
        await asyncio.sleep(0)
        return replace(await PLANTED.propose(context, rng), dollars=self.dollars)


def test_what_a_child_cost_in_dollars_is_learnt_also_after_a_kill(tmp_path: Path) -> None:
    folder, model = tmp_path / "run", "openai/a-model"
    given: dict[str, Any] = {"proposer": Paid(dollars=0.5), "model": model, "asking": 4}
    given["prices"] = Prices(3600.0, 2.0, timed=False)  # half a dollar is worth a quarter of a burst
    one, population = search(folder, executor=Deadly(slots=2), evaluations=30, seed=1, **given)
    with closing(population):
        with pytest.raises(Crash):
            asyncio.run(one.run())
        progress = population.notes("notes.progress").values()
        assert [one["dollars"] for one in progress if "variant" in one].count(0.5) > 0
    for _ in range(PATIENCE - 1):
        with pytest.raises(Crash):
            resumed(folder, 30, executor=Deadly(slots=2), crashed=True, **given)
    found = resumed(folder, 30, executor=Deadly(slots=2), crashed=True, **given)
    with closing(Population.open(folder)) as population:
        births = [one for one in population.events_of("measured") if one.data["ticket"] is not None]
        spent = {m.variant: m.spent for name in found["variants"] for m in found["measurements"][name]}
    costs = [spent[one.data["variant"]] + 0.25 for one in births]
    learnt = sum(0.98**age * cost for age, cost in enumerate(reversed(costs)))
    ((_, (_, _, cost)),) = found["search"]["breeder"]["arms"]
    assert cost == pytest.approx(learnt)


def test_a_proposal_that_was_paid_for_is_not_asked_for_again(tmp_path: Path) -> None:
    folder, paid = tmp_path / "run", Paid()
    model = "openai/a-model"
    one, population = search(folder, paid, Deadly(slots=2), 30, seed=1, model=model, asking=4)
    with closing(population):
        with pytest.raises(Crash):
            asyncio.run(one.run())
        answered = {int(ticket) for ticket in population.notes("notes.progress")}
        assert len(answered) > 1
    for _ in range(PATIENCE):
        with contextlib.suppress(Crash):
            found = resumed(
                folder, 30, proposer=paid, executor=Deadly(slots=2), crashed=True, model=model, asking=4
            )
    assert all(paid.asked.count(ticket) == 1 for ticket in answered)
    assert {event[0] for event in found["told"]} > {"measured", "champion"}


def dueling(folder: Path, lines: list[bytes]) -> str:
    """Cut a journal where a contender is being measured; return who that is."""
    for kept in range(3, len(lines)):
        (folder / JOURNAL).write_bytes(b"".join(lines[:kept]))
        with closing(Population.open(folder)) as population:
            duel = population.meta("search", {"race": {"duel": None}})["race"]["duel"]
            jobs = population.notes("notes.jobs").values()
            if duel and duel["contender"] in [one.get("job", {}).get("variant") for one in jobs]:
                return str(duel["contender"])
    raise AssertionError("nobody was measured against the champion")


def test_a_search_goes_on_when_the_source_of_a_contender_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    one, population = search(folder, PLANTED, NoisyExecutor(), 60, seed=1)
    with closing(population):
        asyncio.run(one.run())
    contender = dueling(folder, (folder / JOURNAL).read_bytes().splitlines(keepends=True))
    with closing(Population.open(folder)) as population:
        digest = population.variants[contender].digest
    (folder / "variants" / digest[:2] / f"{digest}.py").unlink()
    found = resumed(folder, 60, proposer=PLANTED, executor=NoisyExecutor())
    assert any(kind == "left" and text.startswith(f"{contender} ") for kind, text in found["told"])
    assert found["champion"] not in ("v0", contender)


def test_a_search_goes_on_without_what_a_repair_took_out(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    one, population = search(folder, PLANTED, NoisyExecutor(), 30, seed=1)
    with closing(population):
        asyncio.run(one.run())
        names = [name for name in population.variants if name != "v0" and name != population.meta("champion")]
        gone, lost = names[0], names[1]
        digest = population.variants[lost].digest
        (folder / "variants" / digest[:2] / f"{digest}.py").unlink()
        for table, key in (("variants", "id"), ("measurements", "variant")):
            population.db.table(table).remove(Query()[key] == gone)
    found = resumed(folder, 60, proposer=PLANTED, executor=NoisyExecutor())
    assert gone not in found["variants"]
    assert f"v{len(found['variants'])}" in found["variants"]  # no name is given twice
    children = [one for one in found["variants"].values() if one.id not in population.variants]
    assert children
    assert not any({gone, lost} & {*one.parents} for one in children)
