"""The command line as a person uses it: real processes, with a small text and a small seed variant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
SEED = Path(__file__).with_name("bigram.py")
TASK = ("--context", "32", "--windows", "16")
Event = dict[str, Any]


def environment(**extra: str) -> dict[str, str]:
    """Our environment with the packages in reach and no key of anybody's."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | extra


@contextmanager
def started(*arguments: object, cwd: Path, **extra: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command line in a process group of its own; it ends here at the latest."""
    with subprocess.Popen(
        [sys.executable, "-m", "evolve", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(**extra),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a process to end, and take what it said since.

    Not by ``communicate``, which passes over what has been read ahead of the lines taken so far.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    with ThreadPoolExecutor(2) as pool:
        out, err = (pool.submit(stream.read) for stream in (process.stdout, process.stderr))
        try:
            code = process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, code, out.result(), err.result())


def evolve(*arguments: object, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    with started(*arguments, cwd=cwd, **extra) as process:
        return ended(process)


def side_by_side(
    commands: Sequence[Sequence[object]], cwd: Path, **extra: str
) -> list[subprocess.CompletedProcess[str]]:
    """Run several command lines to their ends, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda command: evolve(*command, cwd=cwd, **extra), commands))


def report(*arguments: object, cwd: Path) -> Any:
    """Run a command with ``--json`` and return what it prints."""
    done = evolve(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def events(output: str) -> list[Event]:
    """Read the JSON lines of a search; one that a kill cut short does not count."""
    return [json.loads(line) for line in output.splitlines(keepends=True) if line.endswith("\n")]


def follow(process: subprocess.Popen[str], enough: Callable[[list[Event]], bool]) -> list[Event]:
    """Read a search's JSON lines until there are enough of them."""
    assert process.stdout is not None
    seen: list[Event] = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if enough(seen):
            return seen
    raise AssertionError(f"it ended before that: {process.stderr and process.stderr.read()}\n{seen}")


def count(seen: Iterable[Event], kind: str) -> int:
    """Count the events of a kind."""
    return sum(event["event"] == kind for event in seen)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return a process and everything that descends from it."""
    own = psutil.Process(process.pid)
    return [own, *own.children(recursive=True)]


def left(processes: Iterable[psutil.Process], seconds: float = 10.0) -> list[psutil.Process]:
    """Return those that still run after some seconds; zombies do not."""
    give_up = time.monotonic() + seconds
    while True:
        running = [one for one in processes if _runs(one)]
        if not running or time.monotonic() > give_up:
            return running
        time.sleep(0.05)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
