"""How busy two slots are while an LLM takes 2 s to answer and an evaluation 1 s; beside OpenEvolve.

    python -m benchmarks.utilisation [--evaluations 120] [--set llm_parallel=8 ahead=12 ...]

Counted from the end of the warm-up to the end of the search: the share of the wall time in which both slots
ran an evaluation, and the mean share that a slot was busy. In our first row every child comes from the LLM;
in the second one the operators that ask no model are there too, as in any search.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import loop, loopback
from benchmarks.engine import SEED_FILE, theirs
from operators.llm import load
from population.store import Population

SLOTS = 2
Span = tuple[float, float]


def busy(spans: Sequence[Span], start: float, end: float) -> tuple[float, float]:
    """Return the shares of a time in which all slots, and in which a slot in the mean, ran something."""
    inside = [(max(began, start), min(ended, end)) for began, ended in spans if ended > start and began < end]
    edges = sorted([*((began, 1) for began, _ in inside), *((ended, -1) for _, ended in inside)])
    running, before, both = 0, start, 0.0
    for at, change in edges:
        both += (at - before) * (running >= SLOTS)
        running, before = running + change, at
    return both / (end - start), sum(ended - began for began, ended in inside) / (end - start) / SLOTS


def ours(
    evaluations: int, latency: float, seconds: float, plain: bool, changes: Mapping[str, Any]
) -> list[Span]:
    """Return when each burst of one of our searches ran."""
    load()
    executor = loop.TimedExecutor(seconds, SLOTS)

    def enough(_: Population) -> bool:
        return len(executor.bursts) >= evaluations

    source, settings = SEED_FILE.read_text(), loop.settings_of(SLOTS, **changes)
    with loopback.served(latency) as address, tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        found = loop.searched(Path(name) / "run", address, executor, enough, source, settings, plain)
        asyncio.run(found).close()
    return [(burst.began, burst.ended) for burst in executor.bursts]


def openevolve(evaluations: int, latency: float, seconds: float) -> list[Span]:
    """Return when each evaluation of one of OpenEvolve's searches ran."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        return theirs(evaluations, SEED_FILE.read_text(), Path(name), latency, seconds)


def setting(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE."""
    name, _, value = text.partition("=")
    with suppress(ValueError):
        return name, json.loads(value)
    return name, value


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=120)
    parser.add_argument("--warm-up", type=int, default=20, help="evaluations that are not counted")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds of an LLM call")
    parser.add_argument("--seconds", type=float, default=1.0, help="of an evaluation")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of ours")
    parser.add_argument("--only", choices=("ours", "plain", "openevolve"), default=None)
    given = parser.parse_args()
    changes = dict(map(setting, given.set))
    size = (given.evaluations, given.latency, given.seconds)
    searches = {
        "ours": lambda: ours(*size, plain=False, changes=changes),
        "plain": lambda: ours(*size, plain=True, changes=changes),
        "openevolve": lambda: openevolve(*size),
    }
    titles = {"ours": "ours, LLM alone", "plain": "ours", "openevolve": "OpenEvolve 0.4.0"}
    table = Table(title=f"Two slots; an LLM call {given.latency:g} s, an evaluation {given.seconds:g} s")
    for head in ("", "both busy", "a slot busy", "evaluations/s"):
        table.add_column(head, justify="left" if not head else "right")
    for name in [given.only] if given.only else searches:
        spans = sorted(searches[name](), key=lambda span: span[1])
        start, end = spans[given.warm_up - 1][1], spans[-1][1]
        both, one = busy(spans, start, end)
        speed = (len(spans) - given.warm_up) / (end - start)
        table.add_row(titles[name], f"{both:.1%}", f"{one:.1%}", f"{speed:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
