"""A search that is killed anywhere and resumed ends as one that never was killed, on a known landscape."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.landscape import NoisyExecutor, Proposer, search, wired
from population.store import JOURNAL, Population

PLANTED = Proposer(gain=2.0, chance=0.2)


def ended(population: Population) -> dict[str, Any]:
    """Return what a search came to, without the hours of the day, and without who was quicker."""
    told = [(event.kind, event.text) for event in population.events if event.kind != "recovered"]
    return {
        "admitted": [text for kind, text in told if kind == "admitted"],
        "told": [one for one in told if one[0] != "admitted"],
        "variants": {name: replace(one, created=0.0) for name, one in population.variants.items()},
        "measurements": {name: population.measurements(name) for name in population.variants},
        "champion": population.meta("champion"),
        "search": population.meta("search"),
        "jobs": dict(population.notes("notes.jobs")),
        "wishes": dict(population.notes("notes.wishes")),
    }


def resumed(folder: Path, evaluations: int, **changes: Any) -> dict[str, Any]:
    """Go on with a search to its end."""
    with closing(Population.open(folder, write=True)) as population:
        asyncio.run(wired(population, folder, evaluations=evaluations, seed=1, **changes).run())
        return ended(population)


@pytest.mark.parametrize(("deviation", "shared"), [(1.0, 0.0), (0.2, 0.5)])
def test_a_search_cut_after_any_append_goes_on_to_the_same_end(
    tmp_path: Path, deviation: float, shared: float
) -> None:
    whole = tmp_path / "whole"
    given: dict[str, Any] = {"proposer": PLANTED, "executor": NoisyExecutor(deviation, shared)}
    one, population = search(whole, evaluations=60, seed=1, **given)
    with closing(population):
        asyncio.run(one.run())
        expected = ended(population)
    assert expected["champion"] != "v0"
    lines = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    for kept in range(3, len(lines), 7):
        cut = tmp_path / f"cut-{kept}"
        shutil.copytree(whole, cut)
        (cut / JOURNAL).write_bytes(b"".join(lines[:kept]) + lines[kept][: kept % 50])
        assert resumed(cut, 60, **given) == expected
