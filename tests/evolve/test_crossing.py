"""Searches whose children are merges: they go on after a kill as if there had been none."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.landscape import FORGETFUL
from evolve import admission
from evolve.briefing import Briefing
from evolve.budget import Limits
from evolve.bursts.executor import Job, Result, Watch
from evolve.docket import Docket, recover
from evolve.jobs import Birth
from evolve.lessons import Lessons
from evolve.measuring import Brake, Meter
from evolve.memory import Memory
from evolve.policy import Policy
from evolve.race import SEED
from evolve.rewards import Prices
from evolve.room import Room
from evolve.search import Search
from evolve.seeds import Seeds
from evolve.settings import Settings
from evolve.tuning import Studies
from evolve.wiring import breeder_of
from population.store import JOURNAL, Population
from population.variant import Direction, Variant

SOURCE = """\
import torch.nn.functional as F

RATE = 3e-3  # tune: log 1e-4..1e-1
DEPTH = 4  # tune: int 2..12
MOMENTUM = 0.9  # tune: 0.5..0.99


def block(x, scale):
    x = x + F.relu(x) * scale
    x = F.layer_norm(x, (4,))
    x = x * MOMENTUM
    log(x)
    return F.gelu(x)


def train(burst):
    x = burst
    for _ in range(DEPTH):
        x = block(x, RATE)
        x = x + F.silu(x)
        log(x)
    return x
"""
BRIEFING = Briefing("a text", "score", Direction.MINIMIZE, "")


@dataclass(frozen=True)
class Reading:
    """Scores a source by its lines, each with an effect of its own, and noise."""

    slots: int = 1

    async def run(self, job: Job, watch: Watch) -> Result:
        effects = {line: _draw(line) for line in job.source.splitlines() if line.strip()}
        noise = _draw(f"{job.seed} {job.source}")
        return Result(sum(effects.values()) + 0.2 * noise, None, 1.0, 1.0, 0, (), "cpu", 0)

    async def close(self) -> None:
        """Hold nothing."""


def _draw(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32 - 0.5


def wired(
    population: Population,
    folder: Path,
    evaluations: int,
    executor: Reading | None = None,
    proposals: float = 0.0,
    **fields: Any,
) -> Search:
    """Put a search without a model together."""
    settings = Settings(seed=1, **fields)
    recover(population, crashed=False)
    population.flush()
    policy = Policy(
        Direction.MINIMIZE,
        Limits(evaluations=evaluations),
        Prices(1.0, 2.0, timed=False),
        entry="train",
        ahead=4,
        asking=1,
        ordered=True,
        trials=3,
        seed_replicates=4,
        replicates=0.2,
        confidence=0.95,
        proposals=proposals,
    )
    brake = Brake()
    room = Room(folder, lambda: brake.on, lambda _: None)
    memory = Memory(population, Direction.MINIMIZE, FORGETFUL, Lessons(folder), None)
    breeder = breeder_of(settings, population, None, (), BRIEFING, memory)
    meter = Meter(executor or Reading(), brake, Seeds(1), room)
    studies = Studies(folder / "studies", Direction.MINIMIZE)
    return Search(policy, population, breeder, meter, studies, brake, room, memory, lambda _: None)


def founded(folder: Path) -> Population:
    population = Population.create(folder)
    digest = population.keep_source(SOURCE)
    founder = Variant(SEED, digest, digest, admission.mark(SOURCE), (), "seed", "the seed", 0, 0)
    population.commit(founder, meta={"metric": "score", "direction": "minimize"})
    return population


def ended(population: Population) -> dict[str, Any]:
    """Return what a search came to, without who was quicker."""
    told = [(one.kind, one.text) for one in population.events if one.kind != "recovered"]
    return {
        "admitted": [text for kind, text in told if kind == "admitted"],
        "told": [one for one in told if one[0] != "admitted"],
        "search": population.meta("search"),
        "jobs": dict(population.notes("notes.jobs")),
    }


def searched(folder: Path, evaluations: int, **fields: Any) -> Population:
    population = founded(folder)
    asyncio.run(wired(population, folder, evaluations, **fields).run())
    return population


@pytest.mark.slow
def test_a_search_that_merges_and_is_cut_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    with closing(searched(whole, 90, merge=3.0)) as population:
        expected = ended(population)
        merged = [one for one in population.variants.values() if one.operator == "merge"]
    assert len(merged) >= 4
    assert all(one.hypothesis.startswith(f"joins {one.parents[0]} (") for one in merged)
    lines = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    for kept in range(60, len(lines), 60):
        cut = tmp_path / f"cut-{kept}"
        shutil.copytree(whole, cut)
        (cut / JOURNAL).write_bytes(b"".join(lines[:kept]))
        with closing(Population.open(cut, write=True)) as population:
            asyncio.run(wired(population, cut, 90, merge=3.0).run())
            assert ended(population) == expected


@pytest.mark.parametrize("fields", [{"merge": 0.0}, {"merge": 0.0, "hunks": False}])
def test_no_child_is_a_merge_where_that_is_turned_off(tmp_path: Path, fields: dict[str, Any]) -> None:
    with closing(searched(tmp_path / "run", 40, **fields)) as population:
        assert not any(one.operator == "merge" for one in population.variants.values())


def test_the_ancestor_of_a_birth_comes_back_from_the_docket_with_its_source_and_is_written_without(
    tmp_path: Path,
) -> None:
    with closing(searched(tmp_path / "run", 60)) as population:
        breeder = breeder_of(Settings(seed=1), population, None, (), BRIEFING)
        scored = [name for name in population.variants if population.fitness(name) is not None]
        breeder.restore(scored, None, ())
        births = (breeder.birth(10_000 + number, asking=False) for number in range(200))
        birth = next(one for one in births if one is not None and one.context.ancestor is not None)
        docket = Docket(population)
        docket.begin(birth)
        (note,) = [value for key, value in population.notes("notes.jobs").items() if key == str(birth.ticket)]
        assert "import" not in note["context"]
        (planned,) = [one for one in docket.jobs() if one.ticket == birth.ticket]
        assert not isinstance(planned, Birth)
        above, again = birth.context.ancestor, planned.context.ancestor  # type: ignore[union-attr]
        assert above is not None
        assert again is not None
        assert (again.source, again.digest, again.variant) == (above.source, above.digest, above.variant)
        assert repr(again) == repr(above)
