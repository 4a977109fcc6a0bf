"""``init``: what a search would take, before there is one."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.system.command import environment, events, evolve, report

pytestmark = pytest.mark.system

LAYOUT = Path(__file__).with_name("autoresearch")
PROGRAM = "import os\nX = 2.0  # tune: 0..9\nprint('loss:', X + int(os.environ['EVOLVE_SEED']) % 7)\n"
FLAGS = ("--command", "python {file}", "--metric", "loss: (.*)", "--direction", "minimize")
NO_LLM = ("--model", "none")


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    shutil.copytree(LAYOUT, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "train.py").write_text(PROGRAM)
    (tmp_path / "fails.py").write_text("print(1 / 0)\n")
    return tmp_path


def test_it_measures_the_seed_and_writes_what_a_search_reads(cwd: Path) -> None:
    found = report("init", "train.py", *FLAGS, *NO_LLM, cwd=cwd)
    assert found["written"] == ["evolve.toml", "program.md"]
    assert len(found["scores"]) == 2
    assert found["noise"] == pytest.approx(abs(found["scores"][0] - found["scores"][1]) / 2**0.5)
    assert found["bursts_per_hour"] > found["children_per_hour"] > 0
    done = evolve("run", "--evaluations", 8, "--seed", 1, "--run", "run", "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert events(done.stdout)[-1]["metric"] == "loss"
    assert (cwd / "run" / "program.md").read_text() == (cwd / "program.md").read_text()


def test_a_folder_of_a_known_layout_is_written_out(cwd: Path) -> None:
    page = evolve("init", "mine", *NO_LLM, cwd=cwd).stdout
    assert "val_bpb (self-reported) " in page
    assert "about 0." in page
    assert "evolve.toml and program.md written" in page
    written = tomllib.loads((cwd / "evolve.toml").read_text())
    assert (written["seed_file"], written["copies"]) == ("mine/train.py", ["prepare.py"])


def test_it_says_what_an_llm_would_cost(cwd: Path) -> None:
    assert report("init", "train.py", *FLAGS, *NO_LLM, cwd=cwd)["dollars_per_100_children"] == {}
    words = ("init", "train.py", *FLAGS, "--model", "openai/gpt-4o-mini", "--force")
    done = evolve(*words, "--json", cwd=cwd, OPENAI_API_KEY="no-real-key")
    assert done.returncode == 0, done.stderr
    dollars = json.loads(done.stdout)["dollars_per_100_children"]
    assert 0.01 < dollars["openai/gpt-4o-mini"] < 5.0
    page = evolve(*words, cwd=cwd, OPENAI_API_KEY="no-real-key").stdout
    assert "for 100 children, 3 proposed for each that is measured" in page.replace("\n", " ")


def test_what_is_there_is_not_written_over(cwd: Path) -> None:
    (cwd / "evolve.toml").write_text("seed = 3\n")
    (cwd / "program.md").write_text("mine")
    refused = evolve("init", "train.py", *FLAGS, *NO_LLM, cwd=cwd)
    assert refused.returncode == 2
    assert refused.stderr == "error: evolve.toml exists; replace it by --force, or run a search with it\n"
    assert (cwd / "evolve.toml").read_text() == "seed = 3\n"
    assert report("init", "train.py", *FLAGS, *NO_LLM, "--force", cwd=cwd)["written"] == ["evolve.toml"]
    assert (cwd / "program.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("fails.py", *FLAGS), "the seed variant fails (exception): exit code 1: ZeroDivisionError"),
        (("gone.py", *FLAGS), "the seed variant gone.py does not exist"),
        (("train.py", *FLAGS[:4]), "is more loss better, or less?"),
    ],
)
def test_where_something_is_wrong_nothing_is_written(cwd: Path, words: tuple[str, ...], reason: str) -> None:
    done = evolve("init", *words, *NO_LLM, cwd=cwd)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (cwd / "evolve.toml").exists()
    assert not (cwd / "program.md").exists()


def test_on_a_terminal_it_asks_for_what_no_flag_says(cwd: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "evolve", "init", *NO_LLM]
    with subprocess.Popen(
        words,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=environment(),
    ) as process:
        os.close(theirs)
        os.write(ours, b"train.py\n\nloss: (.*)\nmore\n")
        page, _ = process.communicate(timeout=60)
        os.close(ours)
    assert process.returncode == 0, page
    assert "The program to improve [train.py]" in page
    written = tomllib.loads((cwd / "evolve.toml").read_text())
    assert (written["metric"], written["direction"]) == ("loss: (.*)", "maximize")
    assert written["command"].endswith("python {file}")
