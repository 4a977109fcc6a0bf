"""What confinement costs a burst: from the engine's order to the first line of ``train``, level by level.

Run as ``python benchmarks/confinement.py`` where the project is installed. Each figure goes the whole way
of a search's burst, as in ``burst_start.py``; the levels take turns, so that what else the machine does
falls on all of them. A plain fork is what a burst would cost with no supervisor and no confinement at all: a
process with torch loaded forks, and the child runs the variant's text. The clock of all is CLOCK_MONOTONIC.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
import torch._dynamo
from burst_start import SOURCE, plan_in

from evolve.bursts import probing
from evolve.bursts.executor import Job, LocalExecutor
from evolve.bursts.sandbox import Level

BURSTS = 40
PLAIN = SOURCE + "\ntrain(type('Burst', (), {'vocab_size': 8, 'device': 'cpu'}))\n"


async def by_level(folder: Path, highest: Level) -> dict[str, list[float]]:
    """Return milliseconds from order to first line for each level, one for each burst."""
    taken: dict[str, list[float]] = {level.name: [] for level in Level if level <= highest}
    async with AsyncExitStack() as stack:
        executors = {}
        for name in taken:
            (place := folder / name).mkdir()
            plan = replace(plan_in(place), confinement=probing.attain(name))
            executors[name] = (LocalExecutor(plan), plan)
            stack.push_async_callback(executors[name][0].close)
            await executors[name][0].start()
        for number in range(BURSTS):
            for name, (executor, plan) in executors.items():
                ordered = time.monotonic_ns()
                result = await executor.run(Job(f"b{number}", SOURCE, seed=0, smoke=True), lambda *_: False)
                if result.failure is not None:
                    sys.exit(f"burst {number} at {name} failed: {result.failure}")
                begun = int((plan.logs / f"b{number}.out").read_text())
                taken[name].append((begun - ordered) / 1e6)
    return taken


def plain() -> Iterator[float]:
    """Yield milliseconds from a fork of this process, which has torch loaded, to the variant's first line."""
    for _ in range(BURSTS):
        readable, writable = os.pipe()
        ordered = time.monotonic_ns()
        if os.fork() == 0:
            os.dup2(writable, 1)
            namespace = {"__name__": "train"}
            exec(
                compile(PLAIN, "train.py", "exec"),
                namespace,
            )
            sys.stdout.flush()
            os._exit(0)
        os.wait()
        yield (int(os.read(readable, 64)) - ordered) / 1e6
        os.close(readable)
        os.close(writable)


def main() -> None:
    torch.set_num_threads(1)
    forked = list(plain())
    confinement = probing.highest()
    with tempfile.TemporaryDirectory(prefix="evolve-") as name:
        taken = asyncio.run(by_level(Path(name), confinement.level))
    base = median(forked)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, {platform.release()}, "
        f"{os.cpu_count()} cores; milliseconds"
    )
    print(
        f"{'to the first line of train':<28}{'n':>4}{'median':>9}{'min':>9}{'max':>9}{'over fork':>11}{'':>8}"
    )
    for what, figures in {"plain fork": forked, **{f"burst at {one}": taken[one] for one in taken}}.items():
        middle = median(figures)
        print(
            f"{what:<28}{len(figures):>4}{middle:>9.1f}{min(figures):>9.1f}{max(figures):>9.1f}"
            f"{middle - base:>+11.1f}{middle / base:>7.1f}x"
        )
    if confinement.missing:
        print(confinement.missing)


if __name__ == "__main__":
    main()
