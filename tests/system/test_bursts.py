"""Real bursts of honest and hostile variants: each gets its score or its failure, and nothing is left."""

from __future__ import annotations

import asyncio
import math
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evolve.bursts import process
from evolve.bursts.executor import Job, LocalExecutor, Plan, Result, Watch
from evolve.errors import EngineFault
from population.variant import FailureKind
from tests.system.engine import SLOTS, plan_in

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
SECRET = "sk-not-for-variants"
UNPARSABLE = "def train(burst):\n    return (\n"
ALL = sorted(path.stem for path in (HERE / "variants").glob("*.py"))


def source(name: str) -> str:
    return UNPARSABLE if name == "unparsable" else (HERE / "variants" / f"{name}.py").read_text()


def here(name: str, mark: str = "# here") -> str:
    """Return how a traceback names the line of a variant that carries the mark."""
    lines = source(name).splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if line.endswith(mark))
    return f'File "train.py", line {number},'


def never(*_: object) -> bool:
    return False


@dataclass
class Bench:
    """An executor that lives as long as this module's tests."""

    plan: Plan
    executor: LocalExecutor
    runner: asyncio.Runner

    def run(
        self, *jobs: Job, watch: Watch = never, meanwhile: Callable[[], object] | None = None
    ) -> list[Result]:
        async def together() -> list[Result]:
            bursts = asyncio.gather(*(self.executor.run(job, watch) for job in jobs))
            if meanwhile is not None:
                await asyncio.to_thread(meanwhile)
            return await bursts

        return self.runner.run(together())

    def log(self, name: str) -> str:
        return (self.plan.logs / f"{name}.out").read_text(errors="replace")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    plan = plan_in(tmp_path_factory.mktemp("bursts"))
    os.environ["OPENAI_API_KEY"] = SECRET
    with asyncio.Runner() as runner:
        executor = LocalExecutor(plan)
        runner.run(executor.start())
        yield Bench(plan, executor, runner)
        runner.run(executor.close())
    del os.environ["OPENAI_API_KEY"]
    assert trusted("evolve.bursts") == []
    assert not plan.scratch.exists()


@pytest.fixture(scope="module")
def results(bench: Bench) -> dict[str, Result]:
    """Run every variant once, as many at a time as there are slots."""
    names = [*ALL, "unparsable"]
    return dict(zip(names, bench.run(*(Job(name, source(name), seed=1) for name in names)), strict=True))


def trusted(module: str) -> list[int]:
    """Return the processes that the executor has started to run a module of ours."""
    started = process.children(os.getpid())
    return [pid for pid in started if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]


def gone(pids: list[int], within: float) -> bool:
    """Wait until none of these processes runs (one that nobody has reaped does not)."""
    give_up = time.monotonic() + within
    while any(map(runs, pids)):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until(condition: Callable[[], object], within: float = 20.0) -> None:
    give_up = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(0.01)


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
        ("wrong_shape", FailureKind.CONTRACT, r"logits of shape \(4, 64, 256\), got \(4, 64, 257\)"),
        ("raises_on_import", FailureKind.EXCEPTION, r"RuntimeError: shape '\[2, 2\]' is invalid"),
        (
            "raises_in_train",
            FailureKind.EXCEPTION,
            r"RuntimeError: mat1 and mat2 shapes cannot be",
        ),
        ("raises_in_scoring", FailureKind.EXCEPTION, r"RuntimeError: no answer for \(64,\)"),
        ("raises_unprintable", FailureKind.EXCEPTION, r"Grim: <exception str\(\) failed>"),
        ("odd_annotation", FailureKind.EXCEPTION, r"NameError: name 'Missing' is not defined"),
        ("exits", FailureKind.EXCEPTION, r"SystemExit: 3"),
        ("exits_at_once", FailureKind.EXCEPTION, r"exited with code 0 before it was scored"),
        ("kills_itself", FailureKind.KILLED, r"killed by signal 9 \(Killed\)"),
        ("kills_supervisor", FailureKind.KILLED, r"a process that watches over the burst was lost"),
        ("stops_supervisor", FailureKind.KILLED, r"a process that watches over the burst was lost"),
        ("stops_itself", FailureKind.TIMEOUT, r"ran past its budget of 1 s"),
        ("endless", FailureKind.TIMEOUT, r"ran past its budget of CPU time"),
        ("oversleeps", FailureKind.TIMEOUT, r"ran past its budget of 1 s"),
        ("hangs_in_import", FailureKind.TIMEOUT, r"ran past its budget of 1 s"),
        ("eats_memory", FailureKind.MEMORY, r"used \d+ MiB, more than a burst may"),
        ("hides_memory", FailureKind.MEMORY, r"used \d+ MiB, more than a burst may"),
        ("raises_memory", FailureKind.MEMORY, r"can't allocate memory"),
        ("nonfinite", FailureKind.NONFINITE, r"NaN or infinity"),
        ("peeks", FailureKind.NONCAUSAL, r"predictions change when later bytes are there"),
        ("remembers", FailureKind.STATEFUL, r"answers the same tokens differently the second time"),
        ("garbage", FailureKind.CONTRACT, r"bytes that are not a frame"),
        ("huge_frame", FailureKind.CONTRACT, r"a frame of 4294967295 bytes where at most \d+ fit"),
        ("early_answer", FailureKind.CONTRACT, r"a frame of kind ANSWER while training"),
        ("hangs_up", FailureKind.CONTRACT, r"closed its connection to the scorer"),
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


def test_a_busy_burst_is_ended_by_the_cpu_time_it_took(results: dict[str, Result], bench: Bench) -> None:
    assert bench.plan.seconds < results["endless"].seconds < bench.plan.patience


def test_an_idle_burst_is_ended_by_the_wall_clock(results: dict[str, Result], bench: Bench) -> None:
    for name in ("oversleeps", "stops_itself", "hangs_in_import"):
        assert bench.plan.patience < results[name].seconds < bench.plan.patience + 3.0, name


def test_what_a_burst_prints_is_kept_to_the_last_line(results: dict[str, Result], bench: Bench) -> None:
    assert results["honest"].score is not None
    assert bench.log("honest") == "first step\n"


def test_a_hundred_megabytes_of_prints_leave_a_megabyte_of_head_and_tail(
    results: dict[str, Result], bench: Bench
) -> None:
    assert results["chatty"].score is not None
    log = bench.log("chatty")
    assert log.startswith("the first line\n")
    assert log.endswith("the last line\n")
    assert re.search(r"\.\.\. \d+ bytes left out \.\.\.", log)
    assert 1 << 20 <= len(log) <= (1 << 20) + 100


@pytest.mark.parametrize("name", ["mute", "daemon", "floods", "environment"])
def test_what_harms_nobody_is_still_scored(name: str, results: dict[str, Result]) -> None:
    assert results[name].failure is None
    assert results[name].score is not None


def test_a_flood_of_reports_is_thinned_and_holds_only_progress(results: dict[str, Result]) -> None:
    curve = results["floods"].curve
    assert 0 < len(curve) <= 200
    assert all(0.0 <= progress <= 1.0 for progress, _ in curve)


def test_a_daemon_in_a_session_of_its_own_is_ended(results: dict[str, Result], bench: Bench) -> None:
    assert results["daemon"].score is not None
    found = re.search(r"daemon (\d+)", bench.log("daemon"))
    assert found is not None
    assert not runs(int(found[1]))


def test_no_secret_is_in_the_environment_of_a_burst_or_of_those_above_it(
    results: dict[str, Result], bench: Bench
) -> None:
    assert results["environment"].score is not None
    seen = bench.log("environment")
    assert "OMP_NUM_THREADS" in seen
    assert "API_KEY" not in seen
    assert SECRET not in seen


def test_only_root_reads_the_environment_of_those_above_a_burst(
    results: dict[str, Result], bench: Bench
) -> None:
    assert results["environment"].score is not None
    assert bench.log("environment").count("is closed") == (0 if os.geteuid() == 0 else 2)


def test_a_burst_holds_no_descriptor_but_its_own(results: dict[str, Result], bench: Bench) -> None:
    assert results["environment"].score is not None
    assert "descriptors 5\n" in bench.log("environment")  # 0 to 2, the way to the scorer, the folder listed


def test_nothing_is_left_of_any_burst(results: dict[str, Result], bench: Bench) -> None:
    assert len(results) == len(ALL) + 1
    (zygote,) = trusted("evolve.bursts.zygote")
    until(lambda: process.descendants(zygote) == [], within=2.0)
    assert list(bench.plan.scratch.iterdir()) == []
    assert len(trusted("evolve.bursts")) == 1 + SLOTS


def test_the_zygote_has_one_thread(results: dict[str, Result]) -> None:
    (zygote,) = trusted("evolve.bursts.zygote")
    assert len(list(Path(f"/proc/{zygote}/task").iterdir())) == 1


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


def test_a_burst_outlives_the_zygote_that_began_it_and_the_next_one_has_another(bench: Bench) -> None:
    (zygote,) = trusted("evolve.bursts.zygote")

    def kill_zygote() -> None:
        until(lambda: len(process.descendants(zygote)) == 2)
        os.kill(zygote, signal.SIGKILL)

    (result,) = bench.run(Job("outlives", source("slow"), seed=1), meanwhile=kill_zygote)
    assert result.score is not None
    assert bench.log("outlives") == "begun\n"
    (result,) = bench.run(Job("after", source("honest"), seed=1))
    assert result.score is not None
    assert trusted("evolve.bursts.zygote") != [zygote]


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
        await asyncio.to_thread(until, lambda: len(process.descendants(zygote)) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.run(Job("before", source("honest"), seed=1))
    (zygote,) = trusted("evolve.bursts.zygote")
    bench.runner.run(cancel())
    until(lambda: process.descendants(zygote) == [], within=1.0)
    (result,) = bench.run(Job("next", source("honest"), seed=1))
    assert result.score is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may always have another process")
def test_a_zygote_that_can_have_no_process_goes_on_when_it_can(bench: Bench) -> None:
    (zygote,) = trusted("evolve.bursts.zygote")
    soft, hard = resource.prlimit(
        zygote, resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1])
    )
    (result,) = bench.run(Job("starved", source("honest"), seed=1))
    assert result.failure is not None
    assert result.failure.kind is FailureKind.KILLED
    resource.prlimit(zygote, resource.RLIMIT_NPROC, (soft, hard))
    (result,) = bench.run(Job("fed", source("honest"), seed=1))
    assert result.score is not None
    assert trusted("evolve.bursts.zygote") == [zygote]


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
        assert len(started) >= 1 + SLOTS + 2 * SLOTS  # zygote, scorers, supervisors and children
        engine.send_signal(signal.SIGKILL)
        assert gone(started, within=5.0)
        assert not (tmp_path / "scratch").exists()
    finally:
        engine.kill()
        engine.communicate()


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
