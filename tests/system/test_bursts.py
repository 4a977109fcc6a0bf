"""Real bursts of good and broken variants: each gets its score or its failure, and nothing is left.

Those that mean harm are in ``test_attacks``. Bursts are confined at the highest level of this machine.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evolve.bursts import process
from evolve.bursts.executor import Job, LocalExecutor, Result
from evolve.bursts.sandbox import Level
from evolve.errors import EngineFault
from population.variant import FailureKind
from tests.system.bench import Bench, benched, gone, never, trusted, until
from tests.system.engine import SLOTS, plan_in

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
UNPARSABLE = "def train(burst):\n    return (\n"
ALL = sorted(path.stem for path in (HERE / "variants").glob("*.py"))


def source(name: str) -> str:
    return UNPARSABLE if name == "unparsable" else (HERE / "variants" / f"{name}.py").read_text()


def here(name: str, mark: str = "# here") -> str:
    """Return how a traceback names the line of a variant that carries the mark."""
    lines = source(name).splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if line.endswith(mark))
    return f'File "train.py", line {number},'


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benched(plan_in(tmp_path_factory.mktemp("bursts"))) as bench:
        yield bench


@pytest.fixture(scope="module")
def results(bench: Bench) -> dict[str, Result]:
    """Run every variant once, as many at a time as there are slots."""
    names = [*ALL, "unparsable"]
    return dict(zip(names, bench.run(*(Job(name, source(name), seed=1) for name in names)), strict=True))


def test_an_honest_variant_gets_a_score_and_a_curve(results: dict[str, Result], bench: Bench) -> None:
    result = results["honest"]
    assert result.failure is None
    assert result.score is not None
    assert 0.5 < result.score < 8.0
    assert result.tokens == bench.plan.tokens
    assert len(result.curve) == 20
    assert result.curve[0][1] == pytest.approx(math.log(256))
    assert result.curve[-1][1] < result.curve[0][1]
    assert 0.0 < result.train_seconds < result.seconds
    assert 0 < result.peak_bytes < bench.plan.memory_bytes
    assert result.device == "cpu"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("unparsable", FailureKind.SYNTAX, r"line 2: '\(' was never closed"),
        ("no_train", FailureKind.CONTRACT, r"train.py defines no function train\(burst\)"),
        ("wrong_return", FailureKind.CONTRACT, r"train\(burst\) must return a torch.nn.Module, got dict"),
        ("wrong_shape", FailureKind.CONTRACT, r"logits of shape \(2, \d+, 256\), got \(2, \d+, 257\)"),
        ("raises_on_import", FailureKind.EXCEPTION, r"RuntimeError: shape '\[2, 2\]' is invalid"),
        (
            "raises_in_train",
            FailureKind.EXCEPTION,
            r"RuntimeError: mat1 and mat2 shapes cannot be",
        ),
        ("raises_in_scoring", FailureKind.EXCEPTION, r"RuntimeError: no answer for \(\d+,\)"),
        ("raises_unprintable", FailureKind.EXCEPTION, r"Grim: <exception str\(\) failed>"),
        ("odd_annotation", FailureKind.EXCEPTION, r"NameError: name 'Missing' is not defined"),
        ("exits", FailureKind.EXCEPTION, r"SystemExit: 3"),
        ("kills_itself", FailureKind.KILLED, r"killed by signal 9 \(Killed\)"),
        ("oversleeps", FailureKind.TIMEOUT, r"ran past its budget of 1 s"),
        ("hangs_in_import", FailureKind.TIMEOUT, r"ran past its budget of 1 s"),
        ("raises_memory", FailureKind.MEMORY, r"can't allocate memory"),
    ],
)
def test_a_failure_has_its_kind_and_says_why(
    name: str, kind: FailureKind, message: str, results: dict[str, Result]
) -> None:
    result = results[name]
    assert result.score is None
    assert result.failure is not None
    assert result.failure.kind is kind, result.failure
    assert re.search(message, result.failure.message)


@pytest.mark.parametrize("name", [name for name in ALL if "# here" in source(name)])
def test_a_traceback_is_in_the_variants_own_line_numbers(name: str, results: dict[str, Result]) -> None:
    failure = results[name].failure
    assert failure is not None
    assert here(name) in failure.traceback
    assert "child.py" not in failure.traceback


def test_a_traceback_leaves_out_the_librarys_frames_but_the_last(results: dict[str, Result]) -> None:
    failure = results["raises_in_train"].failure
    assert failure is not None
    assert here("raises_in_train", "# and here") in failure.traceback
    assert failure.traceback.count("torch/nn/modules") == 1
    assert "torch/nn/modules/linear.py" in failure.traceback


def test_a_traceback_is_in_the_log_too(results: dict[str, Result], bench: Bench) -> None:
    failure = results["raises_in_train"].failure
    assert failure is not None
    assert failure.traceback in bench.log("raises_in_train")


def test_an_idle_burst_is_ended_by_the_wall_clock(results: dict[str, Result], bench: Bench) -> None:
    for name in ("oversleeps", "hangs_in_import"):
        assert bench.plan.patience < results[name].seconds < bench.plan.patience + 3.0, name


def test_what_a_burst_prints_is_kept_to_the_last_line(results: dict[str, Result], bench: Bench) -> None:
    assert results["honest"].score is not None
    assert bench.log("honest") == "first step\n"


def test_nothing_is_left_of_any_burst(results: dict[str, Result], bench: Bench) -> None:
    assert len(results) == len(ALL) + 1
    until(lambda: all(process.descendants(zygote) == [] for zygote in bench.zygotes()), within=2.0)
    assert [path for folder in bench.plan.scratch.glob("*") for path in folder.iterdir()] == []
    assert len(trusted("evolve.bursts")) == 2 * SLOTS


def test_a_zygote_has_one_thread(results: dict[str, Result], bench: Bench) -> None:
    assert len(bench.zygotes()) == SLOTS
    for zygote in bench.zygotes():
        assert len(list(Path(f"/proc/{zygote}/task").iterdir())) == 1


def test_a_result_says_what_the_burst_was_confined_by(results: dict[str, Result], bench: Bench) -> None:
    assert {result.sandbox for result in results.values()} == {bench.level.name}


def test_the_same_source_seed_and_tokens_give_the_same_score(bench: Bench) -> None:
    one, again, other = bench.run(
        Job("same", source("honest"), seed=7),
        Job("again", source("honest"), seed=7),
        Job("other", source("honest"), seed=8),
    )
    assert one.score == again.score
    assert one.curve == again.curve
    assert one.score != other.score


def test_a_smoke_burst_takes_one_step(bench: Bench) -> None:
    (result,) = bench.run(Job("smoke", source("honest"), seed=1, smoke=True))
    assert result.failure is None
    assert result.tokens == 8 * 64


def test_a_pruned_burst_has_neither_a_score_nor_a_failure(bench: Bench) -> None:
    (result,) = bench.run(Job("pruned", source("slow"), seed=1), watch=lambda *_: True)
    assert (result.score, result.failure) == (None, None)
    assert len(result.curve) == 1
    assert result.seconds < 1.2


def test_a_burst_outlives_its_zygote_or_is_repeated_and_the_next_one_has_another(bench: Bench) -> None:
    killed = []

    def kill_zygote() -> None:
        until(bench.busy)
        killed.extend(bench.busy())
        os.kill(killed[0], signal.SIGKILL)

    (result,) = bench.run(Job("orphan", source("slow"), seed=1), meanwhile=kill_zygote)
    assert result.score is not None
    assert bench.log("orphan") == "begun\n"  # from L2 on the first one's log went with its namespaces
    after = bench.run(*(Job(f"after-{n}", source("honest"), seed=1) for n in range(SLOTS)))
    assert all(result.score is not None for result in after)
    assert len(bench.zygotes()) == SLOTS
    assert killed[0] not in bench.zygotes()


def test_a_burst_that_lost_its_scorer_is_repeated_once(bench: Bench) -> None:
    def kill_scorers() -> None:
        for scorer in trusted("evolve.bursts.scorer"):
            os.kill(scorer, signal.SIGKILL)

    def when_begun(number: int, progress: float, loss: float) -> bool:
        if bench.plan.logs.joinpath("repeated.out").stat().st_size == 0:
            kill_scorers()
        return False

    (result,) = bench.run(Job("repeated", source("slow"), seed=1), watch=when_begun)
    assert result.score is not None
    assert bench.log("repeated") == "begun\nbegun\n"


def test_a_cancelled_burst_is_ended(bench: Bench) -> None:
    async def cancel() -> None:
        task = asyncio.ensure_future(bench.executor.run(Job("cancelled", source("slow"), seed=1), never))
        await asyncio.to_thread(until, bench.busy)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.run(Job("before", source("honest"), seed=1))
    bench.runner.run(cancel())
    until(lambda: all(process.descendants(zygote) == [] for zygote in bench.zygotes()), within=1.0)
    (result,) = bench.run(Job("next", source("honest"), seed=1))
    assert result.score is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may always have another process")
def test_a_zygote_that_can_have_no_process_goes_on_when_it_can(bench: Bench) -> None:
    zygotes = bench.zygotes()
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    for zygote in zygotes:
        resource.prlimit(zygote, resource.RLIMIT_NPROC, (1, hard))
    (result,) = bench.run(Job("starved", source("honest"), seed=1))
    if bench.level >= Level.L2:
        assert result.score is not None  # its zygote was given up with its namespaces; the next has no limit
        return
    assert result.failure is not None
    assert result.failure.kind is FailureKind.KILLED
    for zygote in zygotes:
        resource.prlimit(zygote, resource.RLIMIT_NPROC, (soft, hard))
    (result,) = bench.run(Job("fed", source("honest"), seed=1))
    assert result.score is not None
    assert bench.zygotes() == zygotes


def test_when_the_engine_is_killed_everything_goes_with_it(tmp_path: Path) -> None:
    engine = subprocess.Popen(
        [sys.executable, str(HERE / "engine.py"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )
    try:
        assert engine.stdout is not None
        assert [engine.stdout.readline() for _ in range(SLOTS)] == ["begun\n"] * SLOTS
        started = process.descendants(engine.pid)
        assert len(started) >= 4 * SLOTS  # zygotes, scorers, supervisors and children
        engine.send_signal(signal.SIGKILL)
        assert gone(started, within=5.0)
        assert not (tmp_path / "scratch").exists()
    finally:
        engine.kill()
        engine.communicate()


def test_processes_that_are_killed_while_they_start_are_started_again(tmp_path: Path) -> None:
    modules = ("evolve.bursts.zygote", "evolve.bursts.scorer")
    spared = {module: set(trusted(module)) for module in modules}  # of the other executor here

    def kill_all(module: str, rounds: int = 4) -> None:
        for _ in range(rounds):
            until(lambda: len(set(trusted(module)) - spared[module]) == SLOTS)
            for pid in set(trusted(module)) - spared[module]:
                for one in process.children(pid) or [pid]:  # what bubblewrap has started, if it has
                    process.kill(one)
                spared[module].add(pid)

    async def start_and_run() -> Result:
        executor = LocalExecutor(plan_in(tmp_path))
        try:
            await executor.start()
            return await executor.run(Job("after", source("honest"), seed=1), never)
        finally:
            await executor.close()

    with ThreadPoolExecutor() as pool:
        kills = [pool.submit(kill_all, module) for module in modules]
        result = asyncio.run(start_and_run())
        assert [kill.result() for kill in kills] == [None, None]
    assert result.score is not None


def test_a_process_that_does_not_start_is_told_of(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    (tmp_path / "text.txt").write_text(" ".join(map(str, range(10_000))))

    async def start() -> None:
        executor = LocalExecutor(plan)
        try:
            await executor.start()
        finally:
            await executor.close()

    with pytest.raises(EngineFault, match=r"the scorer process did not start; see .*scorer\.log"):
        asyncio.run(start())
    assert "has changed" in (plan.logs / "scorer.log").read_text()
