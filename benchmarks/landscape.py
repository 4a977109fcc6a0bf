"""A landscape whose truth is known: the real loop, with bursts that draw a score instead of training.

A variant's true score stands in its source; a burst adds noise that depends on the exact source and on the
seed, and on nothing else. Everything above the executor is the engine's own: selection, race, store.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from evolve import admission
from evolve.breeding import Breeder, Choosing, Means
from evolve.briefing import Briefing, Writer
from evolve.budget import Limits
from evolve.bursts.executor import Job, Result, Watch
from evolve.docket import recover
from evolve.lessons import Lessons
from evolve.lineages import Keeping, Lineages
from evolve.measuring import Brake, Meter
from evolve.memory import Memory, Rules
from evolve.policies import Name, changed
from evolve.policy import Policy
from evolve.race import SEED
from evolve.rewards import Prices
from evolve.room import Room
from evolve.search import Search
from evolve.seeds import Seeds
from evolve.settings import Settings
from evolve.tuning import Studies
from operators.portfolio import Arm
from operators.proposal import Context, Operator, Proposal, Refusal
from operators.reflect import Reflector
from population.genome import values_of
from population.store import Population
from population.variant import Direction, Variant

SOURCE = "GAIN = 0.0\n\n\ndef train(burst):\n    return None\n"
FORGETFUL = Rules(on=False)  # ideas here differ in a number alone, and would be taken for one another
_GAIN = re.compile(r"^GAIN = (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class NoisyExecutor:
    """Scores a source by the gain written in it, plus noise.

    Args:
        deviation: standard deviation of one burst.
        shared: share of the variance that a seed has in common for all sources.
        slots: bursts at once.
    """

    deviation: float = 1.0
    shared: float = 0.0
    slots: int = 1

    async def run(self, job: Job, watch: Watch) -> Result:
        """Draw the score of one burst; the better, the lower."""
        own = int.from_bytes(hashlib.sha256(job.source.encode()).digest()[:8])
        common = np.random.default_rng(job.seed).normal()
        rest = np.random.default_rng([job.seed, own]).normal()
        noise = np.sqrt(self.shared) * common + np.sqrt(1.0 - self.shared) * rest
        return Result(float(self.deviation * noise - gain_of(job.source)), None, 1.0, 1.0, 0, (), "cpu", 0)

    async def close(self) -> None:
        """Hold nothing."""


@dataclass(frozen=True)
class Proposer:
    """Makes children that differ from their parent in nothing that matters, but for one in a few.

    Args:
        gain: what the planted improvement is worth; children keep what their parents have.
        chance: that a child of a parent without it has it.
    """

    gain: float = 0.0
    chance: float = 0.0
    name: str = "mutate"
    arity: int = 1

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Add a line without effect, and now and then the planted improvement."""
        source = context.parents[0].source
        if self.gain and gain_of(source) == 0.0 and rng.random() < self.chance:
            source = _GAIN.sub(f"GAIN = {self.gain!r}", source)
        return Proposal(f"{source}\nIDEA = {int(rng.integers(2**62))}\n", "an idea", self.name)


@dataclass(frozen=True)
class Tunable:
    """Makes children that have numbers to tune; what descends from them has these from its parents.

    Args:
        numbers: lines that set them.
    """

    numbers: str = "X = 1.0  # tune: 0..2\n"
    name: str = "mutate"
    arity: int = 1

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Add the numbers, unless they are there, and a line without effect."""
        source = context.parents[0].source
        numbers = "" if self.numbers.partition("=")[0] in source else f"\n{self.numbers}"
        return Proposal(f"{source}{numbers}\nIDEA = {int(rng.integers(2**62))}\n", "an idea", self.name)


@dataclass(frozen=True)
class Sloped(NoisyExecutor):
    """Scores a source by the number X, too.

    Args:
        slope: what each one is worth.
    """

    slope: float = 5.0

    async def run(self, job: Job, watch: Watch) -> Result:
        """Draw the score of one burst; the larger X, the better."""
        result = await super().run(job, watch)
        assert result.score is not None
        return replace(result, score=result.score - self.slope * float(values_of(job.source).get("X", 0.0)))


def gain_of(source: str) -> float:
    """Return the gain that is written in a source."""
    found = _GAIN.search(source)
    assert found is not None
    return float(found[1])


def search(
    folder: Path,
    proposer: Operator,
    executor: NoisyExecutor,
    evaluations: int,
    seed: int,
    source: str = SOURCE,
    **changes: Any,
) -> tuple[Search, Population]:
    """Found a run in ``folder``, which must not exist, and wire a search over it; the caller closes both."""
    population = Population.create(folder)
    digest = population.keep_source(source)
    founder = Variant(SEED, digest, digest, admission.mark(source), (), "seed", "the seed", 0, 0)
    population.commit(founder, meta={"metric": "score", "direction": "minimize"})
    return wired(population, folder, proposer, executor, evaluations, seed, **changes), population


def wired(
    population: Population,
    folder: Path,
    proposer: Operator,
    executor: NoisyExecutor,
    evaluations: int,
    seed: int,
    crashed: bool = False,
    model: str = "",
    policy: Name = Name.EVOLVE,
    rules: Rules = FORGETFUL,
    reflector: Reflector | None = None,
    **changes: object,
) -> Search:
    """Put a search together with the default settings.

    Args:
        population: open for writing.
        folder: where it lies.
        proposer: makes the children.
        executor: scores them.
        evaluations: budget in bursts.
        seed: of every choice.
        crashed: whether the session before this one was killed.
        model: the model that the proposer is taken to ask.
        policy: ours, or a baseline.
        rules: of the memory; by default there is none.
        reflector: whoever looks back.
        changes: fields of ``Policy`` that differ.
    """
    defaults = Settings().model_copy(update=dict(changed(policy)))
    arm = Arm(proposer.name, model)
    memory = Memory(population, Direction.MINIMIZE, rules, Lessons(folder), reflector)
    operators: Mapping[Arm, Operator] = {arm: proposer}
    breeder = Breeder(
        population,
        Lineages(Keeping(defaults.islands, defaults.patience, defaults.stagnation)),
        Means(operators, {arm: 1.0}),
        Choosing(seed, None, defaults.tournament, defaults.pressure, policy),
        Writer(population, Briefing("a landscape", "score", Direction.MINIMIZE, ""), memory=memory),
        Direction.MINIMIZE,
    )
    recover(population, crashed)
    population.flush()
    fields: dict[str, object] = {
        "direction": Direction.MINIMIZE,
        "limits": Limits(evaluations=evaluations),
        "prices": Prices(1.0, 2.0, timed=False),
        "entry": "train",
        "ahead": 4,
        "asking": 1,
        "ordered": True,
        "trials": defaults.trials if policy is Name.NUMBERS_ONLY else 0,
        "seed_replicates": defaults.seed_replicates,
        "replicates": defaults.replicates,
        "confidence": defaults.confidence,
        "numbers_only": policy is Name.NUMBERS_ONLY,
    }
    numbers = Policy(**{**fields, **changes})  # type: ignore[arg-type]
    brake = Brake()
    room = Room(folder, lambda: brake.on, lambda _: None)
    meter = Meter(executor, brake, Seeds(seed), room)
    studies = Studies(folder / "studies", Direction.MINIMIZE)
    return Search(numbers, population, breeder, meter, studies, brake, room, memory, lambda _: None)
