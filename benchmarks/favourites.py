"""What a memory of ideas is worth when a model has favourites: the real loop, on a landscape of known truth.

    python -m benchmarks.favourites [--searches N] [--evaluations N]

The model proposes one of 60 ideas, the k-th with a chance proportional to 1/k, whatever came of it before. A
few ideas are good, a third are bad, a quarter do not run; some pairs are good only together. Printed: the
true gain of the champion and of the best variant found, with standard errors over searches, and how many
ideas were refused, how many of them wrongly (worth more than half a standard deviation of the noise there).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from benchmarks.landscape import FORGETFUL, NoisyExecutor, search
from evolve.bursts.executor import Job, Result, Watch
from evolve.memory import Rules
from operators.proposal import Context, Proposal, Refusal
from population.store import Population
from population.variant import Failure, FailureKind

IDEAS = tuple(f"{one}{other}" for one in "abcdef" for other in "abcdefghij")
BROKEN = Failure(FailureKind.EXCEPTION, "NameError: name 'use' is not defined")
_USED = re.compile(r"^USE_(\w+) = True$", re.MULTILINE)


@dataclass(frozen=True)
class World:
    """What ideas are worth.

    Args:
        effects: gain of each idea by itself; none of those left out.
        pairs: gain of two ideas together, on top.
        breaking: ideas that do not run.
    """

    effects: Mapping[str, float]
    pairs: Mapping[tuple[str, str], float] = field(default_factory=dict)
    breaking: frozenset[str] = frozenset()

    def gain(self, source: str) -> float:
        """Return what a source is worth over the seed."""
        used = set(_USED.findall(source))
        together = sum(gain for (one, other), gain in self.pairs.items() if {one, other} <= used)
        return sum(self.effects.get(idea, 0.0) for idea in used) + together

    def runs(self, source: str) -> bool:
        """Say whether a source runs."""
        return not self.breaking & set(_USED.findall(source))


def drawn(rng: Generator, good: int = 4, pairs: int = 8) -> World:
    """Draw a world; gains are in standard deviations of the noise."""
    effects, breaking = {}, set()
    for place, idea in enumerate(rng.permutation(IDEAS)):
        kind = rng.random()
        effects[str(idea)] = 0.0
        if place < good:
            effects[str(idea)] = float(rng.uniform(1.0, 2.5))
        elif kind < 0.25:
            breaking.add(str(idea))
        else:
            effects[str(idea)] = -float(rng.uniform(1.0, 4.0)) if kind < 0.6 else float(rng.normal(0.0, 0.2))
    couples = [tuple(map(str, rng.choice(IDEAS, 2, replace=False))) for _ in range(pairs)]
    return World(effects, {(a, b): float(rng.uniform(1.5, 4.0)) for a, b in couples}, frozenset(breaking))


@dataclass(frozen=True)
class WorldExecutor(NoisyExecutor):
    """Scores a source by the ideas in it, plus noise."""

    world: World = field(default_factory=lambda: World({}))

    async def run(self, job: Job, watch: Watch) -> Result:
        """Draw the score of one burst; the better, the lower."""
        result = await super().run(job, watch)
        if not self.world.runs(job.source):
            return replace(result, score=None, failure=BROKEN)
        assert result.score is not None
        return replace(result, score=result.score - self.world.gain(job.source))


@dataclass(frozen=True)
class Favourites:
    """Proposes an idea that its parent has not, the favourites most often.

    Args:
        order: the ideas, the dearest first.
    """

    order: tuple[str, ...] = IDEAS
    name: str = "mutate"
    arity: int = 1

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Add the line of one idea."""
        source = context.parents[0].source
        used = set(_USED.findall(source))
        shares = np.array([0.0 if idea in used else 1.0 / (k + 1) for k, idea in enumerate(self.order)])
        idea = self.order[int(rng.choice(len(shares), p=shares / shares.sum()))]
        return Proposal(f"{source}USE_{idea} = True\n", f"use {idea}", self.name)


@dataclass(frozen=True)
class Ended:
    """What one search came to.

    Args:
        champion: true gain of the champion.
        best: true gain of the best variant.
        refused: ideas refused.
        wrong: those of them that would have been a gain.
        failed: variants that did not run.
    """

    champion: float
    best: float
    refused: int
    wrong: int
    failed: int


def run(rules: Rules, evaluations: int, seed: int) -> Ended:
    """Run one search in a temporary folder."""
    rng = np.random.default_rng(seed)
    world, order = drawn(rng), tuple(map(str, rng.permutation(IDEAS)))
    with tempfile.TemporaryDirectory() as name:
        executor = WorldExecutor(world=world)
        one, population = search(
            Path(name) / "run", Favourites(order), executor, evaluations, seed, rules=rules
        )
        with population:
            asyncio.run(one.run())
            return ended(population, world)


def ended(population: Population, world: World) -> Ended:
    """Read off what a search came to."""
    sources = {name: population.source(one.digest) for name, one in population.variants.items()}
    refused = [event.data for event in population.events_of("refusal") if event.data["kind"] == "repeated"]
    wrong = 0
    for data in refused:
        parent = sources[data["parents"][0]]
        child = f"{parent}USE_{data['hypothesis'].removeprefix('use ')} = True\n"
        wrong += world.runs(child) and world.gain(child) > world.gain(parent) + 0.5
    return Ended(
        world.gain(sources[population.meta("champion")]),
        max(world.gain(source) for source in sources.values() if world.runs(source)),
        len(refused),
        wrong,
        sum(not world.runs(source) for source in sources.values()),
    )


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--evaluations", type=int, default=200)
    arguments = parser.parse_args()
    print(f"{'memory':<12} {'champion':>13} {'best found':>13} {'refused':>8} {'wrongly':>8} {'failed':>7}")
    kinds = {"none": FORGETFUL} | {f"retest {p}": Rules(retest=p) for p in (0.0, 0.1, 0.3)}
    for name, rules in kinds.items():
        came = [run(rules, arguments.evaluations, seed) for seed in range(arguments.searches)]
        table = np.array([(one.champion, one.best, one.refused, one.wrong, one.failed) for one in came])
        mean, error = table.mean(axis=0), table.std(axis=0, ddof=1) / np.sqrt(len(table))
        figures = " ".join(f"{mean[i]:6.2f} ± {error[i]:.2f}" for i in range(2))
        print(f"{name:<12} {figures} {mean[2]:8.0f} {mean[3]:8.1f} {mean[4]:7.0f}", flush=True)


if __name__ == "__main__":
    main()
