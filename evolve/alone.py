"""``python train.py``: one burst of one file, by the same way as in a search, and its score."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from evolve import session
from evolve.bursts import process
from evolve.bursts.executor import Job, Result
from evolve.errors import EvolveError
from evolve.preparing import Prepared, prepare
from evolve.settings import load


def main(file: str, arguments: list[str] | None = None) -> None:
    """Run one burst of ``file``, print its learning curve and score, and exit as the command line does."""
    parser = argparse.ArgumentParser(prog=f"python {Path(file).name}", description="Run one burst alone.")
    parser.add_argument("--burst", type=float, help="seconds of training; 20 on CPU, 300 on CUDA")
    parser.add_argument("--burst-tokens", type=int, help="tokens of training, instead of seconds")
    parser.add_argument("--data", type=Path, help="text file or folder; default: Python's own library")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where it runs")
    parser.add_argument("--sandbox", help="confinement: auto, strict, or L0 to L3; default: auto")
    parser.add_argument("--seed", type=int, default=0, help="seed of the burst")
    process.set_dumpable(False)  # this process may hold keys
    given = vars(parser.parse_args(arguments))
    flags = {**given, "seed_file": Path(file), "slots": 1, "models": ("none",)}
    try:
        prepared = prepare(load(None, flags))
        result = asyncio.run(_burst(prepared))
    except EvolveError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    _print(result, prepared)


async def _burst(prepared: Prepared) -> Result:
    """Run one burst in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="evolve-") as name:
        executor = session.executor_of(Path(name), prepared)
        try:
            await executor.start()
            return await executor.run(Job("alone", prepared.seed, prepared.settings.seed or 0), _show)
        finally:
            await executor.close()


def _show(_: int, progress: float, loss: float) -> bool:
    """Show a point of the learning curve on one line of the terminal."""
    if sys.stderr.isatty():
        print(f"\r{progress:4.0%}  loss {loss:.4f}", end="", file=sys.stderr, flush=True)
    return False


def _print(result: Result, prepared: Prepared) -> None:
    """Print the score, or why there is none."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if result.failure is not None:
        sys.exit(f"{result.failure.kind}: {result.failure.message}\n{result.failure.traceback}".rstrip())
    print(
        f"{prepared.task.metric} {result.score:.4f}  "
        f"({result.tokens} tokens in {result.train_seconds:.1f} s on {result.device}, "
        f"{result.peak_bytes / 2**20:.0f} MiB, {result.seconds:.1f} s with scoring, "
        f"confined at {result.sandbox})"
    )
