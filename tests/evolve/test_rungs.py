from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.landscape import NoisyExecutor, Proposer, Stepping, search
from evolve.breeding import _SHAKEN
from evolve.briefing import unscored
from evolve.budget import Limits
from evolve.bursts.executor import Job, Result, Watch
from evolve.policy import Policy
from evolve.race import SEED
from evolve.rewards import Prices
from evolve.rungs import PROMOTED, WINDOW, Promotion, Rungs
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose, State, Variant

PRICES = Prices(1.0, 2.0, timed=False)
POLICY = Policy(
    Direction.MINIMIZE,
    Limits(),
    PRICES,
    "train",
    4,
    1,
    True,
    0,
    5,
    0.2,
    0.95,
    rung=0.25,
)
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")
Variants, Measurements = Callable[..., Variant], Callable[..., Measurement]


@dataclass
class Ladder:
    """A population and its short bursts."""

    population: Population
    rungs: Rungs
    a_measurement: Measurements

    def add(self, name: str, score: float | None, spare: bool = False, **fields: object) -> list[Promotion]:
        """Put a short burst on record and take it in."""
        given = {"purpose": Purpose.RUNG, "share": 0.25} | fields
        measured = self.a_measurement(name, score, 7, **given)
        self.population.commit(measured)
        return self.rungs.note(measured, spare)

    def names(self, scores: dict[str, float]) -> list[list[str]]:
        """Return who goes on after each of these."""
        return [[one.variant for one in self.add(name, score)] for name, score in scores.items()]


@pytest.fixture
def ladder(tmp_path: Path, a_variant: Variants, a_measurement: Measurements) -> Iterator[Ladder]:
    with Population.create(tmp_path / "run") as population:
        population.commit(a_variant("v0"), *(a_variant(f"v{n}", "v0") for n in range(1, 1 + 2 * WINDOW)))
        yield Ladder(population, Rungs(POLICY, population), a_measurement)


def test_the_first_ones_all_go_on_then_one_in_three(ladder: Ladder) -> None:
    scores = {"v1": 3.0, "v2": 2.0, "v3": 4.0, "v4": 5.0, "v5": 6.0, "v6": 1.0, "v7": 1.5}
    assert ladder.names(scores) == [["v1"], ["v2"], [], [], [], ["v6"], ["v7"]]


def test_one_that_waits_goes_on_when_it_has_come_among_the_best(ladder: Ladder) -> None:
    ladder.names({"v1": 1.0, "v2": 1.1, "v3": 3.0, "v4": 2.0})
    ladder.names({f"v{n}": 9.0 for n in range(5, 9)})
    (late,) = ladder.add("v9", 9.5)
    assert late == Promotion("v4", late=True)
    assert ladder.population.notes(PROMOTED)["v4"] == {"late": True}


def test_results_of_long_ago_make_no_bar(ladder: Ladder) -> None:
    ladder.names({f"v{n}": 1.0 for n in range(1, 1 + WINDOW)})
    went = ladder.names({f"v{n}": 4.0 + n / 1000 for n in range(1 + WINDOW, 1 + 2 * WINDOW)})
    assert not any(went[: WINDOW // 2])
    assert {name for names in went for name in names} == {f"v{WINDOW + n}" for n in range(1, 1 + WINDOW // 3)}


def test_what_failed_or_was_no_short_burst_makes_no_difference(ladder: Ladder) -> None:
    ladder.names({"v1": 1.0, "v2": 1.1})
    assert ladder.add("v3", None, failure=BROKEN) == []
    assert ladder.add("v3", 0.5, purpose=Purpose.FIRST, share=1.0) == []
    assert ladder.add("v3", 0.5, share=0.5) == []  # of a run with another share
    assert ladder.add("v4", 0.9) == [Promotion("v4")]
    assert ladder.add("v5", 0.95) == []


def test_who_is_spared_goes_on_once_and_is_marked(ladder: Ladder) -> None:
    ladder.names({"v1": 1.0, "v2": 1.1, "v3": 3.0})
    assert ladder.add("v4", 2.0, spare=True) == [Promotion("v4", spared=True)]
    assert ladder.add("v5", 0.5, spare=True) == [Promotion("v5")]
    assert ladder.names({f"v{n}": 9.0 for n in range(6, 18)})[-1] != ["v4"]
    assert "v4" in ladder.population.notes(PROMOTED)


def test_a_promotion_ends_with_the_full_burst(ladder: Ladder, a_variant: Variants) -> None:
    ladder.add("v1", 1.0)
    assert ladder.rungs.ended(a_variant("v1", "v0")) is False
    assert ladder.rungs.ended(a_variant("v1", "v0")) is None
    assert not ladder.population.notes(PROMOTED)


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=79), st.integers(2, 5), st.data())
def test_all_that_are_in_the_best_part_go_on_and_nobody_twice_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    a_variant: Variants,
    a_measurement: Measurements,
    scores: list[int],
    reduction: int,
    data: st.DataObject,
) -> None:
    cut = data.draw(st.integers(0, len(scores)))
    policy = replace(POLICY, reduction=reduction)
    with Population.create(tmp_path_factory.mktemp("run") / "run") as population:
        population.commit(a_variant("v0"), *(a_variant(f"v{n}", "v0") for n in range(1, 80)))
        rungs = Rungs(policy, population)
        went: list[str] = []
        for n, score in enumerate(scores):
            if n == cut:
                rungs = Rungs(policy, population)
                rungs.restore()
            measured = a_measurement(f"v{n + 1}", float(score), 7, purpose=Purpose.RUNG, share=0.25)
            population.commit(measured)
            went += [one.variant for one in rungs.note(measured, spare=False)]
            latest = list(enumerate(scores[: n + 1], 1))[-WINDOW:]
            best = len(latest) // reduction
            worst = sorted(other for _, other in latest)[best - 1] if best else math.inf
            due = {f"v{k}" for k, other in latest if other <= worst}
            assert due <= set(went)
        assert len(went) == len(set(went))


@pytest.mark.parametrize(
    ("score", "fields", "promoted", "said"),
    [
        (
            3.5,
            {"purpose": Purpose.RUNG, "share": 0.25},
            False,
            "stopped at 25 % of a burst: 3.5000, not among",
        ),
        (3.5, {"purpose": Purpose.RUNG, "share": 0.25}, True, "3.5000 at 25 % of a burst, its full burst is"),
        (None, {"share": 0.4}, False, "stopped at 40 % of its burst: its loss"),
        (None, {"failure": BROKEN}, False, "failed: exception: ValueError: no"),
    ],
)
def test_prompts_say_what_became_of_a_child_without_a_score(
    a_measurement: Measurements, score: float | None, fields: dict[str, object], promoted: bool, said: str
) -> None:
    assert unscored(a_measurement("v1", score, **fields), promoted).startswith(said)


# In a search


def firsts(population: Population, name: str) -> list[Purpose]:
    return [m.purpose for m in population.measurements(name)]


def run(folder: Path, executor: NoisyExecutor, evaluations: int = 60, **given: object) -> Population:
    proposer = given.pop("proposer", Stepping(mean=-0.5, agreement=0.9))
    seed = given.pop("seed", 1)
    one, population = search(folder, proposer, executor, evaluations, seed, **given)  # type: ignore[arg-type]
    asyncio.run(one.run())
    return population


def test_a_child_has_a_short_burst_first_and_a_full_one_if_it_goes_on(tmp_path: Path) -> None:
    with closing(run(tmp_path / "run", NoisyExecutor(0.3), rung=0.25)) as population:
        children = [name for name in population.variants if name != SEED]
        assert all(firsts(population, name)[0] is Purpose.RUNG for name in children)
        stopped = [name for name in children if population.fitness(name) is None]
        assert 0.2 * len(children) < len(stopped) < 0.8 * len(children)
        worth = sum(m.share for name in population.variants for m in population.measurements(name))
        assert 59.0 < worth <= 60.0
        parents = {parent for one in population.variants.values() for parent in one.parents}
        assert not parents & set(stopped)
        used = {m.seed for name in children for m in population.measurements(name) if not m.purpose.whole}
        assert len(used) == 1


@dataclass(frozen=True)
class Fragile(NoisyExecutor):
    """Some sources fail, in their short burst already."""

    async def run(self, job: Job, watch: Watch) -> Result:
        result = await super().run(job, watch)
        broken = not job.smoke and "IDEA" in job.source and job.source.rstrip()[-1] in "012"
        return replace(result, score=None, failure=BROKEN) if broken else result


def test_a_failure_in_a_short_burst_is_the_childs_and_costs_its_share(tmp_path: Path) -> None:
    with closing(run(tmp_path / "run", Fragile(0.3), rung=0.25)) as population:
        failed = [n for n in population.variants if any(m.failure for m in population.scores(n))]
        assert failed
        for name in failed:
            assert [(m.purpose, m.share) for m in population.scores(name)] == [(Purpose.RUNG, 0.25)]
            assert any(e.kind == "measured" and e.data["variant"] == name for e in population.events)
        tickets = [e.data["ticket"] for e in population.events_of("measured", "rung") if e.data["ticket"]]
        assert len(tickets) == len(set(tickets))


def test_a_child_that_learns_too_slowly_is_stopped_and_the_rest_of_its_burst_is_left(
    tmp_path: Path,
) -> None:
    executor = NoisyExecutor(0.3, curves=0.2)
    with closing(run(tmp_path / "run", executor, early_stop=3.0)) as population:
        scores = [m for name in population.variants for m in population.scores(name)]
        stopped = [m for m in scores if m.state is State.PRUNED]
        assert stopped
        assert all(m.purpose is Purpose.FIRST and 0.35 <= m.share <= 0.8 for m in stopped)
        assert all(population.fitness(m.variant) is None for m in stopped)
        assert 59.0 < sum(m.share for m in scores) <= 60.0


def test_whoever_is_as_good_as_the_champion_is_seldom_stopped(tmp_path: Path) -> None:
    executor = NoisyExecutor(1.0, curves=0.2)
    with closing(
        run(tmp_path / "run", executor, 100, proposer=Proposer(), early_stop=3.0, seed=2)
    ) as population:
        scores = [m for name in population.variants for m in population.scores(name)]
        assert sum(m.state is State.PRUNED for m in scores) < 0.1 * len(scores)


def test_the_bandit_hears_of_each_child_once(tmp_path: Path) -> None:
    with closing(run(tmp_path / "run", NoisyExecutor(0.3), rung=0.25)) as population:
        ((_, (_, _, cost)),) = population.meta("search")["breeder"]["arms"]
        late = sum(bool(e.data["late"]) for e in population.events_of("promoted"))
        waiting = len(population.notes(PROMOTED))
        told = len(population.variants) - 1 - waiting
        least, most = (sum(0.98**age for age in range(n)) for n in (told, told + late))
        assert 0.0 < 0.25 * _SHAKEN * least <= cost <= most + 1e-9  # a quarter of a burst, or a whole one


def test_in_whatever_order_outcomes_come_a_search_with_rungs_ends(tmp_path: Path) -> None:
    executor = NoisyExecutor(0.3, curves=0.2, slots=3)
    with closing(run(tmp_path / "run", executor, rung=0.3, early_stop=2.0, ordered=False)) as population:
        assert population.meta("champion") != SEED
