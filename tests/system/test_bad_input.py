"""Whatever cannot be used is told in one sentence, with exit code 2, before anything is written."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.command import ROOT, SEED, TASK, environment, evolve, side_by_side

pytestmark = pytest.mark.system

NEW = ("--run", "new")
NO_LLM = ("--data", "words", "--model", "none")
NO_TRAIN = "LEARNING_RATE = 0.1\n"
NO_SYNTAX = "def train(burst):\n    return (\n"

CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "no seed file": (("run", "nowhere.py", *NEW), "nowhere.py does not exist"),
    "a folder as seed": (("run", "empty", *NEW), "empty is a folder"),
    "a seed without end": (("run", "/dev/zero", *NEW), "/dev/zero is longer than 200000 characters"),
    "a seed that is no text": (("run", "binary.py", *NEW), "binary.py is not UTF-8 text"),
    "a seed without train": (
        ("run", "no_train.py", *NEW, *NO_LLM),
        "no_train.py: it defines no function train",
    ),
    "a seed that is no Python": (("run", "no_syntax.py", *NEW, *NO_LLM), "no_syntax.py: line 2"),
    "a limit for a GPU on the CPU": (
        ("run", "seed.py", *NEW, *NO_LLM, "--vram-mb", "100", "--device", "cpu"),
        "--vram-mb limits the memory of a GPU",
    ),
    "a malformed tune comment": (
        ("run", "tune.py", *NEW, *NO_LLM),
        "tune.py: line 9: cannot read `# tune: lots`",
    ),
    "an unknown provider": (
        ("run", "seed.py", *NEW, "--model", "nosuch/model"),
        "unknown model 'nosuch/model'",
    ),
    "an unknown model": (
        ("run", "seed.py", *NEW, "--model", "openai/nosuch-1"),
        "unknown model 'openai/nosuch-1'",
    ),
    "no model of that name embedded": (
        ("run", "seed.py", *NEW, "--model", "local/x"),
        "unknown model 'local/x'",
    ),
    "nobody at the api-base": (
        ("run", "seed.py", *NEW, "--model", "openai/x", "--api-base", "http://127.0.0.1:9/v1"),
        "nobody answers at the api-base http://127.0.0.1:9/v1",
    ),
    "an api-base without a model": (
        ("run", "seed.py", *NEW, "--api-base", "http://127.0.0.1:9"),
        "needs a --model",
    ),
    "none beside another model": (
        ("run", "seed.py", *NEW, *NO_LLM, "--model", "openai/x"),
        "none stands alone",
    ),
    "a weight of nothing": (("run", "seed.py", *NEW, "--model", "openai/x:0"), "positive number"),
    "dollars for a model without a price": (
        ("run", "seed.py", *NEW, "--model", "openrouter/nosuch/model", "--dollars", "1"),
        "no price is known for openrouter/nosuch/model",
    ),
    "a price that is none": (("run", "seed.py", *NEW, *NO_LLM, "--price", "x"), "write MODEL=INPUT,OUTPUT"),
    "a price of nothing": (("run", "seed.py", *NEW, *NO_LLM, "--price", "=1,2"), "write MODEL=INPUT,OUTPUT"),
    "a price below nothing": (
        ("run", "seed.py", *NEW, *NO_LLM, "--price", "x=-1,2"),
        "--price: prices = -1.0",
    ),
    "an empty data folder": (("run", "seed.py", *NEW, "--data", "empty", "--model", "none"), "holds no text"),
    "no data there": (
        ("run", "seed.py", *NEW, "--data", "nowhere", "--model", "none"),
        "no such file or folder",
    ),
    "too little data": (
        ("run", "seed.py", *NEW, "--data", "short.txt", "--model", "none"),
        "too little text",
    ),
    "a run folder in the data": (
        ("run", "seed.py", "--run", "words/new", *NO_LLM),
        "the run folder words/new lies in the data folder",
    ),
    "no directions there": (
        ("run", "seed.py", *NEW, *NO_LLM, "--program", "nowhere.md"),
        "nowhere.md does not exist",
    ),
    "a folder that exists as run folder": (
        ("run", "seed.py", "--run", "empty", *NO_LLM),
        "empty exists, and is no run",
    ),
    "a run whose journal is damaged": (("run", "seed.py", "--run", "damaged", *NO_LLM), "resume damaged"),
    "a run folder in a file": (
        ("run", "seed.py", "--run", "seed.py/new", *NO_LLM),
        "cannot start a run in",
    ),
    "an unknown setting": (
        ("run", "seed.py", *NEW, "--config", "unknown.toml"),
        "there is no setting 'colour'",
    ),
    "a setting of the wrong type": (
        ("run", "seed.py", *NEW, "--config", "type.toml"),
        "type.toml: trials = 'many'",
    ),
    "a settings file that is no TOML": (
        ("run", "seed.py", *NEW, "--config", "no.toml"),
        "no.toml is not valid TOML",
    ),
    "no settings file there": (
        ("run", "seed.py", *NEW, "--config", "nowhere.toml"),
        "cannot read the settings file",
    ),
    "a negative burst": (("run", "seed.py", *NEW, *NO_LLM, "--burst", "-1"), "--burst: burst = -1.0"),
    "an endless burst": (("run", "seed.py", *NEW, *NO_LLM, "--burst", "inf"), "finite number"),
    "a target that is no number": (("run", "seed.py", *NEW, *NO_LLM, "--target", "nan"), "finite number"),
    "an unknown device": (("run", "seed.py", *NEW, *NO_LLM, "--device", "tpu"), "--device: device = 'tpu'"),
    "status of no run": (("status", "empty"), "empty is not a run folder"),
    "tree of no run": (("tree", "empty"), "empty is not a run folder"),
    "show of no run": (("show", "nowhere", "v0"), "nowhere is not a run folder"),
    "best of no run": (("best", "nowhere"), "nowhere is not a run folder"),
    "the page of no run": (("serve", "empty"), "empty is not a run folder"),
    "the page on no address": (
        ("serve", "damaged", "--host", "300.1.1.1"),
        "cannot listen on 300.1.1.1",
    ),
    "a report of no run": (("report", "empty", "-o", "x.html"), "empty is not a run folder"),
    "a report of no known kind": (("report", "damaged", "-o", "x.pdf"), "a report's name ends in .html"),
    "resume of no run": (("resume", "empty"), "empty is not a run folder"),
    "a check of no run": (("fsck", "empty"), "empty is not a run folder"),
    "a repair of no folder": (("fsck", "nowhere", "--repair"), "nowhere is not a run folder"),
    "an export of no run": (("export", "empty", "--to", "x.json"), "empty is not a run folder"),
    "an export to a file that is there": (
        ("export", "damaged", "--to", "short.txt"),
        "short.txt exists; replace it by --force",
    ),
    "an export to a folder": (("export", "damaged", "--to", "empty"), "cannot write empty: it is no file"),
}


@pytest.fixture(scope="module")
def folder(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with everything that the cases name."""
    folder = tmp_path_factory.mktemp("bad")
    seed = SEED.read_text()
    (folder / "seed.py").write_text(seed)
    (folder / "tune.py").write_text(seed.replace("# tune: 0..0.9", "# tune: lots"))
    (folder / "no_train.py").write_text(NO_TRAIN)
    (folder / "no_syntax.py").write_text(NO_SYNTAX)
    (folder / "binary.py").write_bytes(b"# \xff\n")
    (folder / "short.txt").write_text("hello")
    (folder / "unknown.toml").write_text("colour = 3\n")
    (folder / "type.toml").write_text("trials = 'many'\n")
    (folder / "no.toml").write_text("trials = = 3\n")
    (folder / "empty").mkdir()
    (folder / "damaged").mkdir()
    (folder / "damaged" / "population.journal").write_text("not a journal\n")
    (folder / "words").symlink_to(text)
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, subprocess.CompletedProcess[str]]:
    """Run all cases."""
    commands = [command for command, _ in CASES.values()]
    return dict(zip(CASES, side_by_side(commands, folder, OPENROUTER_API_KEY="no-real-key"), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_told_in_one_sentence_with_exit_code_2(
    case: str, told: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    done = told[case]
    assert done.returncode == 2, done.stderr
    assert CASES[case][1] in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_bad_input_leaves_nothing_behind(
    folder: Path, told: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    assert len(told) == len(CASES)
    assert not (folder / "new").exists()
    assert not (folder / "runs").exists()
    assert list((folder / "empty").iterdir()) == []


@pytest.mark.parametrize(
    "command", [("status",), ("tree",), ("show", "v0"), ("best",), ("serve",), ("resume",)]
)
def test_a_damaged_run_is_told_in_one_sentence_whatever_is_asked_of_it(
    command: tuple[str, ...], folder: Path
) -> None:
    done = evolve(command[0], "damaged", *command[1:], cwd=folder)
    assert done.returncode == 1
    said = "line 1 is not the header of a population; `evolve fsck` says more"
    assert done.stderr == f"error: damaged/population.journal: {said}\n"
    assert done.stdout == ""


@pytest.mark.parametrize("command", [("doctor",), ("doctor", "--json"), ()])
def test_a_command_whose_output_is_closed_is_silent(command: tuple[str, ...], folder: Path) -> None:
    line = shlex.join([sys.executable, "-m", "evolve", *command]) + " >&-"
    done = subprocess.run(
        line, shell=True, cwd=folder, env=environment(), stderr=subprocess.PIPE, check=False
    )
    assert done.stderr == b""
    assert done.returncode == 0


@pytest.mark.skipif(any(Path("/dev").glob("nvidia[0-9]*")), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_refused(folder: Path) -> None:
    done = evolve("run", "seed.py", *NEW, *NO_LLM, "--device", "cuda", cwd=folder)
    assert done.returncode == 2
    assert done.stderr == "error: --device cuda: torch finds no CUDA device here; use --device cpu\n"
    assert not (folder / "new").exists()


def test_a_seed_that_fails_in_its_burst_ends_the_run_with_the_failure_and_its_line(folder: Path) -> None:
    broken = SEED.read_text().replace("    if ROWS > 8:\n", "    if ROWS == 8:\n")
    (folder / "broken.py").write_text(broken)
    line = 1 + broken.splitlines().index('        raise ValueError(f"{ROWS} rows do not fit")')
    done = evolve(
        *("run", "broken.py", "--run", "broken", *NO_LLM, *TASK, "--burst-tokens", 1000, "--slots", 1),
        cwd=folder,
    )
    assert done.returncode == 2
    assert "error: the seed variant fails (exception): ValueError: 8 rows do not fit" in done.stderr
    assert f"8 rows do not fit (line {line}); " in done.stderr
    assert done.stderr.count("\n") == 1
    assert "evolve/" not in done.stderr


def test_a_python_without_our_packages_is_told_what_to_type() -> None:
    bare = [sys.executable, "-S", "-m", "evolve", "doctor"]  # -S: site-packages are out of its reach
    done = subprocess.run(bare, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has no package" in done.stderr
    assert "run `make` once, then `source .venv/bin/activate`" in done.stderr
    assert done.stderr.count("\n") == 1
