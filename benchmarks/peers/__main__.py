"""Our system and its peers, side by side.

    python -m benchmarks.peers [--systems evolve,openevolve] [--landscapes 1,3] [--seeds 20]

Every search is kept in a file of its own when it ends; what is there is not searched again, so the command
can be cut off and given again, with more seeds or more systems too. The tables hold all that is there.

Landscapes: 1 interplay, 2 noiseless, 3 epistatic, 4 deceptive (see ``landscapes``), 5 language (see
``real``). Search number n runs on instance n with seed n, whatever the system.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.peers import driving, results
from benchmarks.peers.evaluator import REAL, SERVICE
from benchmarks.peers.landscapes import NAMES
from benchmarks.peers.real import served
from benchmarks.peers.report import parts, report
from benchmarks.peers.searching import Work, path_of, perform
from benchmarks.peers.systems import ABLATIONS, SLOTS, compared, systems

LANDSCAPES = (*NAMES, REAL)
OURS, LEADER = "evolve", "evolve, its leader"


def _search(given: argparse.Namespace, chosen: Sequence[str], names: Sequence[str]) -> None:
    """Make the searches that are missing, seed by seed, so that what is cut off is balanced."""
    missing = [
        work
        for seed in range(given.first, given.first + given.seeds)
        for place in chosen
        for system in names
        if not path_of(work := Work(place, system, seed, given.evaluations, given.results)).exists()
    ]
    for peer in driving.PINNED:
        if any(work.system.partition("-")[0] == peer for work in missing):
            driving.interpreter(peer)  # made here, once, rather than by each search
    with ExitStack() as stack:
        if any(work.landscape == REAL for work in missing):
            os.environ[SERVICE] = stack.enter_context(served(given.results / "truths", SLOTS))
        spawning = multiprocessing.get_context("spawn")
        pool = stack.enter_context(spawning.Pool(given.processes, maxtasksperchild=8))
        for number, said in enumerate(pool.imap_unordered(perform, missing), start=1):
            print(f"[{number}/{len(missing)}] {said}", file=sys.stderr, flush=True)


def _report(given: argparse.Namespace, chosen: Sequence[str], names: Sequence[str]) -> None:
    """Print all that is kept."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; {SLOTS} evaluations at once; rules {results.rules()}.")
    print("Intervals: 95 %, bootstrap over searches.\n")
    peers = [name for peer in driving.PINNED for name in (peer, f"{peer}-tuned")]
    for place in chosen:
        found = {name: [*results.kept(given.results, place, name, given.evaluations)] for name in names}
        there = {name: searches for name, searches in found.items() if searches}
        ablated = {name: there.pop(name) for name in ABLATIONS if name in there}
        if ablated and OURS in there:
            print(parts(place, there[OURS], ablated, given.evaluations))
        if OURS in there:
            there = {OURS: there[OURS], LEADER: [one.leading() for one in there[OURS]], **there}
        if there:
            print(report(place, there, given.evaluations, peers))


def main() -> None:
    """Search what is missing, then print the tables."""
    every = [*systems()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    listed = functools.partial(str.split, sep=",")
    parser.add_argument("--systems", type=listed, default=compared(), help=",".join(every))
    parser.add_argument("--landscapes", type=listed, default=[*LANDSCAPES], help="numbers or names")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2, help="searches at once")
    parser.add_argument("--results", type=Path, default=results.FOLDER)
    parser.add_argument("--report", action="store_true", help="print what is there, search nothing")
    given = parser.parse_args()
    chosen = [LANDSCAPES[int(one) - 1] if one.isdigit() else one for one in given.landscapes]
    unknown = [*(set(given.systems) - set(every)), *(set(chosen) - set(LANDSCAPES))]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}")
    if not given.report:
        _search(given, chosen, given.systems)
    _report(given, chosen, given.systems)


if __name__ == "__main__":
    main()
