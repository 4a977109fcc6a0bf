"""A small engine: one long burst on each slot of a small text. Run as ``python engine.py FOLDER``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from evolve.bursts import probing
from evolve.bursts.executor import Job, LocalExecutor, Plan
from evolve.tasks.language import LanguageSettings, LanguageTask

SLOTS = 3
WORDS = ["the", "cat", "sat", "on", "a", "mat", "\n", "and\n\n"]
LONG = "import time\n\ndef train(burst):\n    burst.report(1.0)\n    time.sleep(60)\n"


def plan_in(folder: Path, level: str = "auto", windows: int = 16, words: int = 40_000) -> Plan:
    """Lay a small text down and say how bursts on it are run, confined at a level."""
    drawn = np.random.default_rng(0).choice(WORDS, words)
    (folder / "text.txt").write_text(" ".join(drawn))
    task = LanguageTask.load(LanguageSettings(str(folder / "text.txt"), context=64, windows=windows))
    (folder / "train.bin").write_bytes(task.train_bytes().tobytes())
    return Plan(
        task=task.to_spec(),
        entry=task.entry,
        train_file=folder / "train.bin",
        scratch=folder / "scratch",
        logs=folder / "logs",
        devices=("cpu",) * SLOTS,
        seconds=1.0,
        tokens=8 * 64 * 20,
        context=64,
        vocab_size=task.vocab_size,
        memory_bytes=500 << 20,
        confinement=probing.attain(level),
        hidden=task.held_out(),
    )


async def main(folder: Path) -> None:
    """Print a line for each burst that has begun, and wait for them all."""
    executor = LocalExecutor(replace(plan_in(folder), seconds=60.0))
    await executor.start()

    def begun(*_: object) -> bool:
        print("begun", flush=True)
        return False

    await asyncio.gather(*(executor.run(Job(f"long-{n}", LONG, seed=n), begun) for n in range(SLOTS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
