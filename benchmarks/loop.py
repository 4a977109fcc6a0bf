"""Our loop as a session wires it, with a scripted LLM over HTTP and bursts that only pass the time.

Every child comes from a model, unless ``plain`` adds the operators that ask none; nothing is tuned, so that
a child is a call and a burst. All that is recorded is on the disk as in any search.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evolve import admission
from evolve.ancestry import Ancestry
from evolve.breeding import Breeder, Choosing, Means
from evolve.briefing import Briefing, Writer
from evolve.bursts.executor import Job, Result, Watch
from evolve.docket import recover
from evolve.lineages import Keeping, Lineages
from evolve.measuring import Brake, Meter
from evolve.memory import Memory
from evolve.race import SEED
from evolve.room import Room
from evolve.search import Search
from evolve.seeds import Seeds
from evolve.settings import Settings
from evolve.tuning import Studies
from evolve.wiring import Asking, breeder_of, memory_of, number, policy_of
from operators.chat import Model, ReplyForm
from operators.crossover import Crossover
from operators.llm import LiteLLM
from operators.mutate import Mutate
from operators.portfolio import Arm, arms_of
from operators.repair import Repair
from population.ledger import Call, Event
from population.store import Population
from population.variant import Direction, Variant

MODEL = Model("openai/scripted", 1.0, ReplyForm.DIFF, small=False)
BRIEFING = Briefing("A program with numbers.", "loss", Direction.MINIMIZE, "")


def loss(source: str) -> float:
    """Return a number that depends on the text of a program alone."""
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:6]) / 2**48


@dataclass(frozen=True, slots=True)
class Burst:
    """When a burst ran, by the clock of this process."""

    began: float
    ended: float
    first: bool


@dataclass(frozen=True)
class TimedExecutor:
    """Scores a source by its numbers after ``seconds``; keeps when each burst ran.

    Args:
        seconds: how long a burst takes; a smoke burst takes none.
        slots: bursts at once.
    """

    seconds: float = 0.0
    slots: int = 2
    bursts: list[Burst] = field(default_factory=list)

    async def run(self, job: Job, watch: Watch) -> Result:
        """Pass the time, and read the score off the source."""
        began = time.monotonic()
        if self.seconds and not job.smoke:
            await asyncio.sleep(self.seconds)
        if not job.smoke:
            self.bursts.append(Burst(began, time.monotonic(), "-first-" in job.name))
        return Result(loss(job.source), None, self.seconds, self.seconds, 0, (), "cpu", 0)

    async def close(self) -> None:
        """Hold nothing."""


def breeder(settings: Settings, population: Population, chat: LiteLLM, memory: Memory) -> Breeder:
    """Return what a session breeds with, without the operators that ask no model."""
    model = chat.models[0]
    asking = (Mutate(chat, model), Crossover(chat, model, hunks=settings.hunks), Repair(chat, model))
    operators = {Arm(one.name, model.name, model.form.value): one for one in asking}
    return Breeder(
        population,
        Lineages(Keeping(settings.islands, settings.patience, settings.stagnation)),
        Means(operators, arms_of({one.name: one.forms for one in asking}, {}, chat.models)),
        Choosing(
            number(settings.seed),
            None,
            settings.tournament,
            settings.pressure,
            settings.policy,
            settings.pooled,
            settings.adaptive,
        ),
        Writer(population, BRIEFING, Ancestry(population, BRIEFING.direction), memory),
        BRIEFING.direction,
    )


async def searched(
    folder: Path,
    address: str,
    executor: TimedExecutor,
    enough: Callable[[Population], bool],
    source: str,
    settings: Settings,
    plain: bool = False,
) -> Population:
    """Search in a new folder until there is enough; return the population, still open.

    Args:
        folder: must not exist.
        address: of the LLM.
        executor: runs the bursts.
        enough: asked at each event.
        source: the seed variant.
        settings: of the search.
        plain: breed also with the operators that ask no model, as a session does.
    """
    population = Population.create(folder)
    digest = population.keep_source(source)
    founder = Variant(SEED, digest, digest, admission.mark(source), (), "seed", "the seed", 0, 0)
    population.commit(founder, meta={"metric": "loss", "direction": "minimize"})
    brake = Brake()

    def notify(_: Event) -> None:
        if enough(population):
            brake.pull("it is enough")

    room = Room(folder, lambda: brake.on, notify)
    known: set[str] = set()

    def record(call: Call) -> None:
        known.add(call.transcript)
        population.stage(call)

    chat = LiteLLM(
        (MODEL,),
        transcripts=folder / "transcripts",
        record=record,
        recorded=known.__contains__,
        durably=room.aside,
        api_base=address,
        parallel=settings.llm_parallel,
        seed=settings.seed or 0,
    )
    recover(population, crashed=False)
    population.flush()
    asking = Asking(chat, chat.models, settings.llm_parallel)
    memory = memory_of(settings, population, folder, asking, BRIEFING)
    given = (settings, population, chat, chat.models, BRIEFING, memory)
    search = Search(
        policy_of(settings, BRIEFING.direction, "train", asking.parallel),
        population,
        breeder_of(*given) if plain else breeder(settings, population, chat, memory),
        Meter(executor, brake, Seeds(number(settings.seed)), room),
        Studies(folder / "studies", BRIEFING.direction),
        brake,
        room,
        memory,
        notify,
    )
    try:
        await search.run()
    finally:
        await chat.aclose()
    return population


def settings_of(slots: int, **changes: object) -> Settings:
    """Return a session's settings with what it fills in; nothing is tuned."""
    given = {"seed": 1, "slots": slots, "ahead": 2 * slots + 2, "trials": 0, "reply": "diff", "burst": 1.0}
    return Settings.model_validate({**given, **changes})
