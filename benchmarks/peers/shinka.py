"""ShinkaEvolve on a landscape, in an interpreter of its own: ``python -m benchmarks.peers.shinka TASK``.

It is run by its own runner, which starts a process for each evaluation (see ``resident``). Its best is the
correct program with the highest ``combined_score`` (``ProgramDatabase.get_best_program``); that is read off
the log of evaluations, and compared with what its database says in the end. It is told to stop by its own
signal once the log has enough evaluations: a proposal that it cannot apply costs none.

Novelty by embeddings is off, as the scripted model has none; nor are there meta calls, which its defaults
leave out too unless a model is named for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from shinka.core import EvolutionConfig, ShinkaEvolveRunner
from shinka.database import DatabaseConfig, ProgramDatabase
from shinka.launch import LocalJobConfig

from benchmarks.peers.ended import Ended, Task, agrees, best_by_score, count, read_task, write
from benchmarks.peers.evaluator import digest_of, outcomes
from benchmarks.peers.resident import CLIENT

START, END = "# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n"


def configured(task: Task) -> tuple[EvolutionConfig, DatabaseConfig]:
    """Return its default configurations, with what the setting asks for and the task's changes."""
    folder = Path(task.folder)
    given: dict[str, Any] = {
        "num_generations": 4 * task.evaluations,
        "llm_models": [f"local/scripted@{task.server}"],
        "embedding_model": None,
        "init_program_path": str(folder / "initial.py"),
        "results_dir": str(folder / "out"),
    }
    stored: dict[str, Any] = {"db_path": "programs.sqlite"}
    evolution = {field.name for field in fields(EvolutionConfig)}
    for name, value in task.changes.items():
        (given if name in evolution else stored)[name] = value
    return EvolutionConfig(**given), DatabaseConfig(**stored)


async def search(task: Task) -> str | None:
    """Search until the log has enough evaluations; return the source that it calls its best."""
    folder, log = Path(task.folder), Path(task.log)
    (folder / "initial.py").write_text(f"{START}{task.source.rstrip()}\n{END}")
    (folder / "evaluation.py").write_text(CLIENT.format(socket=str(folder / "socket")))
    evolution, stored = configured(task)
    runner = ShinkaEvolveRunner(
        evolution,
        LocalJobConfig(eval_program_path=str(folder / "evaluation.py")),
        stored,
        verbose=False,
        max_evaluation_jobs=task.slots,
    )

    async def stop() -> None:
        while count(log) < task.evaluations:
            await asyncio.sleep(0.02)
        runner.should_stop.set()
        runner.finalization_complete.set()

    watch = asyncio.create_task(stop())
    await runner.run_async()
    watch.cancel()
    path = next((folder / "out").glob("**/*.sqlite"), None)
    if path is None:
        return None
    stored.db_path = str(path)
    best = ProgramDatabase(stored, read_only=True).get_best_program()
    return None if best is None else str(best.code)


def run(task: Task) -> Ended:
    """Search, and say how it ended."""
    random.seed(task.seed)
    np.random.seed(task.seed)
    started = time.monotonic()
    with _resident(Path(task.folder) / "socket"), contextlib.redirect_stdout(io.StringIO()):
        best = asyncio.run(search(task))
    seconds = time.monotonic() - started
    seen = outcomes(Path(task.log))
    standing = best_by_score(seen)
    agreed = best is not None and agrees(seen, standing, digest_of(best))
    return Ended(standing[: task.evaluations], agreed, seconds, version("shinka-evolve"))


@contextlib.contextmanager
def _resident(socket: Path) -> Iterator[None]:
    """Have an evaluator stay meanwhile."""
    command = [sys.executable, "-m", "benchmarks.peers.resident", str(socket)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()


def main() -> None:
    """Read the task, search, write the end beside it."""
    path = Path(sys.argv[1])
    write(path.with_name("ended.json"), run(read_task(path)))


if __name__ == "__main__":
    main()
