"""How often luck is crowned, and how often a real gain is: the real loop on a landscape of known truth.

    python -m benchmarks.null_landscape [--searches N] [--power-searches N]

1. Null: all variants are equal and noisy; every champion but the seed is false. Beside it, what keeping the
   best single score would have crowned in the same searches.
2. Power: one child in five of a parent without it has a planted improvement of two standard deviations of
   the noise; is it champion within 60 evaluations?
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.landscape import NoisyExecutor, Proposer, gain_of, search
from evolve.race import SEED
from population.store import Population
from population.variant import Purpose

PLANTED, CHANCE = 2.0, 0.2


@dataclass(frozen=True)
class Ended:
    """What one search came to.

    Args:
        champion: true gain of the champion, None for the seed itself.
        greedy: true gain of the variant with the best single score, None for the seed.
        planted: some variant had the planted improvement.
        entered: contenders measured.
        replicates: bursts spent on the noise and on the race.
    """

    champion: float | None
    greedy: float | None
    planted: bool
    entered: int
    replicates: int


def run(proposer: Proposer, executor: NoisyExecutor, evaluations: int, seed: int) -> Ended:
    """Run one search in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        one, population = search(Path(name) / "run", proposer, executor, evaluations, seed)
        with population:
            asyncio.run(one.run())
            return ended(population)


def ended(population: Population) -> Ended:
    """Read off what a search came to."""
    gains = {v.id: gain_of(population.source(v.digest)) for v in population.variants.values()}
    firsts = {
        m.score: name
        for name in population.variants
        for m in population.measurements(name)
        if m.purpose is Purpose.FIRST and m.score is not None
    }
    champion, greedy = population.meta("champion"), firsts[min(firsts)]
    return Ended(
        None if champion == SEED else gains[champion],
        None if greedy == SEED else gains[greedy],
        any(gains.values()),
        sum(event.kind == "contender" for event in population.events),
        sum(m.purpose is Purpose.REPLICATE for n in gains for m in population.measurements(n)),
    )


def main() -> None:
    """Run both tests and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--searches", type=int, default=20, help="null searches of 200 evaluations")
    parser.add_argument("--power-searches", type=int, default=100, help="searches of 60 evaluations")
    arguments = parser.parse_args()
    for shared in (0.0, 0.5):
        executor = NoisyExecutor(shared=shared)
        started = time.monotonic()
        null = [run(Proposer(), executor, 200, seed) for seed in range(arguments.searches)]
        power = [
            run(Proposer(PLANTED, CHANCE), executor, 60, 1000 + seed)
            for seed in range(arguments.power_searches)
        ]
        _print(shared, null, power, time.monotonic() - started)


def _print(shared: float, null: list[Ended], power: list[Ended], seconds: float) -> None:
    """Print the figures of one kind of noise."""
    false = sum(one.champion is not None for one in null)
    greedy = sum(one.greedy is not None for one in null)
    found = sum(one.champion == PLANTED for one in power)
    wrong = sum(one.champion == 0.0 for one in power)
    possible = sum(one.planted for one in power)
    print(f"noise of a seed shared by all variants: {shared:.0%} of the variance")
    print(f"  null, 200 evaluations: false champion in {false} of {len(null)} searches")
    print(f"  the same searches, best single score kept: false champion in {greedy} of {len(null)}")
    print(f"  contenders {_mean(null, 'entered'):.1f}, replicates {_mean(null, 'replicates'):.1f} a search")
    print(
        f"  power, 60 evaluations: planted gain of {PLANTED:g} deviations crowned in {found} of {len(power)}"
    )
    print(f"  (proposed at all in {possible}; another variant crowned in {wrong}); {seconds:.0f} s\n")


def _mean(searches: list[Ended], field: str) -> float:
    return sum(getattr(one, field) for one in searches) / len(searches)


if __name__ == "__main__":
    main()
