"""Our loop as a session wires it, with a scripted LLM over HTTP and bursts that only pass the time.

Every child comes from a model, unless ``plain`` adds the operators that ask none; nothing is tuned, so that
a child is a call and a burst. All that is recorded is on the disk as in any search.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evolve import admission
from evolve.breeding import Breeder, Briefing, Choosing
from evolve.budget import Limits
from evolve.bursts.executor import Job, Result, Watch
from evolve.docket import recover
from evolve.measuring import Brake, Meter
from evolve.policy import Policy
from evolve.race import SEED
from evolve.room import Room
from evolve.search import Search
from evolve.seeds import Seeds
from evolve.session import _PLAIN, _PROMPTED
from evolve.settings import Settings
from evolve.tuning import Studies
from operators.chat import Model, ReplyForm
from operators.crossover import Crossover
from operators.llm import LiteLLM
from operators.mutate import Mutate
from operators.portfolio import Arm, Portfolio, arms_of
from operators.proposal import Operator
from operators.repair import Repair
from operators.syntactic import Recombine, Syntactic
from population.islands import Islands
from population.ledger import Call
from population.store import Population
from population.variant import Direction, Variant

NUMBER = re.compile(r"^(x\d+) = (\S+)", re.MULTILINE)
SOURCE = (
    '"""Numbers, each best at its own place."""\n\n'
    + "".join(f"x{n} = 0.5  # tune: 0..1\n" for n in range(10))
    + "\n\ndef train(burst):\n    return [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9]\n"
)


def loss(source: str) -> float:
    """Return how far the numbers of a source are from where they should be."""
    return sum((float(value) - int(name[1:]) / 10) ** 2 for name, value in NUMBER.findall(source))


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


def operators(chat: LiteLLM, plain: bool) -> dict[Arm, Operator]:
    """Return the operators of a session with one model."""
    found: dict[Arm, Operator] = {}
    if plain:
        found = {Arm(Syntactic.name): Syntactic(), Arm(Recombine.name): Recombine()}
    for model in chat.models:
        found |= {Arm(kind.name, model.name): kind(chat, model) for kind in (Mutate, Crossover, Repair)}
    return found


async def searched(
    folder: Path,
    address: str,
    executor: TimedExecutor,
    until: Callable[[Population], bool],
    source: str = SOURCE,
    plain: bool = False,
    seed: int = 1,
    **changes: object,
) -> Population:
    """Search in a new folder until the population is as it should be; return it, still open.

    Args:
        folder: must not exist.
        address: of the LLM.
        executor: runs the bursts.
        until: asked at each event; the search stops when it says so.
        source: the seed variant.
        plain: also breed with the operators that ask no model.
        seed: of every choice.
        changes: fields of the policy that differ from a session's.
    """
    settings = Settings()
    population = Population.create(folder)
    digest = population.keep_source(source)
    founder = Variant(SEED, digest, digest, admission.mark(source), (), "seed", "the seed", 0, 0)
    population.commit(founder, meta={"metric": "loss", "direction": "minimize"})
    brake = Brake()

    def notify(_: object) -> None:
        if until(population):
            brake.pull("it is enough")

    room = Room(folder, lambda: brake.on, notify)
    known: set[str] = set()

    def record(call: Call) -> None:
        known.add(call.transcript)
        population.stage(call)

    chat = LiteLLM(
        (Model("openai/scripted", 1.0, ReplyForm.DIFF, small=False),),
        transcripts=folder / "transcripts",
        record=record,
        recorded=known.__contains__,
        durably=room.until,
        api_base=address,
        parallel=int(str(changes.get("asking", settings.llm_parallel))),
        seed=seed,
    )
    found = operators(chat, plain)
    arms = arms_of(_PROMPTED, _PLAIN if plain else {}, chat.models)
    breeder = Breeder(
        population,
        Islands(settings.islands, settings.migrate_every),
        found,
        Portfolio(arms),
        Choosing(settings.tournament, settings.pressure, seed),
        Briefing("Make the loss small.", "loss", Direction.MINIMIZE, ""),
    )
    recover(population, crashed=False)
    fields: dict[str, object] = {
        "direction": Direction.MINIMIZE,
        "limits": Limits(evaluations=10**9),
        "entry": "train",
        "ahead": 2 * executor.slots + 2,
        "asking": settings.llm_parallel,
        "ordered": False,
        "trials": 0,
        "seed_replicates": settings.seed_replicates,
        "replicates": settings.replicates,
        "confidence": settings.confidence,
    }
    policy = Policy(**{**fields, **changes})  # type: ignore[arg-type]
    meter = Meter(executor, brake, Seeds(seed), room)
    studies = Studies(folder / "studies", Direction.MINIMIZE)
    try:
        await Search(policy, population, breeder, meter, studies, brake, room, notify).run()
    finally:
        await chat.aclose()
    return population
