"""The baselines do what they say, on a known landscape."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from numpy.random import Generator

from benchmarks.landscape import SOURCE, NoisyExecutor, Proposer, Sloped, search, wired
from evolve.policies import ROUND, Name, changed
from evolve.race import SEED
from evolve.settings import Settings
from operators.proposal import Context, Proposal, Refusal
from population.store import JOURNAL, Population
from population.variant import Purpose
from tests.evolve.test_resume import ended


@dataclass(frozen=True)
class Watching(Proposer):
    """Notes the parent of each child, and which variant has the best mean when it is made."""

    population: list[Population] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        (known,) = self.population
        means = {name: f.mean for name in known.variants if (f := known.fitness(name)) is not None}
        self.seen.append((context.parents[0].variant.id, min(means, key=lambda name: means[name])))
        return await super().propose(context, rng)


def watched(folder: Path, policy: Name, evaluations: int = 90) -> list[tuple[str, str]]:
    """Search one child after the other; return the parent of each, and who was the best then."""
    proposer = Watching(gain=2.0, chance=0.2)
    one, population = search(
        folder, proposer, NoisyExecutor(), evaluations, seed=3, policy=policy, ahead=1, seed_replicates=4
    )
    proposer.population.append(population)
    with closing(population):
        asyncio.run(one.run())
    assert len(proposer.seen) > 3 * ROUND
    return proposer.seen


def test_greedy_has_each_child_of_the_variant_with_the_best_mean(tmp_path: Path) -> None:
    seen = watched(tmp_path / "run", Name.GREEDY)
    assert all(parent == best for parent, best in seen)
    assert len({parent for parent, _ in seen}) > 2


def test_best_of_n_changes_its_parent_only_between_rounds_and_then_to_the_best(tmp_path: Path) -> None:
    seen = watched(tmp_path / "run", Name.BEST_OF_N)
    rounds = [seen[start : start + ROUND] for start in range(0, len(seen), ROUND)]
    for children in rounds:
        assert {parent for parent, _ in children} == {children[0][1]}
    assert len({children[0][0] for children in rounds}) > 1
    assert any(parent != best for parent, best in seen)


def test_random_has_every_child_of_the_seed(tmp_path: Path) -> None:
    seen = watched(tmp_path / "run", Name.RANDOM)
    assert {parent for parent, _ in seen} == {SEED}
    assert any(best != SEED for _, best in seen)


def test_evolve_is_none_of_these(tmp_path: Path) -> None:
    seen = watched(tmp_path / "run", Name.EVOLVE)
    assert any(parent not in (best, SEED) for parent, best in seen)


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Name.GREEDY, Name.BEST_OF_N, Name.RANDOM])
def test_a_baseline_that_is_cut_after_any_append_goes_on_to_the_same_end(
    tmp_path: Path, policy: Name
) -> None:
    given: dict[str, Any] = {
        "proposer": Proposer(gain=2.0, chance=0.2),
        "executor": NoisyExecutor(),
        "evaluations": 60,
        "seed": 1,
        "policy": policy,
        "seed_replicates": 4,
    }
    whole = tmp_path / "whole"
    one, population = search(whole, **given)
    with closing(population):
        asyncio.run(one.run())
        expected = ended(population)
    lines = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    assert len(lines) > 40
    for kept in range(3, len(lines), 9):
        cut = tmp_path / f"cut-{kept}"
        shutil.copytree(whole, cut)
        (cut / JOURNAL).write_bytes(b"".join(lines[:kept]))
        with closing(Population.open(cut, write=True)) as population:
            asyncio.run(wired(population, cut, **given).run())
            assert ended(population) == expected


def test_numbers_only_tries_numbers_and_asks_for_no_child(tmp_path: Path) -> None:
    proposer = Watching()
    one, population = search(
        tmp_path / "run",
        proposer,
        Sloped(deviation=0.1),
        60,
        seed=1,
        source=f"{SOURCE}\nX = 1.0  # tune: 0..2\n",
        policy=Name.NUMBERS_ONLY,
        seed_replicates=4,
    )
    with closing(population):
        asyncio.run(one.run())
        bursts = [m for name in population.variants for m in population.measurements(name)]
    assert proposer.seen == []
    trials = [m for m in bursts if m.purpose is Purpose.TRIAL]
    assert len(trials) > len(bursts) / 4  # the others confirm them, and measure what came of them
    assert max(float(m.values["X"]) for m in trials) > 1.5


def test_every_policy_changes_nothing_but_settings_that_there_are() -> None:
    for policy in Name:
        assert changed(policy).keys() <= Settings.model_fields.keys()
    assert changed(Name.EVOLVE) == {}
