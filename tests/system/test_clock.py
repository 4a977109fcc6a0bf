"""A search on a machine whose clock is set back an hour, again and again: its budgets do not notice."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path

import pytest

from tests.scripted_llm import ScriptedLLM
from tests.system.command import ROOT, SEED, TASK, report
from tests.system.sitting import Sitting, sitting

pytestmark = pytest.mark.system

PACKAGES = ("evolve", "operators", "population")
JUMPING = """\
import time

exact, started = time.time, time.monotonic()


def jumping():
    return exact() - 3600.0 * int((time.monotonic() - started) / 0.7)


time.time, time.time_ns = jumping, lambda: int(1e9 * jumping())
"""
PROOF = """

import time

if time.time.__name__ != "jumping":
    raise RuntimeError("the clock is right here")
"""
FLAGS = ("--burst", 0.2, "--slots", 2, "--seed-replicates", 3, "--seed", 1)
HOURS = 0.002


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy our packages, and in the copy have the first module that each process loads change its clock.

    A ``sitecustomize`` would not reach bursts: all that they see of ours is the packages.
    """
    root = tmp_path_factory.mktemp("root")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "evolve" / "__init__.py").write_text(JUMPING)
    return root


def jumps(one: Sitting) -> int:
    """Count how often the clock went back between two events."""
    moments = [event["at"] for event in one.told if "at" in event]
    return sum(after < before - 1800 for before, after in itertools.pairwise(moments))


def command(cwd: Path, text: Path) -> tuple[object, ...]:
    """Return how a search is started whose seed fails wherever the clock does not jump."""
    (cwd / "seed.py").write_text(SEED.read_text() + PROOF)
    return ("run", "seed.py", "--data", text, *TASK, "--run", "run", *FLAGS)


def test_a_search_ends_by_its_evaluations(root: Path, text: Path, tmp_path: Path) -> None:
    with ScriptedLLM(["ok", "ok", "ok", "429"], retry_after=0.1) as server:
        model = ("--model", "openai/scripted", "--api-base", server.api_base)
        flags = (*model, "--evaluations", 24)
        with sitting(*command(tmp_path, text), *flags, cwd=tmp_path, PYTHONPATH=str(root)) as one:
            since = time.monotonic()
            code = one.end()
            took = time.monotonic() - since
    assert code == 0, one.errors
    assert jumps(one) > 1
    assert one.told[-1]["evaluations"] == 24
    assert one.told[-1]["reason"] == "the budget of 24 evaluations is used"
    assert {v["failure"] for v in one.told[-1]["variants"]} <= {None, "exception"}
    status = report("status", "run", cwd=tmp_path)
    assert 0 < status["seconds"] < took
    assert sum(row["calls"] for row in status["calls"] if row["outcome"] == "ok") > 0


def test_a_search_ends_by_its_hours_on_time(root: Path, text: Path, tmp_path: Path) -> None:
    flags = ("--model", "none", "--hours", HOURS)
    with sitting(*command(tmp_path, text), *flags, cwd=tmp_path, PYTHONPATH=str(root)) as one:
        assert one.until(lambda: one.count("measured") > 0), one.errors
        since = time.monotonic()
        code = one.end()
        took = time.monotonic() - since
    assert code == 0, one.errors
    assert jumps(one) > 1
    assert one.told[-1]["reason"] == f"the budget of {HOURS:g} hours is used"
    assert 0.5 * 3600 * HOURS < took < 3600 * HOURS + 10
