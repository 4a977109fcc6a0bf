"""A limit that no program can pass: the search learns where it lies, and keeps away from it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from evolve.bursts.executor import Job, Result, Watch
from population.genome import values_of
from population.variant import Failure, FailureKind
from tests.evolve.test_crossing import Reading, founded, wired


@dataclass(frozen=True)
class Trapped(Reading):
    """As ``Reading``, but a program deeper than the seed does not fit."""

    async def run(self, job: Job, watch: Watch) -> Result:
        if int(values_of(job.source)["DEPTH"]) > 4:
            failure = Failure(FailureKind.MEMORY, "it does not fit")
            return Result(None, failure, 1.0, 1.0, 0, (), "cpu", 0)
        return await super().run(job, watch)


def test_few_bursts_go_beyond_a_limit(tmp_path: Path) -> None:
    population = founded(tmp_path / "run")
    asyncio.run(wired(population, tmp_path / "run", 80, Trapped(), proposals=3.0).run())
    scores = [score for name in population.variants for score in population.scores(name)]
    failed = sum(score.failure is not None for score in scores)
    assert len(scores) > 60
    assert failed < 0.25 * len(scores)
