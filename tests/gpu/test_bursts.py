"""Real bursts on a GPU at every level of confinement: what trains gets its score, what fails says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.bursts import process, vram
from evolve.bursts.executor import Job, Result
from evolve.bursts.sandbox import Level
from population.variant import FailureKind
from tests.gpu.devices import GPUS, gpu_plan, needs_gpu, users
from tests.system.bench import Bench, benched, until

pytestmark = [pytest.mark.gpu, needs_gpu]

HERE = Path(__file__).parent
SEED = HERE.parents[1] / "train.py"
NAMES = ("learner", "compiles", "overfills_gpu", "breaks_cuda", "looks_around")


def source(name: str) -> str:
    return (HERE / "variants" / f"{name}.py").read_text()


@pytest.fixture(scope="module")
def bench(level: Level, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benched(gpu_plan(tmp_path_factory.mktemp(level.name), level, slots=2)) as bench:
        yield bench


@pytest.fixture(scope="module")
def results(bench: Bench) -> dict[str, Result]:
    found = bench.run(*(Job(name, source(name), seed=1) for name in NAMES))
    return dict(zip(NAMES, found, strict=True))


def test_what_learns_gets_a_score_and_a_curve(results: dict[str, Result], bench: Bench) -> None:
    result = results["learner"]
    assert result.failure is None, result.failure
    assert result.score is not None
    assert 0.5 < result.score < 8.0
    assert result.tokens == bench.plan.tokens
    assert result.curve[-1][1] < result.curve[0][1]
    assert (result.device, result.sandbox) == (GPUS[0], bench.level.name)


def test_what_compiles_runs(results: dict[str, Result], bench: Bench) -> None:
    assert results["compiles"].failure is None, results["compiles"].failure
    assert bench.log("compiles").endswith("compiled\n")


def test_the_seed_trains(bench: Bench) -> None:
    (result,) = bench.run(Job("seed", SEED.read_text(), seed=1))
    assert result.failure is None, result.failure
    assert result.score is not None
    assert result.score < 8.0


def test_a_burst_sees_one_gpu(results: dict[str, Result], bench: Bench) -> None:
    assert results["looks_around"].failure is None, results["looks_around"].failure
    number = GPUS[0].partition(":")[2]
    assert bench.log("looks_around") == f"order PCI_BUS_ID visible {number}\ndevices 1 on cuda:0\n"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("overfills_gpu", FailureKind.MEMORY, "CUDA out of memory"),
        ("breaks_cuda", FailureKind.EXCEPTION, "CUDA error: device-side assert triggered"),
    ],
)
def test_a_failure_on_the_gpu_has_its_kind_and_says_why(
    name: str, kind: FailureKind, message: str, results: dict[str, Result]
) -> None:
    failure = results[name].failure
    assert failure is not None
    assert failure.kind is kind, failure
    assert re.search(message, failure.message), failure


def test_two_bursts_share_a_gpu(bench: Bench) -> None:
    jobs = [Job(f"beside-{number}", source("learner"), seed=1) for number in range(2)]
    one, other = bench.run(*jobs)
    assert (one.failure, other.failure) == (None, None)


def test_after_its_bursts_nobody_holds_the_gpu_and_zygotes_have_one_thread(
    results: dict[str, Result], bench: Bench
) -> None:
    assert len(results) == len(NAMES)
    until(lambda: all(process.descendants(zygote) == [] for zygote in bench.zygotes()), within=5.0)
    assert not users(GPUS[0]) & set(bench.zygotes())
    for zygote in bench.zygotes():
        assert len(list(Path(f"/proc/{zygote}/task").iterdir())) == 1


def test_only_what_takes_more_of_the_gpu_than_it_may_is_ended(level: Level, tmp_path: Path) -> None:
    before = vram.used(GPUS[0])
    plan = replace(gpu_plan(tmp_path, level), vram_bytes=4 << 30)
    with benched(plan) as bench:
        greedy, modest = bench.run(
            Job("greedy", source("fills_gpu"), seed=1), Job("modest", source("learner"), seed=1)
        )
    assert greedy.failure is not None
    assert greedy.failure.kind is FailureKind.MEMORY
    assert re.fullmatch(r"used \d+ MiB of its GPU, more than a burst may", greedy.failure.message)
    assert greedy.seconds < 30.0
    assert modest.failure is None, modest.failure
    until(lambda: vram.used(GPUS[0]) < before + (1 << 30), within=5.0)
