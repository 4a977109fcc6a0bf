"""A search that is killed or interrupted loses nothing, leaves nothing running, and goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from population.store import Population
from tests.system.command import (
    SEED,
    TASK,
    Event,
    count,
    ended,
    events,
    evolve,
    family,
    follow,
    left,
    report,
    side_by_side,
    started,
)

pytestmark = pytest.mark.system

MEASURED = ("measured", "replicated")


def measured(seen: list[Event]) -> int:
    return sum(count(seen, kind) for kind in MEASURED)


@dataclass(frozen=True)
class Killed:
    """A search whose process group was killed: what it printed, who runs on, and what was told to others."""

    cwd: Path
    pid: int
    seen: list[Event]
    survivors: list[psutil.Process]
    refused: list[subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def killed(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    cwd = tmp_path_factory.mktemp("killed")
    shutil.copytree(text, cwd / "words")
    command = ("run", SEED, "--data", "words", *TASK, "--run", "run", "--model", "none")
    flags = ("--burst", 0.4, "--ahead", 3, "--evaluations", 500, "--seed", 1, "--json")
    with started(*command, *flags, cwd=cwd) as search:
        seen = follow(search, lambda seen: measured(seen) > 0)
        refused = side_by_side([("resume", "run"), command], cwd)
        seen += follow(search, lambda more: measured(more) >= 4)
        everything = family(search)
        os.killpg(search.pid, signal.SIGKILL)
        survivors = left(everything)
        assert len(everything) > 4
        return Killed(cwd, search.pid, seen + events(ended(search).stdout), survivors, refused)


def test_nothing_runs_on_when_the_engine_is_killed(killed: Killed) -> None:
    assert killed.survivors == []


def test_a_run_that_is_running_is_not_opened_a_second_time(killed: Killed) -> None:
    resumed, anew = killed.refused
    assert [resumed.returncode, anew.returncode] == [2, 2]
    assert f"process {killed.pid} is writing" in resumed.stderr
    assert "run exists" in anew.stderr
    assert [done.stderr.count("\n") for done in killed.refused] == [1, 1]


def test_everything_that_a_killed_search_told_of_is_in_its_population(killed: Killed) -> None:
    told = Counter(event["data"]["variant"] for event in killed.seen if event["event"] in MEASURED)
    admitted = {event["data"]["variant"] for event in killed.seen if event["event"] == "admitted"}
    with Population.open(killed.cwd / "run") as population:
        assert population.torn == ""
        assert admitted <= population.variants.keys()
        assert all(len(population.measurements(name)) >= times for name, times in told.items())
        assert all(population.source(one.digest) for one in population.variants.values())


def test_a_killed_search_goes_on_where_it_was(killed: Killed) -> None:
    before = report("status", "run", cwd=killed.cwd)
    known = before["evaluations"]["total"]
    again = evolve("resume", "run", "--evaluations", known + 5, "--json", cwd=killed.cwd)
    assert again.returncode == 0, again.stderr
    final = events(again.stdout)[-1]
    assert final["evaluations"] == known + 5
    after, tree = report("status", "run", cwd=killed.cwd), report("tree", "run", cwd=killed.cwd)
    assert after["evaluations"]["total"] == known + 5
    assert after["budgets"] == [
        {"name": "evaluations", "used": known + 5, "limit": known + 5, "unit": "bursts"}
    ]
    assert after["seconds"] > before["seconds"]
    saved = tomllib.loads((killed.cwd / "run" / "evolve.toml").read_text())
    assert saved["evaluations"] == known + 5
    assert [one["id"] for one in tree["variants"]] == [f"v{n}" for n in range(len(final["variants"]))]
    assert all(
        one["state"] in ("scored", "failed") for one in tree["variants"][: before["variants"]["total"]]
    )


def test_a_run_does_not_go_on_with_other_data(killed: Killed) -> None:
    (killed.cwd / "words" / "more.txt").write_text("one more document\n" * 20)
    done = evolve("resume", "run", "--evaluations", 1000, cwd=killed.cwd)
    (killed.cwd / "words" / "more.txt").unlink()
    assert done.returncode == 2
    assert "run was started on other data" in done.stderr
    assert done.stderr.count("\n") == 1


def wait_for_bursts(run: Path, number: int) -> None:
    """Wait until so many bursts have begun since the run was made, smoke bursts not counted."""
    give_up = time.monotonic() + 60
    while sum("smoke" not in path.name for path in (run / "logs").glob("v*.out")) < number:
        assert time.monotonic() < give_up
        time.sleep(0.02)


@dataclass(frozen=True)
class Interrupted:
    """A search that was interrupted once, then resumed and interrupted twice."""

    cwd: Path
    once: list[Event]
    codes: list[int]
    survivors: list[psutil.Process]
    seconds: float
    status: list[Any]


@pytest.fixture(scope="module")
def interrupted(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    cwd = tmp_path_factory.mktemp("interrupted")
    (cwd / "seed.py").write_text(SEED.read_text().replace("if ROWS > 8:", "if ROWS > 999:"))
    command = ("run", "seed.py", "--data", text, *TASK, "--run", "run", "--model", "none")
    flags = ("--burst", 1.5, "--slots", 2, "--ahead", 2, "--trials", 0, "--seed-replicates", 1, "--seed", 1)
    with started(*command, *flags, "--json", cwd=cwd) as search:
        follow(search, lambda seen: count(seen, "admitted") >= 2)
        wait_for_bursts(cwd / "run", 3)  # the seed, and two of its children
        everything = family(search)
        search.send_signal(signal.SIGINT)
        first = ended(search)
    status = [report("status", "run", cwd=cwd)]
    settings = cwd / "run" / "evolve.toml"
    settings.write_text(settings.read_text().replace("burst = 1.5", "burst = 60.0"))
    with started("resume", "run", "--json", cwd=cwd) as search:
        wait_for_bursts(cwd / "run", 5)
        everything += family(search)
        search.send_signal(signal.SIGINT)
        time.sleep(0.5)
        search.send_signal(signal.SIGINT)
        since = time.monotonic()
        second = ended(search)
    seconds = time.monotonic() - since
    status.append(report("status", "run", cwd=cwd))
    codes = [first.returncode, second.returncode]
    return Interrupted(cwd, events(first.stdout), codes, left(everything), seconds, status)


def test_interrupted_once_running_bursts_end_and_count(interrupted: Interrupted) -> None:
    assert interrupted.codes[0] == 130
    assert count(interrupted.once, "measured") == 2
    assert count(interrupted.once, "admitted") == 0
    assert interrupted.once[-2]["text"] == interrupted.once[-1]["reason"] == "interrupted"
    assert interrupted.status[0]["evaluations"]["total"] == 3


def test_interrupted_twice_it_ends_at_once_and_stays_whole(interrupted: Interrupted) -> None:
    assert interrupted.codes[1] == 130
    assert interrupted.seconds < 10
    assert interrupted.status[1]["evaluations"]["total"] == 3
    assert interrupted.status[1]["stopped"] == "interrupted"


def test_an_interrupted_search_leaves_nothing_running(interrupted: Interrupted) -> None:
    assert interrupted.survivors == []
    assert not (interrupted.cwd / "run" / "scratch").exists()
