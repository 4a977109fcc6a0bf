"""A champion verified on unseen text and taken apart, from the command line: for real, and again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evolve.bursts import process
from evolve.proof import bench
from evolve.report.counting import Silent
from evolve.report.verified import verified_line
from evolve.seeds import VERIFY, Seeds
from population.store import Population
from population.variant import Measurement, Purpose
from tests.system.command import (
    SEED,
    TASK,
    ended,
    events,
    evolve,
    family,
    left,
    report,
    side_by_side,
    started,
)
from tests.system.made import make

pytestmark = pytest.mark.system

BIGRAM = SEED.read_text()
FLAGS = (
    *("--model", "none", "--burst-tokens", 3000, "--evaluations", 24, "--seed", 6),
    *("--ahead", 3, "--trials", 5, "--seed-replicates", 2, "--replicates", 0.5),
)
BETTER = BIGRAM.replace("WIDTH = 16", "WIDTH = 48").replace("ROWS = 8 ", "ROWS = 4 ")
NEEDS = BIGRAM.replace("import torch\n", "import math\n\nimport torch\n", 1)
APART = (
    NEEDS.replace("WIDTH = 16", "WIDTH = 48")
    .replace("RATE = 0.1 ", "RATE = 0.02 ")
    .replace("DECAY = 0.1 ", "DECAY = 0.11 ")
    .replace("    model = nn", "    # the model\n    model = nn")
    .replace("    return model", "    math.sqrt(2)\n    return model")
)


def done(run: Path, purpose: Purpose) -> list[Measurement]:
    """Return the bursts of one purpose that a run has on record."""
    with Population.open(run) as population:
        every = [m for name in population.variants for m in population.measurements(name)]
    return [m for m in every if m.purpose is purpose]


@dataclass(frozen=True)
class Proved:
    """A search whose champion was verified twice and taken apart; and the same search left alone."""

    cwd: Path
    verified: list[dict[str, Any]]
    table: dict[str, Any]
    best: dict[str, Any]
    pages: dict[str, str]


@pytest.fixture(scope="module")
def proved(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Proved:
    cwd = tmp_path_factory.mktemp("proved")
    searched = evolve("run", SEED, "--data", text, *TASK, *FLAGS, "--run", "run", cwd=cwd)
    assert searched.returncode == 0, searched.stderr
    shutil.copytree(cwd / "run", cwd / "alone")
    verified = [report("verify", "run", "--seeds", n, cwd=cwd) for n in (3, 4)]
    table = report("ablate", "run", "--seeds", 2, cwd=cwd)
    champion = verified[0]["champion"]["variant"]
    words = [("best", "run", "--json"), ("status", "run"), ("show", "run", champion)]
    best, *pages = (one.stdout for one in side_by_side(words, cwd))
    return Proved(cwd, verified, table, json.loads(best), dict(zip(("status", "show"), pages, strict=True)))


def test_the_champion_of_a_search_is_verified_on_fresh_seeds(proved: Proved) -> None:
    first, more = proved.verified
    assert first["verdict"] == "better"
    assert first["low"] < first["gain"] < first["high"]
    assert first["p_value"] < 0.05
    seeds = Seeds(6)
    assert first["seeds"] == [seeds(VERIFY + number) for number in range(3)]
    assert more["seeds"][:3] == first["seeds"]


def test_what_is_on_record_is_not_measured_again(proved: Proved) -> None:
    first, more = proved.verified
    assert more["champion"]["scores"][:3] == first["champion"]["scores"]
    for purpose, programs, seeds in ((Purpose.VERIFY, 2, 4), (Purpose.ABLATION, proved.table["programs"], 2)):
        bursts = done(proved.cwd / "run", purpose)
        assert len(bursts) == len({(m.digest, m.seed) for m in bursts}) == programs * seeds


def test_the_reports_show_the_proof_of_the_champion(proved: Proved) -> None:
    assert proved.best["verified"] == proved.verified[-1]
    assert "verified on the test split, 4 seeds: +" in proved.pages["status"]
    assert "8 verify" in proved.pages["status"]
    assert "better than the seed, on seeds and text that the search never saw" in proved.pages["show"]
    assert "all together +" in proved.pages["show"]


def test_every_program_of_an_ablation_can_be_read_again(proved: Proved) -> None:
    with Population.open(proved.cwd / "run") as population:
        for measurement in done(proved.cwd / "run", Purpose.ABLATION):
            assert measurement.variant == proved.table["champion"]
            assert "def train(burst)" in population.source(measurement.digest)


def test_the_scores_are_not_those_of_the_validation_split(proved: Proved) -> None:
    shutil.copytree(proved.cwd / "alone", proved.cwd / "other")
    try:
        with bench.opened(proved.cwd / "other") as look:
            both, seed = (look.champion, look.seed), look.seeds(VERIFY)
            sheet = bench.measure(look, "", both, [VERIFY], Purpose.ABLATION, "validation", Silent())
            scores = [sheet.scores(program.digest, [seed])[seed] for program in both]
    finally:
        process.set_dumpable(True)
    told = proved.verified[0]
    assert scores[0] != told["champion"]["scores"][0]
    assert scores[1] != told["seed"]["scores"][0]


def test_a_search_goes_on_as_if_nobody_had_looked(proved: Proved) -> None:
    both = side_by_side(
        [("resume", run, "--evaluations", 32, "--json") for run in ("run", "alone")], proved.cwd
    )
    looked, alone = (events(one.stdout)[-1] for one in both)
    assert alone["verified"] is None
    assert looked | {"verified": None} == alone
    assert looked["evaluations"] == 32


def test_each_hunk_gets_its_verdict_and_the_smallest_champion_is_written(text: Path, tmp_path: Path) -> None:
    run = make(tmp_path / "run", text, APART, burst_tokens=3000)
    found = report("ablate", "run", "--seeds", 3, "--minimal", "small.py", cwd=tmp_path)
    assert {row["change"]: row["verdict"] for row in found["rows"]} == {
        "+ import math": "needed",
        "WIDTH = 16 -> 48": "helps",
        "LEARNING_RATE = 0.1 -> 0.02": "hurts",
        "DECAY = 0.1 -> 0.11": "within noise",
        "+ math.sqrt(2)": "fails alone",
    }
    assert found["cosmetic"] == 1
    assert found["minimal"]["as_good"]
    assert found["minimal"]["kept"] == [1, 2]
    assert (tmp_path / "small.py").read_text() == NEEDS.replace("WIDTH = 16", "WIDTH = 48")
    page = evolve("ablate", "run", cwd=tmp_path).stdout
    assert page.startswith(f"5 hunks of v1, {found['programs']} programs on 3 seeds: all ")
    assert re.search(r"2 +9 +WIDTH = 16 -> 48 +\+\d\.\d+ ± \d\.\d+ +\+\d\.\d+ ± \d\.\d+ +helps", page)
    assert "fails: exception" in page
    with Population.open(run) as population:
        assert [event.kind for event in population.events].count("ablated") == 1


def test_a_champion_that_fails_on_a_fresh_seed_is_not_verified(text: Path, tmp_path: Path) -> None:
    unlucky = Seeds(1)(VERIFY + 1)
    fails = BETTER.replace(
        "    model = nn", f"    assert burst.seed != {unlucky}, 'bad luck'\n    model = nn"
    )
    make(tmp_path / "run", text, fails, burst_tokens=3000)
    page = evolve("verify", "run", "--seeds", 3, cwd=tmp_path)
    assert page.returncode == 0, page.stderr
    assert f"v1, seed {unlucky}: exception: AssertionError: bad luck" in page.stdout
    assert "v1 fails on a seed that the search never saw: it is not verified" in page.stdout
    with Population.open(tmp_path / "run", write=True) as population:
        assert verified_line(population).plain.startswith(
            "not verified (failed) on the test split, 2 seeds: +"
        )
        population.commit(meta={"champion": "v0"})
        assert verified_line(population) is None


MANY = 200  # seeds: minutes of bursts


@dataclass(frozen=True)
class Stopped:
    """A verification that was killed, begun again and interrupted, and begun once more.

    Each is asked for far more bursts than it can make before it is stopped, the last one for a few more.
    """

    refused: list[subprocess.CompletedProcess[str]]
    pid: int
    killed: int
    interrupted: subprocess.CompletedProcess[str]
    kept: int
    seeds: int
    finished: subprocess.CompletedProcess[str]
    bursts: list[Measurement]
    survivors: list[Any]


def bursts_told(process: subprocess.Popen[str], number: int) -> None:
    """Read plain lines until so many bursts have ended."""
    assert process.stdout is not None
    for line in process.stdout:
        if re.match(rf" +\d+:\d\d  {number} of ", line):
            return
    raise AssertionError(f"it ended before that: {process.stderr and process.stderr.read()}")


@pytest.fixture(scope="module")
def stopped(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    cwd = tmp_path_factory.mktemp("stopped")
    run = make(cwd / "run", text, BETTER, burst=0.3)
    with started("verify", "run", "--seeds", 60, cwd=cwd) as one:
        bursts_told(one, 1)
        refused = side_by_side([("resume", "run"), ("verify", "run")], cwd)
        everything = family(one)
        os.killpg(one.pid, signal.SIGKILL)
        survivors = left(everything)
    killed = len(done(run, Purpose.VERIFY))
    with started("verify", "run", "--seeds", MANY, cwd=cwd) as two:
        bursts_told(two, 1)
        everything = family(two)
        two.send_signal(signal.SIGINT)
        interrupted = ended(two)
    survivors += left(everything)
    kept = len(done(run, Purpose.VERIFY))
    seeds = kept // 2 + 2
    finished = evolve("verify", "run", "--seeds", seeds, cwd=cwd)
    bursts = done(run, Purpose.VERIFY)
    return Stopped(refused, one.pid, killed, interrupted, kept, seeds, finished, bursts, survivors)


def test_a_run_in_use_is_refused_with_the_pid_of_its_user(stopped: Stopped) -> None:
    for refused in stopped.refused:
        assert refused.returncode == 2
        assert f"process {stopped.pid} is writing" in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_a_verification_that_was_killed_loses_nothing_that_it_told(stopped: Stopped) -> None:
    assert stopped.killed >= 1
    assert stopped.survivors == []


def test_ctrl_c_records_what_was_measured_and_exits_130(stopped: Stopped) -> None:
    assert stopped.interrupted.returncode == 130
    counted = re.search(r"interrupted: (\d+) of (\d+) bursts are recorded", stopped.interrupted.stderr)
    assert counted is not None
    assert stopped.kept - stopped.killed == int(counted[1])
    assert int(counted[2]) == 2 * MANY - stopped.killed
    assert stopped.kept < 2 * MANY


def test_the_same_command_does_the_rest_and_nothing_twice(stopped: Stopped) -> None:
    assert stopped.finished.returncode == 0, stopped.finished.stderr
    wanted = 2 * stopped.seeds
    assert f"{wanted - stopped.kept} burst" in stopped.finished.stdout.splitlines()[0]
    assert f"({stopped.kept} more are on record)" in stopped.finished.stdout
    assert len(stopped.bursts) == len({(m.digest, m.seed) for m in stopped.bursts}) == wanted


REFUSED = {  # a folder each: they run side by side, and a run has one writer
    "no run": (("verify", "empty"), "empty is not a run folder"),
    "no run to take apart": (("ablate", "nowhere"), "nowhere is not a run folder"),
    "the seed as champion": (("verify", "same"), "the champion of same is still its seed variant"),
    "the seed to take apart": (("ablate", "alike"), "the champion of alike is still its seed variant"),
    "one seed": (("verify", "run", "--seeds", 1), "--seeds 1: give 2 to 1000"),
    "comments alone": (("ablate", "cosmetic"), "v1 differs from the seed only in comments and whitespace"),
    "a folder that is not there": (("ablate", "whole", "--minimal", "no/x.py"), "cannot write no/x.py"),
    "no champion": (("verify", "none"), "none has no champion yet"),
    "other data": (("verify", "moved"), "moved was started on other data"),
}


@pytest.fixture(scope="module")
def refused(
    text: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, subprocess.CompletedProcess[str]]:
    cwd = tmp_path_factory.mktemp("refused")
    (cwd / "empty").mkdir()
    for name in ("run", "whole"):
        make(cwd / name, text, BETTER)
    make(cwd / "cosmetic", text, BIGRAM + "# the end\n")
    for name, champion in (("same", "v0"), ("alike", "v0"), ("none", None)):
        make(cwd / name, text, BETTER)
        with Population.open(cwd / name, write=True) as population:
            population.commit(meta={"champion": champion})
    shutil.copytree(text, cwd / "words")
    make(cwd / "moved", cwd / "words", BETTER)
    (cwd / "words" / "more.txt").write_text("one more document\n" * 20)
    commands = [command for command, _ in REFUSED.values()]
    return dict(zip(REFUSED, side_by_side(commands, cwd), strict=True))


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_looked_at_is_told_in_one_sentence(
    case: str, refused: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    told = refused[case]
    assert told.returncode == 2, told.stderr
    assert REFUSED[case][1] in told.stderr
    assert told.stderr.startswith("error: ")
    assert told.stderr.count("\n") == 1
    assert told.stdout == ""
