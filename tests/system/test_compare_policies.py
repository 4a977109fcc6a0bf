"""``compare-policies`` as a person uses it: killed, interrupted, given again; and its table."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve.finding import is_run
from evolve.report.standing import standing
from population.store import Population
from tests.system.command import SEED, TASK, family, left, side_by_side, started

pytestmark = pytest.mark.system

POLICIES, SEEDS = ("evolve", "random"), (1, 2)
WANTED = ("--policies", ",".join(POLICIES), "--seeds", len(SEEDS))
FLAGS = (
    *("--model", "none", "--burst-tokens", 3000, "--evaluations", 16, "--slots", 1, "--trials", 2),
    *("--ahead", 3, "--seed-replicates", 2, "--replicates", 0.5),
)


def command(text: Path, folder: str) -> tuple[object, ...]:
    return ("compare-policies", SEED, *WANTED, "--run", folder, "--data", text, *TASK, *FLAGS)


def done(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a comparison to end; it takes longer than one run."""
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def bursts(folder: Path) -> list[tuple[str, int, float | None]]:
    """Return who was measured under which burst seed, with what score, in a run; none before it has begun."""
    if not is_run(folder):
        return []
    with Population.open(folder) as population:
        return [
            (m.variant, m.seed, m.score)
            for name in population.variants
            for m in population.measurements(name)
        ]


def until(so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, while a process runs."""
    give_up = time.monotonic() + 120
    while not so():
        assert process.poll() is None, done(process).stderr
        assert time.monotonic() < give_up
        time.sleep(0.05)


@dataclass(frozen=True)
class Compared:
    """A comparison that was killed, interrupted and given again; and one that was left alone."""

    folder: Path
    survivors: list[Any]
    kept: int
    interrupted: subprocess.CompletedProcess[str]
    finished: subprocess.CompletedProcess[str]
    again: dict[str, Any]
    whole: dict[str, Any]


@pytest.fixture(scope="module")
def compared(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    cwd = tmp_path_factory.mktemp("compared")
    folder = cwd / "cut"
    with started(*command(text, "cut"), cwd=cwd) as one:
        until(lambda: len(bursts(folder / "random-seed1")) > 3, one)
        everything = family(one)
        one.send_signal(signal.SIGKILL)
        one.wait()
        survivors = left(everything)
    kept = len(bursts(folder / "random-seed1"))
    with started(*command(text, "cut"), cwd=cwd) as two:
        until(lambda: len(bursts(folder / "evolve-seed2")) > 3, two)
        everything = family(two)
        two.send_signal(signal.SIGINT)
        interrupted = done(two)
        survivors += left(everything)
    with started(*command(text, "cut"), cwd=cwd) as three:
        finished = done(three)
    with started(*command(text, "whole"), "--parallel", 2, "--json", cwd=cwd) as four:
        whole = done(four)
    (again,) = side_by_side([("compare-policies", "--run", "cut", "--json")], cwd)
    assert whole.returncode == again.returncode == 0, (whole.stderr, again.stderr)
    return Compared(
        folder, survivors, kept, interrupted, finished, json.loads(again.stdout), json.loads(whole.stdout)
    )


def timeless(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "runs": [{**run, "seconds": 0.0} for run in data["runs"]]}


def test_a_comparison_that_was_killed_and_interrupted_ends_as_one_that_was_not(compared: Compared) -> None:
    assert compared.finished.returncode == 0, compared.finished.stderr
    assert compared.survivors == []
    assert compared.kept > 3
    assert timeless(compared.again) == timeless(compared.whole)


def test_ctrl_c_stops_it_and_says_how_to_go_on(compared: Compared) -> None:
    assert compared.interrupted.returncode == 130, compared.interrupted.stderr
    assert compared.interrupted.stderr == ("interrupted: 2 of 4 runs have ended; the same command goes on\n")
    assert compared.interrupted.stdout.startswith("3 runs of 4 to make in cut; ")
    assert compared.finished.stdout.startswith("2 runs of 4 to make in cut; ")


def test_the_table_says_what_the_runs_came_to(compared: Compared) -> None:
    found = compared.again
    for policy in POLICIES:
        gains = []
        for seed in SEEDS:
            with Population.open(compared.folder / f"{policy}-seed{seed}") as population:
                now = standing(population)
                gains.append(0.0 if now.probability is None else now.gain)
            (run,) = (r for r in found["runs"] if (r["policy"], r["seed"]) == (policy, seed))
            assert (run["gain"], run["bursts"], run["calls"]) == (gains[-1], 16, 0)
        assert found["policies"][policy]["value"] == np.mean(gains)
        assert found["policies"][policy]["n"] == len(SEEDS)
    (difference,) = found["differences"]
    assert difference["baseline"] == "random"
    assert difference["seeds"] == [*SEEDS]
    values = [found["policies"][policy]["value"] for policy in POLICIES]
    assert difference["difference"]["value"] == pytest.approx(values[0] - values[1])
    assert found["pays"] is None
    page = compared.finished.stdout
    assert re.search(r"^evolve +2 +\+\d\.\d+ .* 16 +0 +\$0\.00 ", page, re.MULTILINE)
    assert re.search(r"^random +2 +[+-]\d\.\d+ .* too few seeds", page, re.MULTILINE)
    assert "2 seeds are too few to tell whether evolution pays here" in page.replace("\n", " ")


def test_runs_of_one_seed_have_the_same_burst_seeds_whatever_their_policy(compared: Compared) -> None:
    seen = {
        (policy, seed): [b for b in bursts(compared.folder / f"{policy}-seed{seed}") if b[0] == "v0"][:2]
        for policy in POLICIES
        for seed in SEEDS
    }
    assert seen["evolve", 1] == seen["random", 1] != seen["evolve", 2] == seen["random", 2]
    assert all(len(first) == 2 for first in seen.values())


REFUSED = {
    "an unknown policy": (("--policies", "hill", "--run", "new"), "there is no policy 'hill'"),
    "no seeds": (("--seeds", "0", "--run", "new"), "--seeds 0: give how many"),
    "no budget": (("--run", "new"), "a comparison needs a budget"),
    "no seed file": (("nowhere.py", "--evaluations", "9", "--run", "new"), "nowhere.py does not exist"),
    "a folder of something else": (
        ("--evaluations", "9", "--run", "other"),
        "other exists, and is no comparison",
    ),
    "one run's policy": (("--policy", "greedy", "--run", "new"), "--policy is for one run; give --policies"),
    "one run's seed": (("--seed", "3", "--run", "new"), "--seed is for one run; give --seeds"),
    "a setting out of range": (("--burst", "-1", "--run", "new"), "--burst: burst = -1.0"),
    "a table of nothing": (("--table", "--run", "other"), "other is not a comparison"),
}


@pytest.fixture(scope="module")
def refused(
    text: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, subprocess.CompletedProcess[str]]:
    cwd = tmp_path_factory.mktemp("refused")
    (cwd / "other").mkdir()
    (cwd / "other" / "mine.txt").write_text("mine")
    (cwd / "train.py").write_text(SEED.read_text())
    (cwd / "evolve.toml").write_text(f"models = ['none']\ndata = {str(text)!r}\ncontext = 32\n")
    commands = [("compare-policies", *words) for words, _ in REFUSED.values()]
    told = dict(zip(REFUSED, side_by_side(commands, cwd), strict=True))
    assert not (cwd / "new").exists()
    return told


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_told_in_one_sentence(
    case: str, refused: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    told = refused[case]
    assert told.returncode == 2, told.stderr
    assert REFUSED[case][1] in told.stderr
    assert told.stderr.startswith("error: ")
    assert told.stderr.count("\n") == 1
    assert told.stdout == ""


def test_an_unknown_flag_is_told_as_it_is_by_run(tmp_path: Path) -> None:
    unknown, helped = side_by_side(
        [("compare-policies", "--nosuch", "3"), ("compare-policies", "--help")], tmp_path
    )
    assert unknown.returncode == 2
    assert "--nosuch" in unknown.stderr
    assert "flags of `run`" in helped.stdout.lower()


def test_a_run_that_fails_ends_the_comparison_with_its_own_words(text: Path, tmp_path: Path) -> None:
    (tmp_path / "seed.py").write_text("def train(burst):\n    raise ValueError('never')\n")
    words = (
        "compare-policies",
        "seed.py",
        "--policies",
        "evolve,greedy",
        "--run",
        "all",
        "--data",
        text,
        *FLAGS,
    )
    (told,) = side_by_side([(*words, *TASK)], tmp_path)
    assert told.returncode == 2, told.stderr
    assert told.stderr.startswith(
        "error: the run of evolve, seed 1 failed: the seed variant fails (exception)"
    )
    assert told.stderr.count("\n") == 1
