"""A person's orders, sent while a search runs: obeyed once, recorded, and only by what they say."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from benchmarks.landscape import FORGETFUL
from evolve import orders
from evolve.briefing import Briefing
from evolve.budget import Counts, Limits
from evolve.bursts.executor import Job, Result, Watch
from evolve.docket import recover
from evolve.lessons import Lessons
from evolve.measuring import Brake, Meter
from evolve.memory import Memory
from evolve.orders import Kind, Order
from evolve.policy import Policy
from evolve.post import Post
from evolve.race import SEED, Race
from evolve.rewards import Prices
from evolve.room import Room
from evolve.search import Search
from evolve.seeds import Seeds
from evolve.settings import Settings
from evolve.steering import Steering
from evolve.tuning import Studies
from evolve.wiring import breeder_of
from population.ledger import Event
from population.store import Population
from population.variant import Direction
from tests.evolve.test_crossing import SOURCE, Reading, founded

BETTER = SOURCE + "\n\nCHEAT = 1\n"


@dataclass(frozen=True)
class Ordering(Reading):
    """Sends orders at chosen bursts; ``BETTER`` is better than all others."""

    folder: Path = Path()
    at: dict[int, Order | Callable[[], None]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    async def run(self, job: Job, watch: Watch) -> Result:
        self.ran.append(job.source)
        await asyncio.sleep(0)
        match self.at.get(len(self.ran)):
            case Order() as order:
                orders.send(self.folder, order)
            case None:
                pass
            case act:
                act()
        result = await super().run(job, watch)
        return replace(result, score=(result.score or 0.0) - 5.0 * (job.source == BETTER))


@dataclass(frozen=True)
class Steered:
    """A population, and how to search in it under orders."""

    population: Population

    @property
    def folder(self) -> Path:
        return self.population.folder

    def search(
        self,
        at: dict[int, Order | Callable[[], None]],
        evaluations: int = 60,
        approve: bool = False,
        proposals: float = 0.0,
    ) -> str:
        """Search, and return why it ended."""

        async def run() -> str:
            return await self._wired(at, evaluations, approve, proposals).run()

        return asyncio.run(asyncio.wait_for(run(), 60))

    def _wired(
        self, at: dict[int, Order | Callable[[], None]], evaluations: int, approve: bool, proposals: float
    ) -> Search:
        population, folder = self.population, self.folder
        recover(population, crashed=False)
        limits = Limits(evaluations=evaluations)
        policy = Policy(
            Direction.MINIMIZE, limits, Prices(1.0, 2.0, timed=False), "train", 2, 1, False, trials=0,
            seed_replicates=4, replicates=0.3, confidence=0.9, approve=approve, proposals=proposals,
        )  # fmt: skip
        brake = Brake()
        room = Room(folder, lambda: brake.on, lambda _: None)
        memory = Memory(population, Direction.MINIMIZE, FORGETFUL, Lessons(folder), None)
        briefing = Briefing("a text", "score", Direction.MINIMIZE, "")
        breeder = breeder_of(Settings(seed=1), population, None, (), briefing, memory)
        meter = Meter(Ordering(folder=folder, at=at), brake, Seeds(1), room)
        studies = Studies(folder / "studies", Direction.MINIMIZE)
        return Search(
            policy, population, breeder, meter, studies, brake, room, memory, lambda _: None, Post(folder)
        )

    def told(self, *kinds: str) -> list[Event]:
        return [*self.population.events_of(*kinds)]

    def champions(self) -> list[str]:
        return [str(event.data["variant"]) for event in self.told("champion")]


@pytest.fixture
def steered(tmp_path: Path) -> Steered:
    return Steered(founded(tmp_path / "run"))


def order(kind: Kind, **more: object) -> Order:
    return Order(kind, "Ana <ana@x.org>", 1.0, **more)  # type: ignore[arg-type]


INJECTED = order(Kind.INJECT, variant=SEED, source=BETTER, text="a trick")


def injected(steered: Steered) -> str:
    return next(name for name, one in steered.population.variants.items() if one.operator == "inject")


def test_a_program_put_in_is_measured_as_a_child(steered: Steered) -> None:
    steered.search({6: INJECTED})
    child = steered.population.variants[injected(steered)]
    assert (child.parents, child.hypothesis) == ((SEED,), "a trick")
    assert steered.population.source(child.digest) == BETTER
    assert steered.population.fitness(child.id) is not None
    (event,) = steered.told("order")
    assert event.text == "Ana puts in a program as a child of v0: a trick"
    assert "source" not in event.data
    assert not list((steered.folder / orders.FOLDER).iterdir())


def test_a_champion_that_is_banned_loses_its_title_and_has_no_more_children(steered: Steered) -> None:
    steered.search({6: INJECTED}, evaluations=60)
    name = injected(steered)
    assert steered.champions()[-1] == name
    born = len(steered.population.variants)
    steered.search({1: order(Kind.BAN, variant=name)}, evaluations=110)
    assert steered.population.meta("champion") != name
    at = next(event.at for event in steered.told("order") if event.data["kind"] == "ban")
    later = [one for one in [*steered.population.variants.values()][born:] if one.created > at + 0.05]
    assert later
    assert all(name not in one.parents for one in later)
    assert name not in steered.champions()[steered.champions().index(name) + 1 :]


def test_a_ban_holds_in_the_next_session(steered: Steered) -> None:
    steered.search({6: INJECTED}, evaluations=60)
    name = injected(steered)
    steered.search({1: order(Kind.BAN, variant=name)}, evaluations=70)
    born = len(steered.population.variants)
    steered.search({}, evaluations=120)
    later = [*steered.population.variants.values()][born:]
    assert later
    assert all(name not in one.parents for one in later)
    assert steered.population.meta("champion") != name


def test_the_ideas_of_a_variant_that_is_banned_come_back_in_no_other(steered: Steered) -> None:
    steered.search({}, 60, proposals=3.0)
    ideas = {str(e.data["variant"]): e.data["ideas"] for e in steered.told("admitted") if e.data["ideas"]}
    shelf, carried = steered.population.notes("notes.shelf"), [*ideas.values()]
    name, idea = next(
        (one, own[0])
        for one, own in ideas.items()
        if str(own[0]) in shelf and sum(own[0] in others for others in carried) == 1
    )
    born = len(steered.population.variants)
    steered.search({1: order(Kind.BAN, variant=name)}, 110, proposals=3.0)
    assert str(idea) not in steered.population.notes("notes.shelf")
    at = next(event.at for event in steered.told("order"))
    later = [*steered.population.variants][born:]
    assert later
    events = [e for e in steered.told("admitted") if e.data["variant"] in later and e.at > at + 0.05]
    assert all(idea not in event.data["ideas"] for event in events)


def test_a_favourite_has_the_next_children(steered: Steered) -> None:
    steered.search({}, evaluations=40)
    born = len(steered.population.variants)
    steered.search({1: order(Kind.FAVOUR, variant="v1", children=50)}, evaluations=80)
    assert steered.population.meta("steering")["favoured"].get("v1", 0) < 50
    assert any(one.parents[0] == "v1" for one in [*steered.population.variants.values()][born:])


def test_nobody_is_champion_without_approval_where_that_is_wanted(steered: Steered) -> None:
    steered.search({6: INJECTED}, evaluations=60, approve=True)
    name = injected(steered)
    assert steered.champions() == [SEED]
    assert name in [event.data["variant"] for event in steered.told("held")]
    steered.search({1: order(Kind.APPROVE, variant=name)}, evaluations=70, approve=True)
    assert steered.champions() == [SEED, name]
    assert "better than v0 by" in steered.told("champion")[-1].text


def test_a_duel_that_goes_on_after_an_approval_keeps_its_place_in_the_new_reign(steered: Steered) -> None:
    steered.search({}, evaluations=40)
    steered.population.set_meta(champion=SEED)
    policy = Policy(
        Direction.MINIMIZE, Limits(), Prices(1.0, 2.0, timed=False), "train", 2, 1, False, trials=0,
        seed_replicates=4, replicates=0.3, confidence=0.9,
    )  # fmt: skip
    race = Race(policy, steered.population, Counts(), Seeds(1))
    duel = {"contender": "v2", "place": 2, "look": 1}
    race.restore((), {"places": 2, "duel": duel, "held": [["v1", SEED, 1]]}, (), ())
    news = race.approve("v1")
    assert news is not None
    assert race.state()["duel"] == duel
    assert race.state()["places"] == 2


def test_budgets_are_raised_while_it_searches(steered: Steered) -> None:
    reason = steered.search({10: order(Kind.RAISE, budgets={"evaluations": 45})}, evaluations=20)
    assert reason == "the budget of 45 evaluations is used"
    assert steered.population.meta("budgets") == {"evaluations": 45}


def test_a_person_stops_it(steered: Steered) -> None:
    assert steered.search({10: order(Kind.STOP)}) == "Ana stops the search"
    assert len(steered.population.events_of("measured", "replicated")) < 20


def test_nothing_begins_while_it_is_paused_and_the_clock_stands_still(steered: Steered) -> None:
    wall = 1.0

    async def go_on() -> None:
        await asyncio.sleep(wall)
        orders.send(steered.folder, order(Kind.CONTINUE))

    def pause() -> None:
        orders.send(steered.folder, order(Kind.PAUSE))
        asyncio.get_running_loop().create_task(go_on())

    assert steered.search({10: pause}, evaluations=30) == "the budget of 30 evaluations is used"
    assert [event.data["kind"] for event in steered.told("order")] == ["pause", "continue"]
    pause_at, continue_at = (event.at for event in steered.told("order"))
    between = [e for e in steered.told("admitted") if pause_at + 0.1 < e.at < continue_at]
    assert not between
    assert continue_at - pause_at > 0.9 * wall


def test_a_pause_or_a_stop_of_an_earlier_session_is_not_obeyed(steered: Steered) -> None:
    orders.send(steered.folder, order(Kind.STOP))
    orders.send(steered.folder, order(Kind.PAUSE))
    assert steered.search({}, evaluations=20) == "the budget of 20 evaluations is used"
    assert not list((steered.folder / orders.FOLDER).iterdir())


def test_a_stop_that_comes_while_a_session_begins_is_obeyed(steered: Steered) -> None:
    steered.population.commit(Event("started", "", 0.5))
    orders.send(steered.folder, order(Kind.STOP))
    assert steered.search({}, evaluations=20) == "Ana stops the search"


def test_an_order_is_obeyed_once_though_its_file_comes_back(steered: Steered) -> None:
    inbox = steered.folder / orders.FOLDER
    kept: list[tuple[str, bytes]] = []

    def send() -> None:
        orders.send(steered.folder, INJECTED)
        kept.extend((path.name, path.read_bytes()) for path in inbox.iterdir())

    steered.search({6: send}, evaluations=30)
    for name, data in kept:
        (inbox / name).write_bytes(data)  # as after a kill between the record and the removal
    steered.search({}, evaluations=40)
    assert len(steered.told("order")) == 1
    assert not list(inbox.iterdir())


def test_a_file_that_is_no_order_is_set_aside_and_the_others_are_obeyed(steered: Steered) -> None:
    inbox = steered.folder / orders.FOLDER
    inbox.mkdir()
    (inbox / "0.json").write_text("{ torn")
    (inbox / "1.json").write_text(json.dumps({"kind": "dance", "by": "x", "at": 1}))
    orders.send(steered.folder, order(Kind.STEER, text="be bold", children=3))
    steered.search({}, evaluations=20)
    assert [event.text for event in steered.told("order")] == ["Ana to the next 3 children: be bold"]
    assert sorted(path.suffix for path in inbox.iterdir()) == [".refused", ".refused"]


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "favour", "variant": "v1", "children": 0},
        {"kind": "steer", "text": "x" * 2001, "children": 3},
        {"kind": "inject", "source": BETTER},
        {"kind": "ban"},
        {"kind": "raise", "budgets": {"evaluations": math.nan}},
        {"kind": "raise", "budgets": {"evaluations": 0}},
        {"kind": "raise", "budgets": {"slots": 3}},
    ],
)
def test_an_order_that_makes_no_sense_is_set_aside(steered: Steered, odd: dict[str, object]) -> None:
    inbox = steered.folder / orders.FOLDER
    inbox.mkdir()
    (inbox / "0.json").write_text(json.dumps({"by": "x", "at": 1, **odd}))
    (inbox / "1.json").write_text("[" * 100_000)
    assert not [*orders.waiting(steered.folder)]
    assert sorted(path.suffix for path in inbox.iterdir()) == [".refused", ".refused"]


def test_an_order_without_an_id_has_the_name_of_its_file(steered: Steered) -> None:
    inbox = steered.folder / orders.FOLDER
    inbox.mkdir()
    (inbox / "mine.json").write_text(json.dumps({"kind": "ban", "by": "x", "at": 1, "variant": "v1"}))
    assert [one.id for _, one in orders.waiting(steered.folder)] == ["mine"]


def test_the_seed_cannot_be_banned(steered: Steered) -> None:
    steered.search({5: order(Kind.BAN, variant=SEED)}, evaluations=20)
    assert [event.text for event in steered.told("order")] == ["Ana bans v0: the seed cannot be banned"]
    assert steered.population.meta("steering")["banned"] == []


def test_an_order_that_cannot_be_removed_rings_but_once(steered: Steered) -> None:
    async def rings() -> list[bool]:
        post = Post(steered.folder)
        post.directions()
        watch = asyncio.create_task(post.watch())
        orders.send(steered.folder, order(Kind.STEER, text="be bold", children=3))
        await asyncio.wait_for(post.bell.wait(), 5)
        assert len(post.orders()) == 1
        await asyncio.sleep(0.7)
        before = post.bell.is_set()
        orders.send(steered.folder, order(Kind.PAUSE))
        await asyncio.wait_for(post.bell.wait(), 5)
        watch.cancel()
        return [before, len(post.orders()) == 2]

    assert asyncio.run(rings()) == [False, True]


def test_an_order_about_nobody_is_recorded_and_changes_nothing(steered: Steered) -> None:
    steered.search({5: order(Kind.BAN, variant="v999")}, evaluations=20)
    assert [event.text for event in steered.told("order")] == ["Ana bans v999: there is no such variant"]
    assert steered.population.meta("steering")["banned"] == []


def test_a_changed_program_md_is_recorded(steered: Steered) -> None:
    steered.search({5: lambda: (steered.folder / "program.md").write_text("only simple ideas")}, 20)
    assert [event.data["text"] for event in steered.told("directions")] == ["only simple ideas"]


def test_directions_that_were_deleted_between_sessions_and_come_back_are_told(steered: Steered) -> None:
    program = steered.folder / "program.md"
    program.write_text("only simple ideas")
    steered.search({}, evaluations=20)
    program.unlink()
    steered.search({5: lambda: (program.write_text("only simple ideas"), None)[1]}, evaluations=40)
    assert [event.data["text"] for event in steered.told("directions")] == [
        "only simple ideas", "", "only simple ideas",
    ]  # fmt: skip


def test_a_pipe_in_the_place_of_the_directions_says_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "program.md")
    changed = Post(tmp_path).directions()
    assert changed is not None
    assert changed.text == ""


def test_a_direction_is_told_to_so_many_children() -> None:
    steering = Steering()
    steering.obey(order(Kind.STEER, text="try dropout", children=2))
    assert steering.directions("usual", read=False) == "usual"
    told = [steering.directions("usual", read=True) for _ in range(3)]
    assert ["try dropout" in one for one in told] == [True, True, False]
    assert all(one.startswith("usual") for one in told)
    assert "from Ana: try" in told[0]  # and not her address, which a provider has no use for


def test_what_was_told_outlasts_a_session_but_a_pause() -> None:
    steering = Steering()
    for one in (
        order(Kind.STEER, text="try dropout", children=2),
        order(Kind.BAN, variant="v1"),
        order(Kind.FAVOUR, variant="v2", children=3),
        order(Kind.PAUSE),
    ):
        steering.obey(one)
    again = Steering()
    again.restore(json.loads(json.dumps(steering.state())))
    assert again == replace(steering, paused=False)
