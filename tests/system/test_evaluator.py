"""Programs with an evaluator, laid out as other systems have them, searched as they are."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from population.store import Population
from tests.scripted_llm import Messages, ScriptedLLM
from tests.system.command import ROOT, events, evolve, side_by_side

pytestmark = pytest.mark.system

EXAMPLES = sorted(path for path in (ROOT / "examples" / "evaluators").iterdir() if path.is_dir())
NAMES = [path.name for path in EXAMPLES]
BUDGET = 14


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    cwd = tmp_path_factory.mktemp("examples")
    flags = ("--model", "none", "--seed", 1, "--slots", 2, "--evaluations", BUDGET, "--json")
    commands = [("run", path, *flags, "--run", path.name) for path in EXAMPLES]
    return dict(zip(NAMES, side_by_side(commands, cwd), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_searched_without_a_flag_of_its_own(
    searched: dict[str, subprocess.CompletedProcess[str]], name: str
) -> None:
    done = searched[name]
    assert done.returncode == 0, done.stderr
    final = events(done.stdout)[-1]
    assert (final["evaluations"], final["direction"]) == (BUDGET, "maximize")
    assert (final["metric"], final["trust"]) == ("combined_score", "said by its evaluator")
    assert final["score"] >= final["seed_score"] or final["champion"] == "v0"
    assert sum(one["score"] is not None for one in final["variants"]) > 3


def test_what_of_a_config_is_not_honoured_is_said_once(
    searched: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    notes = [event["text"] for event in notes_of(searched["packing"])]
    assert notes == ["config.yaml: database.num_islands is not honoured"]


def notes_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [event for event in events(done.stdout) if event["event"] == "note"]


@dataclass
class Author:
    """Writes children that change what they may, and what they may not; keeps what it was told."""

    line: str
    told: list[str]

    def __call__(self, messages: Messages) -> str:
        text = str(messages[-1]["content"])
        self.told.append(text)
        at = self.line if len(self.told) % 2 else '"""Puts squares'
        shown = next((one for one in text.splitlines() if one.startswith(at)), "nothing")
        new = f"{shown}  # {len(self.told)}" if at == self.line else f'{at} number {len(self.told)}"""'
        said = f"Hypothesis: idea {len(self.told)}"
        return f"{said}\n\n<<<<<<< SEARCH\n{shown}\n=======\n{new}\n    rows = rows or []\n>>>>>>> REPLACE\n"


def test_an_llm_reads_what_the_evaluator_said_and_keeps_to_the_marks(tmp_path: Path) -> None:
    author = Author("    rows, places = [0.0], []", [])
    with ScriptedLLM([author]) as server:
        model = ("--model", "openai/scripted", "--api-base", server.api_base)
        flags = ("--evaluations", BUDGET, "--slots", 2, "--run", "run", "--json")
        done = evolve("run", EXAMPLES[NAMES.index("packing")], *model, *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any("the worst of 30 cases uses" in text for text in author.told)
    with Population.open(tmp_path / "run") as population:
        refused = [one.text for one in population.events_of("refusal")]
        for name in population.variants:
            assert population.source(population.variants[name].digest).startswith('"""Puts squares of given')
    assert any("outside of the EVOLVE-BLOCK marks" in text for text in refused)


STARTS = """\
import os, subprocess, sys
def evaluate(path):
    subprocess.run([sys.executable, path], check=True, timeout=30)
    return {"combined_score": 1.0 + int(os.environ["EVOLVE_SEED"]) % 7 / 1000}
"""
FORGER = """\
import glob, json, os, time
X = 0.5  # tune: 0..1
FORGED = json.dumps({"score": 999.0, "metrics": {}, "said": ""})
for name in ["evaluated.json", *glob.glob("/proc/[0-9]*/fd/*")]:
    try:
        if name == "evaluated.json" or "memfd" in os.readlink(name):
            open(name, "w").write(FORGED)
    except OSError:
        pass
for number in range(3, 20):
    try:
        os.write(number, FORGED.encode())
    except OSError:
        pass
"""


def test_a_program_that_its_evaluator_starts_does_not_reach_the_verdict(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "evaluator.py").write_text(STARTS)
    (tmp_path / "work" / "initial_program.py").write_text(FORGER)
    flags = ("--model", "none", "--seed", 1, "--evaluations", 8, "--run", "run", "--json")
    done = evolve("run", "work", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    final = events(done.stdout)[-1]
    assert 1.0 <= final["seed_score"] < 1.01
    assert final["score"] < 1.01


ROOM = "# EVOLVE-BLOCK-START\nX = 1.0  # tune: 0..9\n# EVOLVE-BLOCK-END\n"
BAD = {
    "raises": ("def evaluate(path):\n    raise ValueError('no such level')\n", "ValueError: no such level"),
    "returns NaN": ("def evaluate(path):\n    return float('nan')\n", "its combined_score is nan"),
    "returns a string": ("def evaluate(path):\n    return 'good'\n", "the evaluator returned 'good'"),
    "returns nothing": ("def evaluate(path):\n    pass\n", "the evaluator returned nothing"),
    "does not parse": ("def evaluate(path:\n", "SyntaxError"),
    "evaluates nothing": ("x = 1\n", "defines no evaluate(path)"),
    "needs what is not there": (
        "import nowhere\ndef evaluate(path):\n    return 1\n",
        "No module named 'nowhere'",
    ),
}
FLAGS = {
    "no file": (("--evaluator", "gone.py"), "--evaluator gone.py: there is no such file"),
    "elsewhere": (("--evaluator", "../elsewhere.py"), "it must lie in the program's folder"),
    "beside a command": (("--evaluator", "own.py", "--command", "x {file}"), "give --evaluator or --command"),
    "beside a metric": (
        ("--evaluator", "own.py", "--metric", "a (.)"),
        "give --evaluator or --metric, not both",
    ),
    "strange stages": (
        ("--evaluator", "own.py", "--stages", "a,b"),
        "give numbers such as 0.5,0.75, or none",
    ),
    "no such objective": (("--evaluator", "own.py", "--objective", "speed"), "no 'speed', but score"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    cwd = tmp_path_factory.mktemp("refused")
    commands: list[tuple[object, ...]] = []
    for name, (evaluator, _) in BAD.items():
        folder = cwd / name.replace(" ", "-")
        folder.mkdir()
        (folder / "initial_program.py").write_text(ROOM)
        (folder / "evaluator.py").write_text(evaluator)
        commands.append(("run", folder.name, "--model", "none", "--run", f"run-{folder.name}"))
    shutil.copy(cwd / "raises" / "initial_program.py", cwd / "program.py")
    (cwd.parent / "elsewhere.py").write_text("def evaluate(path):\n    return 1\n")
    (cwd / "own.py").write_text("def evaluate(path):\n    return 1\n")
    for number, (words, _) in enumerate(FLAGS.values()):
        commands.append(("run", "program.py", *words, "--model", "none", "--run", f"run-{number}"))
    return dict(zip([*BAD, *FLAGS], side_by_side(commands, cwd), strict=True))


@pytest.mark.parametrize("case", [*BAD, *FLAGS])
def test_what_cannot_be_evaluated_is_told_in_one_sentence(
    case: str, refused: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    told = refused[case]
    assert told.returncode == 2, told.stdout + told.stderr
    assert (BAD | FLAGS)[case][1] in told.stderr
    assert told.stderr.startswith("error: ")
    assert told.stderr.count("\n") == 1
