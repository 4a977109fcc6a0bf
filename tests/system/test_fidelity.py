"""Short bursts and early stops with real bursts of the language task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from numpy.random import Generator

from benchmarks.landscape import search
from operators.proposal import Context, Proposal
from population.store import Population
from population.variant import Measurement, Purpose, State
from tests.system.bench import Bench, benched
from tests.system.engine import plan_in

pytestmark = pytest.mark.system

SOURCE = (Path(__file__).parent / "variants" / "honest.py").read_text()
TOKENS = 8 * 64 * 100
AHEAD = 4


@dataclass(frozen=True)
class Slowing:
    """Makes children that learn at another rate, by turns a little and a lot more slowly."""

    name: str = "mutate"
    arity: int = 1

    async def propose(self, context: Context, rng: Generator) -> Proposal:
        """Write the rate into the seed variant's source."""
        rate = 0.1 - 1e-6 * int(rng.integers(10_000)) if rng.random() < 0.5 else 1e-5 * rng.random()
        return Proposal(SOURCE.replace("lr=0.1", f"lr={rate!r}"), f"learns at {rate:.2g}", self.name)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    plan = replace(plan_in(tmp_path_factory.mktemp("fidelity")), tokens=TOKENS, seconds=30.0)
    with benched(plan) as bench:
        yield bench


def searched(bench: Bench, folder: Path, evaluations: int, **changes: object) -> dict[str, list[Measurement]]:
    """Search, and return the measurements of each variant."""
    given = {"seed_replicates": 6, "source": SOURCE, "ahead": AHEAD, **changes}
    one, population = search(folder, Slowing(), bench.executor, evaluations, 1, **given)  # type: ignore[arg-type]
    with closing(population):
        bench.runner.run(one.run())
        return {name: list(population.measurements(name)) for name in population.variants}


def test_a_short_burst_trains_on_a_quarter_of_the_tokens_and_only_the_best_go_on(
    bench: Bench, tmp_path: Path
) -> None:
    found = searched(bench, tmp_path / "run", 12, rung=0.25)
    children = [measured for name, measured in found.items() if name != "v0"]
    for measured in children:
        assert (measured[0].purpose, measured[0].tokens) == (Purpose.RUNG, TOKENS // 4)
        assert measured[0].curve[-1][0] >= 0.95
        assert all(m.tokens == TOKENS for m in measured[1:])
    assert any(len(measured) == 1 for measured in children)
    assert any(len(measured) > 1 for measured in children)
    assert all(m.tokens == TOKENS for m in found["v0"])


def test_a_child_that_learns_nothing_is_stopped_and_one_that_learns_is_not(
    bench: Bench, tmp_path: Path
) -> None:
    found = searched(bench, tmp_path / "run", 16, early_stop=4.0)
    with closing(Population.open(tmp_path / "run")) as population:
        slow = {name for name, one in population.variants.items() if "e-0" in one.hypothesis}
        stopped = {name for name, measured in found.items() if measured[0].state is State.PRUNED}
        assert stopped <= slow
        assert {name for name in slow if int(name[1:]) > AHEAD} == stopped  # once the noise was known
        assert len(stopped) > 1
        for name in stopped:
            assert 0.35 <= found[name][0].share <= 0.5
            assert population.fitness(name) is None
