"""How soon a burst starts: from the engine's order to the first line of ``train``, beside a cold start.

Run as ``python benchmarks/burst_start.py [cuda]`` where the project is installed. The warm figure goes the
whole way of a search's burst: scratch folder, order to the zygote, fork of the supervisor, fork and
confinement of the child, the variant loaded. A cold start is a fresh Python that imports torch and loads the
same variant; an optimiser's first step needs ``torch._dynamo`` too, which the zygote has loaded already. On
CUDA both make the GPU's context before the first line, since no fork can inherit one. The clock of both is
CLOCK_MONOTONIC, one for all processes.
"""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from evolve.bursts import probing
from evolve.bursts.executor import Job, LocalExecutor, Plan
from evolve.preparing import find_devices
from evolve.tasks.language import LanguageSettings, LanguageTask

BURSTS = 20
COLD_STARTS = 3
SOURCE = """\
import time

from torch import nn


def train(burst):
    print(time.monotonic_ns())
    return nn.Embedding(burst.vocab_size, burst.vocab_size).to(burst.device)
"""
LOADED = "exec(compile(open('train.py').read(), 'train.py', 'exec')); "
BEGUN = "print(time.monotonic_ns())"


def plan_in(folder: Path, device: str = "cpu") -> Plan:
    task = LanguageTask.load(LanguageSettings())
    (folder / "train.bin").write_bytes(task.train_bytes().tobytes())
    return Plan(
        task=task.to_spec(),
        entry=task.entry,
        train_file=folder / "train.bin",
        scratch=folder / "scratch",
        logs=folder / "logs",
        devices=(device,),
        seconds=10.0,
        tokens=None,
        context=task.settings.context,
        vocab_size=task.vocab_size,
        memory_bytes=4 << 30,
        confinement=probing.attain("auto", cuda=device != "cpu"),
        hidden=task.held_out(),
    )


async def warm(folder: Path, device: str) -> list[float]:
    """Return milliseconds from order to first line, one for each burst."""
    plan = plan_in(folder, device)
    executor = LocalExecutor(plan)
    taken = []
    try:
        await executor.start()
        for number in range(BURSTS):
            ordered = time.monotonic_ns()
            result = await executor.run(Job(f"b{number}", SOURCE, seed=0, smoke=True), lambda *_: False)
            if result.failure is not None:
                sys.exit(f"burst {number} failed: {result.failure}")
            begun = int((plan.logs / f"b{number}.out").read_text())
            taken.append((begun - ordered) / 1e6)
    finally:
        await executor.close()
    return taken


def cold(folder: Path, imports: str, device: str) -> list[float]:
    """Return milliseconds from starting Python to the first line, one for each start."""
    (folder / "train.py").write_text(SOURCE)
    context = "torch.zeros(1, device='cuda'); " if device != "cpu" else ""
    taken = []
    for _ in range(COLD_STARTS):
        ordered = time.monotonic_ns()
        done = subprocess.run(
            [sys.executable, "-c", f"import time, {imports}; {context}{LOADED}{BEGUN}"],
            cwd=folder,
            capture_output=True,
            check=True,
        )
        taken.append((int(done.stdout) - ordered) / 1e6)
    return taken


def row(name: str, taken: list[float], base: float) -> str:
    middle = median(taken)
    return (
        f"{name:<42}{len(taken):>4}{middle:>9.1f}{min(taken):>9.1f}{max(taken):>9.1f}{middle / base:>8.1f}x"
    )


def main() -> None:
    (device,) = find_devices(sys.argv[1] if len(sys.argv) > 1 else "cpu", slots=1)
    with tempfile.TemporaryDirectory(prefix="evolve-") as name:
        folder = Path(name)
        forked = asyncio.run(warm(folder, device))
        plain = cold(folder, "torch", device)
        whole = cold(folder, "torch, torch._dynamo", device)
    base = median(forked)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, {device}; "
        "milliseconds"
    )
    print(f"{'to the first line of train':<42}{'n':>4}{'median':>9}{'min':>9}{'max':>9}{'':>9}")
    print(row("burst: order, fork, confine, load", forked, base))
    print(row("cold: python, import torch", plain, base))
    print(row("cold: python, import torch, torch._dynamo", whole, base))


if __name__ == "__main__":
    main()
