"""An executor under test, and looking at its processes from outside."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evolve.bursts import process, vram
from evolve.bursts.executor import Job, LocalExecutor, Plan, Result, Watch
from evolve.bursts.sandbox import Level


def never(*_: object) -> bool:
    return False


@dataclass
class Bench:
    """A running executor."""

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

    @property
    def level(self) -> Level:
        return self.plan.confinement.level

    def zygotes(self) -> list[int]:
        """Return the zygotes: from L2 on what bubblewrap has started."""
        found = trusted("evolve.bursts.zygote")
        return [one for pid in found for one in ([pid] if self.level < Level.L2 else process.children(pid))]

    def busy(self) -> list[int]:
        """Return the zygotes that have a supervisor and a child."""
        return [pid for pid in self.zygotes() if len(process.descendants(pid)) == 2]

    def log(self, name: str) -> str:
        return (self.plan.logs / f"{name}.out").read_text(errors="replace")


@contextmanager
def benched(plan: Plan, look: vram.Used = vram.used) -> Iterator[Bench]:
    """Start an executor, and see that nothing is left of it in the end."""
    with asyncio.Runner() as runner:
        executor = LocalExecutor(plan, look)
        runner.run(executor.start())
        yield Bench(plan, executor, runner)
        runner.run(executor.close())
    assert trusted("evolve.bursts") == []
    assert not plan.scratch.exists()


def trusted(module: str) -> list[int]:
    """Return the processes that the executor has started to run a module of ours."""
    return [pid for pid in process.children(os.getpid()) if module.encode() in command_line(pid)]


def command_line(pid: int) -> bytes:
    """Return what a process was started by, nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


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
