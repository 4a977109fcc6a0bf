"""Settings of a peer compared on landscape 1, on instances that no report uses: so the tuned ones were found.

    python -m benchmarks.peers.sweep openevolve [--searches 8] [--only NAME ...]

Prints, for each set of changes, how much of the way to the target was come after 100 and 200 evaluations.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.peers.driving import interpreter, run_peer
from benchmarks.peers.landscapes import NAMES, landscape
from benchmarks.peers.trajectory import Trajectory

FIRST = 1000
"""The first instance, which is also the seed; reports use those below."""

TRIED: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "openevolve": {
        "default": {},
        "1 island": {"database.num_islands": 1},
        "2 islands": {"database.num_islands": 2},
        "1 island, small": {
            "database.num_islands": 1,
            "database.population_size": 40,
            "database.archive_size": 10,
        },
        "2 islands, small": {
            "database.num_islands": 2,
            "database.population_size": 60,
            "database.archive_size": 10,
            "database.migration_interval": 20,
        },
        "1 island, greedy": {
            "database.num_islands": 1,
            "database.population_size": 40,
            "database.archive_size": 5,
            "database.exploration_ratio": 0.1,
            "database.exploitation_ratio": 0.9,
        },
        "1 island, greedy, by score": {
            "database.num_islands": 1,
            "database.population_size": 40,
            "database.archive_size": 5,
            "database.exploration_ratio": 0.1,
            "database.exploitation_ratio": 0.9,
            "database.feature_dimensions": ["score"],
        },
        "1 island, greedier": {
            "database.num_islands": 1,
            "database.population_size": 30,
            "database.archive_size": 3,
            "database.exploration_ratio": 0.05,
            "database.exploitation_ratio": 0.95,
        },
        "1 island, of 20, greedier": {
            "database.num_islands": 1,
            "database.population_size": 20,
            "database.archive_size": 2,
            "database.exploration_ratio": 0.05,
            "database.exploitation_ratio": 0.95,
        },
        "2 islands, greedy": {
            "database.num_islands": 2,
            "database.population_size": 40,
            "database.archive_size": 5,
            "database.exploration_ratio": 0.1,
            "database.exploitation_ratio": 0.9,
            "database.migration_interval": 10,
        },
        "1 island, whole files": {
            "database.num_islands": 1,
            "database.population_size": 40,
            "database.archive_size": 10,
            "diff_based_evolution": False,
        },
    },
    "shinka": {
        "default": {},
        "1 island, archive of 10": {"num_islands": 1, "archive_size": 10},
        "1 island, power law": {
            "num_islands": 1,
            "archive_size": 10,
            "parent_selection_strategy": "power_law",
            "exploitation_alpha": 2.0,
            "exploitation_ratio": 0.9,
        },
        "1 island, beam": {
            "num_islands": 1,
            "archive_size": 10,
            "parent_selection_strategy": "beam_search",
            "num_beams": 5,
        },
        "1 island, power law, more crossing": {
            "num_islands": 1,
            "archive_size": 10,
            "parent_selection_strategy": "power_law",
            "exploitation_alpha": 2.0,
            "exploitation_ratio": 0.9,
            "patch_type_probs": [0.5, 0.2, 0.3],
        },
    },
    "llamea": {
        "default": {},
        "4 of 4": {"n_parents": 4, "n_offspring": 4},
        "2 of 4": {"n_parents": 2, "n_offspring": 4},
        "4 of 8": {"n_parents": 4, "n_offspring": 8},
        "1 of 4": {"n_parents": 1, "n_offspring": 4},
        "10 of 10": {"n_parents": 10, "n_offspring": 10},
    },
}


def way(one: Trajectory, evaluations: int) -> float:
    """Return the share of the way from the seed to the target."""
    return (one.start - one.at(evaluations).truth) / (one.start - one.target)


def main() -> None:
    """Compare, and print a line for each set of changes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("peer", choices=sorted(TRIED))
    parser.add_argument("--searches", type=int, default=8)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--landscape", default=NAMES[0], choices=NAMES)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--at-once", type=int, default=2)
    given = parser.parse_args()
    interpreter(given.peer)

    def search(changes: Mapping[str, Any], number: int) -> tuple[Trajectory, bool]:
        where = landscape(given.landscape, number)
        for _ in range(2):
            try:
                found, ended = run_peer(given.peer, where, given.evaluations, number, changes)
            except subprocess.SubprocessError as error:
                print(f"{number}: {error}", file=sys.stderr)
            else:
                return found, ended.agrees
        raise RuntimeError(f"{number} failed twice")

    names = given.only or list(TRIED[given.peer])
    with ThreadPoolExecutor(given.at_once) as pool:
        numbers = range(FIRST, FIRST + given.searches)
        waiting = {
            name: [pool.submit(search, TRIED[given.peer][name], number) for number in numbers]
            for name in names
        }
        for name, futures in waiting.items():
            found = [future.result() for future in futures]
            ways = [[way(one, n) for one, _ in found] for n in (100, given.evaluations)]
            error = statistics.stdev(ways[1]) / len(found) ** 0.5 if len(found) > 1 else float("nan")
            line = f"{statistics.mean(ways[0]):.2f} {statistics.mean(ways[1]):.2f} ± {error:.2f}"
            seconds = statistics.median(one.seconds for one, _ in found)
            agreed = sum(agrees for _, agrees in found)
            calls = statistics.mean(one.points[-1].calls for one, _ in found)
            print(
                f"{name:32} {line}  {seconds:.0f} s, {calls:.0f} calls, {agreed}/{len(found)} agree",
                flush=True,
            )


if __name__ == "__main__":
    main()
