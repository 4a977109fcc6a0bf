"""Our search on a landscape, in one process and without a network.

    python -m benchmarks.peers.ours --landscape 1 --searches 20 --evaluations 200 [--set trials=0 ...]

Everything is the engine's own but two things: bursts are scored by the landscape, and the model is the
scripted one, asked by a call instead of over HTTP. A smoke burst sees what fails in the first step; it is no
evaluation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from numpy.random import Generator

from benchmarks.peers import results
from benchmarks.peers.dialogue import Oracle, as_messages
from benchmarks.peers.evaluator import REAL, SERVICE
from benchmarks.peers.landscapes import NAMES, Landscape, landscape
from benchmarks.peers.reading import Broken
from benchmarks.peers.real import Real, served
from benchmarks.peers.statistics import mean, median, shown
from benchmarks.peers.trajectory import Point, Trajectory
from evolve import admission
from evolve.briefing import Briefing
from evolve.bursts.executor import Job, Result, Watch
from evolve.docket import recover
from evolve.measuring import Brake
from evolve.policies import Name, changed
from evolve.race import SEED
from evolve.room import Room
from evolve.settings import Settings
from evolve.wiring import Asking, search_of
from operators.chat import Ask, Model, Reply, ReplyForm, Silence
from population.ledger import Event
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Variant

MODEL = Model("scripted", 1.0, ReplyForm.DIFF, small=False)
TASK = "A byte-level language model trained by `train(burst)` in train.py. The score is a loss."
SLOTS = 2
_MEMORY = Path("/dev/shm")

T = TypeVar("T")


@dataclass(frozen=True)
class Scripted:
    """A ``Chat`` that answers from the catalogue."""

    oracle: Oracle

    def pick(self, rng: Generator) -> Model:
        """Return the one model."""
        return MODEL

    def rest(self, model: str) -> float | None:
        """Say of the one model that it may be asked."""
        return None

    async def complete(self, model: Model, ask: Ask) -> Reply | Silence:
        """Answer a prompt."""
        return Reply(self.oracle.answer(as_messages(ask.messages)), model.name)


@dataclass(frozen=True)
class Standing:
    """What the search called its best when an evaluation began, and what it claimed for that."""

    source: str
    claimed: float
    calls: int
    leader: str
    estimate: float


@dataclass
class Scoring:
    """An ``Executor`` whose bursts are scored by a landscape; keeps how the search stood.

    Args:
        landscape: scores.
        population: of the search.
        oracle: answers it.
        slots: bursts at once.
    """

    landscape: Landscape | Real
    population: Population
    oracle: Oracle
    slots: int
    standings: list[Standing] = field(default_factory=list)
    smokes: int = 0

    async def run(self, job: Job, watch: Watch) -> Result:
        """Score a source; the noise depends on it and on the seed."""
        if job.smoke:
            self.smokes += 1
            return _result(await self._waited(self.landscape.smoke, job.source) or 0.0, seconds=0.0)
        self.standings.append(self.standing())
        return _result(await self._waited(self.landscape.score, job.source, job.seed))

    async def _waited(self, score: Callable[..., T], *given: Any) -> T:
        if isinstance(self.landscape, Real):
            return await asyncio.to_thread(score, *given)
        await asyncio.sleep(0)
        return score(*given)

    async def close(self) -> None:
        """Hold nothing."""

    def standing(self) -> Standing:
        """Say what the search calls its best now."""
        population = self.population
        champion = population.variants[population.meta("champion") or SEED]
        fitness = population.fitness(champion.id)
        claimed = math.nan if fitness is None else fitness.mean
        leader, estimate, _ = population.meta("leader") or (champion.id, claimed, 0.0)
        led = population.source(population.variants[leader].digest)
        source = population.source(champion.digest)
        return Standing(source, claimed, self.oracle.calls, led, estimate)


def run_ours(
    landscape: Landscape | Real, settings: Settings, evaluations: int, seed: int, name: str = ""
) -> Trajectory:
    """Search a landscape with our engine.

    Args:
        landscape: what to search.
        settings: of the search; its evaluations, seed and burst are set here.
        evaluations: bursts, smokes not counted.
        seed: of the search and of the model.
        name: that the trajectory is given; that of the policy when empty.
    """
    started = time.monotonic()
    slots = settings.slots or SLOTS
    settings = settings.model_copy(
        update={
            "evaluations": evaluations,
            "seed": seed,
            "burst_tokens": settings.burst_tokens or 1,  # outcomes in order: nothing depends on timing
            "ahead": settings.ahead or slots,  # as where bursts take a while
            **changed(settings.policy),
        }
    )
    where = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as given:
        folder = Path(given) / "run"
        with _founded(folder, landscape.seed_source) as population:
            scoring = asyncio.run(_searched(folder, population, landscape, settings, slots))
    seconds = time.monotonic() - started
    shown = {source for one in scoring.standings for source in (one.source, one.leader)}
    truths = {source: _true(landscape, source) for source in shown}
    points = tuple(
        Point(truths[one.source], one.claimed, one.calls, truths[one.leader], one.estimate)
        for one in scoring.standings
    )
    return Trajectory(
        name or settings.policy.value,
        landscape.name,
        landscape.instance,
        seed,
        _true(landscape, landscape.seed_source),
        landscape.target,
        points,
        seconds,
        scoring.smokes,
    )


def _true(landscape: Landscape | Real, source: str) -> float:
    """Return the true score of what a search called its best; infinite if it fails."""
    truth = landscape.truth(source)
    return math.inf if isinstance(truth, Broken) else truth


async def _searched(
    folder: Path, population: Population, landscape: Landscape | Real, settings: Settings, slots: int
) -> Scoring:
    """Wire a search as a session does, and run it to its end."""
    assert settings.seed is not None
    oracle = Oracle(settings.seed)
    scoring = Scoring(landscape, population, oracle, slots)
    brake = Brake()
    recover(population, crashed=False)
    population.flush()
    models = () if settings.policy is Name.NUMBERS_ONLY else (MODEL,)
    chat = Scripted(oracle) if models else None
    briefing = Briefing(TASK, "loss", Direction.MINIMIZE, "")
    room = Room(folder, lambda: brake.on, _ignored)
    search = search_of(
        settings,
        population,
        folder,
        Asking(chat, models, settings.llm_parallel),
        briefing,
        scoring,
        "train",
        brake,
        room,
        _ignored,
    )
    await search.run()
    scoring.standings[:] = [
        *scoring.standings[1:],
        scoring.standing(),
    ]  # each after its evaluation, not before
    return scoring


def _founded(folder: Path, source: str) -> Population:
    population = Population.create(folder)
    digest = population.keep_source(source)
    founder = Variant(SEED, digest, digest, admission.mark(source), (), "seed", "the seed", 0, 0)
    population.commit(founder, meta={"metric": "loss", "direction": "minimize"})
    return population


def _result(score: float | Broken, seconds: float = 1.0) -> Result:
    """Return a burst as the engine sees it; what took no seconds is not counted against its budget."""
    if isinstance(score, Broken):
        failure = Failure(FailureKind.EXCEPTION, score.message, score.message)
        return Result(None, failure, seconds, seconds, 0, (), "cpu", 0)
    return Result(score, None, seconds, seconds, 0, (), "cpu", 0)


def _ignored(event: Event) -> None:
    """Tell nobody."""


def _search(task: tuple[str, int, Mapping[str, Any], int, int]) -> Trajectory:
    name, instance, changes, evaluations, seed = task
    where = Real(instance, os.environ[SERVICE]) if name == REAL else landscape(name, instance)
    return run_ours(where, Settings(**changes), evaluations, seed)


def main() -> None:
    """Run searches in two processes and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--landscape", default="1", help=f"1 to 5, or one of {', '.join((*NAMES, REAL))}")
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--first", type=int, default=1000, help="instance and seed of the first search")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings that differ")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    places = (*NAMES, REAL)
    name = places[int(arguments.landscape) - 1] if arguments.landscape.isdigit() else arguments.landscape
    changes = dict(map(_setting, arguments.set))
    tasks = [
        (name, number, changes, arguments.evaluations, number)
        for number in range(arguments.first, arguments.first + arguments.searches)
    ]
    started = time.monotonic()
    with ExitStack() as stack:
        if name == REAL:
            os.environ[SERVICE] = stack.enter_context(served(results.FOLDER / "truths", SLOTS))
        pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(arguments.processes))
        found = pool.map(_search, tasks, chunksize=1)
    _print(found, time.monotonic() - started)


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    with suppress(ValueError):
        return name, json.loads(value)
    return name, value


def _print(found: list[Trajectory], seconds: float) -> None:
    ends = [len(one.points) for one in found]
    reached = [one.reached() for one in found]
    print(f"{found[0].landscape}: {len(found)} searches of {median(ends):g} evaluations, {seconds:.0f} s")
    print(f"  evaluations to target, median: {shown(reached, median, '.0f')}; reached by ", end="")
    print(f"{sum(map(math.isfinite, reached))} of {len(found)}")
    led = [one.leading().reached() for one in found]
    print(f"  the same for its leader: {shown(led, median, '.0f')}; ", end="")
    print(f"reached by {sum(map(math.isfinite, led))} of {len(found)}")
    for evaluations in (50, 100, 200):
        way = [(one.start - one.at(evaluations).leader) / (one.start - one.target) for one in found]
        print(f"  way of the leader at {evaluations}: {shown(way, mean, '.2f')}")
        way = [_way(one, evaluations) for one in found]
        truth = shown([one.at(evaluations).truth for one in found], mean)
        print(f"  true score at {evaluations}: {truth}; way to the target {shown(way, mean, '.2f')}")
    print(f"  claimed minus true gain: {shown([one.excess() for one in found], mean)}")
    calls, smokes = (mean([one.points[-1].calls for one in found]), mean([one.smokes for one in found]))
    each = mean([one.seconds for one in found])
    print(f"  LLM calls {calls:.0f}, smoke bursts {smokes:.0f}, {each:.1f} s a search")


def _way(one: Trajectory, evaluations: int) -> float:
    return (one.start - one.at(evaluations).truth) / (one.start - one.target)


if __name__ == "__main__":
    main()
