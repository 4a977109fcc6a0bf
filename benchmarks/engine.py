"""What the engine costs a candidate, beside OpenEvolve: an instant LLM, an instant evaluation, two slots.

    python -m benchmarks.engine [--long 10000] [--peer-long 1000] [--source FILE]

Both ask the same scripted LLM over HTTP, in a process of its own, and start from the same program. Ours
records all that a search records, on the disk. A candidate is a child that has been evaluated; every one of
ours is one LLM call (``proposals = 0``: no call is made for a child that is not measured), and replicates of
champions are extra. Seconds are wall-clock, so the machine should
have nothing else to do; runs of the two take turns, and only their ratio means much.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import loop, loopback
from benchmarks.peers.driving import ROOT, interpreter
from benchmarks.peers.ended import Task, write
from operators.llm import load
from population.store import Population

SEED_FILE = Path(__file__).parent / "peers" / "seed.py"
FIRST = 200
WINDOW = 100
"""Candidates whose rate is taken around a place."""


def ours(candidates: int, source: str, folder: Path, changes: Mapping[str, Any] | None = None) -> list[float]:
    """Return when each candidate of one of our searches had its score; each is one LLM call and one burst."""
    load()  # imported once by whoever runs many searches; not the loop's own cost
    executor = loop.TimedExecutor()

    def enough(population: Population) -> bool:
        return sum(burst.first for burst in executor.bursts) > candidates

    with loopback.served(0.0) as address:
        settings = loop.settings_of(2, **(changes or {"proposals": 0.0}))
        found = loop.searched(folder / "run", address, executor, enough, source, settings)
        asyncio.run(found).close()
    return [burst.ended for burst in executor.bursts if burst.first][1:]


def theirs(
    candidates: int, source: str, folder: Path, latency: float = 0.0, seconds: float = 0.0
) -> list[tuple[float, float]]:
    """Return when each evaluation of one of OpenEvolve's searches began and ended, its seed's left out."""
    with loopback.served(latency) as address:
        log = folder / "log"
        task = Task(str(folder), source, address, candidates + 1, 1, 2, {}, str(log))
        write(folder / "task.json", task)
        command = [str(interpreter("openevolve")), "-m", "benchmarks.engine_peer", str(folder / "task.json")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([*command, str(seconds)], check=True, env=environment, cwd=folder, capture_output=True)
    spans = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    return sorted((began, ended) for began, ended in spans)[1:]


def rate(times: list[float], start: int, count: int) -> float:
    """Return candidates per second from one place on; NaN where there are not so many."""
    if len(times) <= start + count:
        return float("nan")
    return count / (times[start + count] - times[start])


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="searches of each over the first candidates")
    parser.add_argument("--long", type=int, default=10_000, help="candidates of our long search; 0: none")
    parser.add_argument("--peer-long", type=int, default=1_000, help="of OpenEvolve's")
    parser.add_argument("--source", type=Path, default=SEED_FILE, help="the seed program, with # tune: lines")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where to work; on a real disk")
    given = parser.parse_args()
    source = given.source.read_text()
    interpreter("openevolve")
    first: tuple[list[float], list[float]] = ([], [])
    for turn in range(given.turns):
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            first[0].append(rate(ours(FIRST + 1, source, Path(name)), 0, FIRST))
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            first[1].append(rate([end for _, end in theirs(FIRST + 1, source, Path(name))], 0, FIRST))
        print(f"turn {turn + 1}: {first[0][-1]:.0f}/s beside {first[1][-1]:.0f}/s", file=sys.stderr)
    rows = {f"first {FIRST}": tuple(map(statistics.median, first))}
    longs: list[list[float]] = []
    for search, count in ((ours, given.long), (theirs, given.peer_long)):
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            found = search(count + 1, source, Path(name)) if count else []
            longs.append([one if isinstance(one, float) else one[1] for one in found])
    for place in (100, 1_000, 3_000, 10_000):
        rows[f"at {place:,}"] = tuple(rate(times, place - WINDOW, WINDOW) for times in longs)
    print_table(rows, given.source, len(source))


def print_table(rows: dict[str, tuple[float, ...]], source: Path, length: int) -> None:
    """Print the rates."""
    load_now = os.getloadavg()[0]
    title = f"candidates/s; a seed of {length:,} characters ({source.name}); load {load_now:.1f} at the end"
    table = Table(title=title, title_justify="left")
    for head in ("", "ours", "OpenEvolve 0.4.0", "ratio"):
        table.add_column(head, justify="left" if not head else "right")
    for name, (one, other) in rows.items():
        table.add_row(name, f"{one:.1f}", f"{other:.1f}", f"{one / other:.2f}")
    Console(width=100).print(table)
    start, end = rows["at 100"][0], rows["at 10,000"][0]
    print(f"ours at 100 over ours at 10,000: {start / end:.2f}")


if __name__ == "__main__":
    main()
