"""Programs of the user's own: searched as they are, confined, and not taken at their word."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evolve.bursts import places, probing
from evolve.bursts.commanding import CommandExecutor, CommandPlan
from evolve.bursts.executor import Job, Result
from evolve.bursts.sandbox import Level
from evolve.errors import EngineFault
from evolve.settings import Settings
from evolve.tasks import command
from population.store import Population
from population.variant import FailureKind
from tests.scripted_llm import Messages, ScriptedLLM, digest
from tests.system.command import events, evolve, report, side_by_side

pytestmark = pytest.mark.system

LAYOUT = Path(__file__).with_name("autoresearch")
HERE = probing.attain("auto").level
LEVELS = [level for level in Level if level <= HERE]
QUIET = ("--model", "none", "--seed", 1, "--slots", 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of a folder as somebody has it who comes from another system."""
    shutil.copytree(LAYOUT, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "mine"


def replaced(idea: str, old: str, new: str) -> str:
    """Write the reply that replaces one line."""
    return f"Hypothesis: {idea}\n\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# A folder of another system's layout


def test_a_folder_of_that_layout_is_searched_by_one_command(folder: Path) -> None:
    before = contents(folder)
    done = evolve("run", "mine", *QUIET, "--evaluations", 40, "--run", "run", "--json", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    final = events(done.stdout)[-1]
    assert (final["metric"], final["direction"], final["trust"]) == ("val_bpb", "minimize", "self-reported")
    assert final["gain"] > 0.05
    assert final["champion"] != "v0"
    assert contents(folder) == before
    with Population.open(folder.parent / "run") as population:
        measured = population.measurements(final["champion"])
    assert {m.also["peak_vram_mb"] for m in measured if m.score is not None} == {0.5}
    assert {m.sandbox for m in measured} == {HERE.name}


@dataclass(frozen=True)
class Looked:
    """A finished run of such a folder, and what each command says of it."""

    cwd: Path
    pages: dict[str, str]


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    cwd = tmp_path_factory.mktemp("looked")
    shutil.copytree(LAYOUT, cwd / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    first = evolve("run", "mine", *QUIET, "--evaluations", 30, "--run", "run", cwd=cwd)
    assert first.returncode == 0, first.stderr
    (cwd / "mine" / "notes.txt").write_text("what lies there later is no matter of the run")
    more = evolve("resume", "run", "--evaluations", 36, cwd=cwd)
    assert more.returncode == 0, more.stderr
    champion = report("best", "run", cwd=cwd)["champion"]
    checked = evolve("verify", "run", "--seeds", 3, cwd=cwd)
    words = {
        "tree": ("tree", "run"),
        "show": ("show", "run", champion),
        "status": ("status", "run"),
        "best": ("best", "run", "-o", "best.py"),
        "fsck": ("fsck", "run"),
    }
    told = side_by_side([*words.values()], cwd)
    pages = {name: one.stdout for name, one in zip(words, told, strict=True)}
    return Looked(cwd, {**pages, "run": first.stdout, "resume": more.stdout, "verify": checked.stdout})


@pytest.mark.parametrize("page", ["run", "resume", "tree", "show", "status", "best", "verify"])
def test_a_score_is_never_shown_without_whose_word_it_is(looked: Looked, page: str) -> None:
    assert "self-reported" in looked.pages[page]


def test_further_numbers_are_shown(looked: Looked) -> None:
    assert re.search(r"^peak_vram_mb +0\.5 *$", looked.pages["show"], re.MULTILINE)


def test_it_is_verified_on_fresh_seeds_and_nothing_is_said_of_a_split(looked: Looked) -> None:
    assert "better than the seed, on seeds that the search never saw" in looked.pages["verify"]
    assert "split" not in looked.pages["verify"] + looked.pages["best"]


def test_the_run_of_a_program_is_whole(looked: Looked) -> None:
    assert "Traceback" not in "".join(looked.pages.values())
    assert report("fsck", "run", cwd=looked.cwd)["whole"]


def test_the_champion_runs_where_its_seed_did(looked: Looked, folder: Path) -> None:
    shutil.copy(looked.cwd / "best.py", folder / "train.py")
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "val_bpb:" in done.stdout


def test_a_run_is_not_gone_on_with_when_what_it_rests_on_has_changed(folder: Path) -> None:
    done = evolve("run", "mine", *QUIET, "--evaluations", 8, "--run", "run", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    (folder / "prepare.py").write_text((folder / "prepare.py").read_text().replace("1200", "1100"))
    again = evolve("resume", "run", "--evaluations", 12, cwd=folder.parent)
    assert again.returncode == 2
    assert "the files beside the program" in again.stderr
    assert again.stderr.count("\n") == 1


# A program that states what it did not earn


def forger(messages: Messages) -> str:
    """Write a child that prints a score instead of measuring it."""
    lines = str(messages[-1]["content"]).splitlines()
    line = next((one for one in lines if one.startswith('print(f"val_bpb:')), None)
    if line is None:
        return "- print less\n"
    return replaced("much better", line, 'print("val_bpb: 0.1")')


def test_a_forged_score_is_run_again_and_fails(folder: Path) -> None:
    with ScriptedLLM([forger]) as server:
        model = ("--model", "openai/scripted", "--api-base", server.api_base)
        flags = ("--seed", 1, "--slots", 2, "--evaluations", 30, "--run", "run", "--json")
        done = evolve("run", "mine", *model, *flags, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    final = events(done.stdout)[-1]
    with Population.open(folder.parent / "run") as population:
        forged = [name for name, one in population.variants.items() if "much better" in one.hypothesis]
        assert forged
        for name in forged:
            measured = population.measurements(name)
            assert {m.failure.kind for m in measured if m.failure} == {FailureKind.CONTRACT}
            assert all(m.score is None for m in measured)
            assert len({m.seed for m in measured}) == 2
        said = [event.data["variant"] for event in population.events_of("suspicious")]
    assert set(forged) <= set(said)
    assert final["champion"] not in forged
    assert final["score"] > 1.0


# One burst, at every level of confinement


@dataclass
class Bench:
    """Runs programs beside a file that they may read."""

    executor: CommandExecutor
    files: Path

    def run(self, source: str, seed: int = 1) -> Result:
        return asyncio.run(self.ran(source, seed))

    async def ran(self, source: str, seed: int) -> Result:
        await self.executor.start()
        try:
            return await self.executor.run(Job("v1-first-0", source, seed), lambda *_: False)
        finally:
            await self.executor.close()


def bench(tmp_path: Path, level: Level, seconds: float = 20.0, **settings: Any) -> Bench:
    files = tmp_path / "files"
    files.mkdir(exist_ok=True)
    (files / "train.py").write_text("print('score: 1')\n")
    (files / "fixed.py").write_text("VALUE = 7\n")
    (files / "data").mkdir(exist_ok=True)
    (files / "data" / "words.txt").write_text("seven words\n")
    given = {"command": "python {file}", "metric": "score: (.*)", "direction": "minimize"} | settings
    task = command.from_settings(Settings(seed_file=files / "train.py", **given), seconds)
    plan = CommandPlan(
        task,
        tmp_path / "scratch",
        tmp_path / "logs",
        ("cpu",),
        300 << 20,
        probing.attain(level.name),
    )
    return Bench(CommandExecutor(plan), files)


@pytest.fixture(params=LEVELS, ids=lambda level: level.name)
def level(request: pytest.FixtureRequest) -> Level:
    found: Level = request.param
    return found


def test_a_program_finds_its_files_its_seed_and_a_folder_to_write_in(tmp_path: Path, level: Level) -> None:
    source = (
        "import fixed, os, pathlib\n"
        "pathlib.Path('made').write_text('x')\n"
        "assert pathlib.Path('data/words.txt').read_text() == 'seven words\\n'\n"
        "assert os.environ['HOME'] == os.getcwd()\n"
        "print('score:', fixed.VALUE + int(os.environ['EVOLVE_SEED']))\n"
    )
    result = bench(tmp_path, level).run(source, seed=35)
    assert (result.score, result.failure, result.sandbox) == (42.0, None, level.name)
    assert not (tmp_path / "scratch").exists()
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["data", "fixed.py", "train.py"]


TAMPERING = {
    "writes to it": "open('fixed.py', 'w').write('VALUE = 0')\n",
    "puts another in its place": "import os\nos.unlink('fixed.py')\nopen('fixed.py', 'w').write('')\n",
    "moves the folder": "import os\nos.rename('data', 'gone')\n",
}


@pytest.mark.parametrize("how", TAMPERING)
def test_what_a_program_may_only_read_stays_as_it_is(tmp_path: Path, level: Level, how: str) -> None:
    work = bench(tmp_path, level)
    before = contents(work.files)
    source = f"try:\n    exec({TAMPERING[how]!r})\nexcept OSError:\n    print('refused')\nprint('score: 0')\n"
    if level is Level.L0 and how == "writes to it":  # nothing stops it there, so the search does
        with pytest.raises(EngineFault, match=r"fixed\.py has changed .* scores no longer compare"):
            work.run(source)
        return
    result = work.run(source)
    assert contents(work.files) == before
    if result.failure is None:
        assert "refused" in (tmp_path / "logs" / "v1-first-0.out").read_text()
    else:
        assert "which it may only read" in result.failure.message


FAILING = {
    "raise ValueError('no luck')": (FailureKind.EXCEPTION, "exit code 1: ValueError: no luck"),
    "print('nothing')": (FailureKind.CONTRACT, "nothing that it printed matches 'score: (.*)'"),
    "print('score: high')": (FailureKind.CONTRACT, "score is 'high', no number"),
    "print('score: nan')": (FailureKind.NONFINITE, "its score is nan"),
    "import time; time.sleep(60)": (FailureKind.TIMEOUT, "still running after 2 s; ended"),
    "x = bytearray(900 << 20); x[::4096] = x[::4096]": (FailureKind.MEMORY, "more than a burst may"),
    "import os; os.kill(os.getpid(), 9)": (FailureKind.KILLED, "killed by signal 9"),
    "import socket; socket.create_connection(('1.1.1.1', 80), 5)": (FailureKind.EXCEPTION, "exit code 1"),
}


@pytest.mark.parametrize("source", FAILING)
def test_a_program_that_fails_says_how(tmp_path: Path, source: str) -> None:
    result = bench(tmp_path, HERE, seconds=2.0).run(source + "\nprint('done')\n")
    kind, message = FAILING[source]
    assert result.score is None
    assert result.failure is not None
    assert (result.failure.kind, message in result.failure.message) == (kind, True), result.failure


def test_a_program_that_forks_away_or_prints_without_end_leaves_nothing(tmp_path: Path) -> None:
    forks = (
        "import os, time\nfor _ in range(30):\n    if os.fork() == 0:\n        os.setsid(); time.sleep(50)\n"
    )
    prints = "for _ in range(200_000):\n    print('x' * 500)\n"
    result = bench(tmp_path, HERE).run(forks + prints + "print('score: 3')\n")
    assert result.score == 3.0
    assert result.seconds < 20
    assert (tmp_path / "logs" / "v1-first-0.out").stat().st_size < 2 << 20


def test_a_score_is_read_from_a_file_or_from_the_last_json_line(tmp_path: Path) -> None:
    source = (
        "import json\njson.dump({'end': {'loss': 0.25}, 'mb': 9}, open('out.json', 'w'))\n"
        "print('{\"loss\": 1}')\nprint('{\"loss\": 0.5, \"mb\": 8}')\nprint('bye')\n"
    )
    by_file = {"metric": None, "metric_file": "out.json:end.loss", "also": ("mb",)}
    by_line = {"metric": None, "metric_line": "loss", "also": ("mb",)}
    found = [bench(tmp_path, HERE, **one).run(source) for one in (by_file, by_line)]
    assert [(one.score, dict(one.also)) for one in found] == [(0.25, {"mb": 9.0}), (0.5, {"mb": 8.0})]


ODD = {
    "a folder": ("os.makedirs('o.json/x')", "o.json is no plain file"),
    "a pipe": ("os.mkfifo('o.json')", "o.json is no plain file"),
    "a link": ("os.symlink('/etc/passwd', 'o.json')", "o.json is no plain file that it wrote"),
    "too much": ("open('o.json', 'w').write(' ' * (2 << 20))", "o.json has 2097152 bytes"),
    "no text": ("open('o.json', 'wb').write(b'\\xff' * 200_000)", "o.json holds no JSON object"),
    "nothing": ("pass", "it wrote no file o.json"),
}


@pytest.mark.parametrize("what", ODD)
def test_whatever_lies_in_the_place_of_a_score_is_a_failure_of_the_program(
    tmp_path: Path, level: Level, what: str
) -> None:
    line, message = ODD[what]
    result = bench(tmp_path, level, metric=None, metric_file="o.json:loss").run(f"import os\n{line}\n")
    assert result.failure is not None
    assert (result.failure.kind, message in result.failure.message) == (FailureKind.CONTRACT, True)


def test_a_program_in_a_folder_of_its_user_opens_no_more_than_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    tool = home / "bin" / "tool"
    tool.write_text("")
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert [path for path in places.programs(str(tool)) if path.startswith(str(home))] == [str(tool)]
    (tmp_path / "env" / "bin" / "python").write_text("")
    assert str(tmp_path / "env") in places.programs(str(tmp_path / "env" / "bin" / "python"))


# Another language


def cheaper(messages: Messages) -> str:
    """Write a child of a shell program with another number."""
    found = re.findall(r"^A=(\d+)$", str(messages[-1]["content"]), re.MULTILINE)
    drawn = digest(str(messages)) % 1000
    return replaced(f"try {drawn}", f"A={found[-1] if found else 0}", f"A={drawn}")


SHELL = """\
#!/bin/sh
A=900
echo "{\\"cost\\": $((A * A + EVOLVE_SEED % 7))}"
"""


def test_a_program_in_another_language_is_changed_by_the_llm(tmp_path: Path) -> None:
    (tmp_path / "prog.sh").write_text(SHELL)
    with ScriptedLLM([cheaper]) as server:
        model = ("--model", "openai/scripted", "--api-base", server.api_base)
        flags = ("--command", "sh {file}", "--metric-line", "cost", "--direction", "minimize", "--seed", 2)
        rest = ("--evaluations", 24, "--run", "run", "--json")
        done = evolve("run", "prog.sh", *flags, *model, *rest, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    final = events(done.stdout)[-1]
    assert final["score"] < 900**2
    assert {one["operator"] for one in final["variants"][1:]} <= {"mutate", "crossover", "repair"}


# Several numbers

BOTH = """\
import os, random
SIZE = 2.0  # tune: 0.5..20
random.seed(int(os.environ["EVOLVE_SEED"]))
print("loss:", 10 / SIZE + random.gauss(0, 0.01))
print("mb:", SIZE * 3)
print("speed:", 1 / SIZE)
"""


def test_a_program_over_a_limit_is_no_champion_whatever_its_score(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(BOTH)
    flags = (
        "--command",
        "python {file}",
        "--metric",
        "loss: (.*)",
        "--direction",
        "minimize",
        "--also",
        "speed",
    )
    more = ("--limit", "mb<=24", *QUIET, "--evaluations", 50, "--run", "run", "--json")
    done = evolve("run", "train.py", *flags, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    final = events(done.stdout)[-1]
    assert 1.2 < final["score"] < 5.0
    with Population.open(tmp_path / "run") as population:
        measured = [m for name in population.variants for m in population.measurements(name)]
        champion = population.measurements(final["champion"])
    over = [m for m in measured if m.also.get("mb", 0) > 24]
    assert over
    assert {m.failure.kind for m in over if m.failure} == {FailureKind.LIMIT}
    assert all(m.score is None and m.excess[0] > 0 for m in over)
    assert all(m.also["mb"] <= 24 and m.excess[0] <= 0 for m in champion if m.score is not None)
    studies = [path for path in (tmp_path / "run" / "studies").iterdir() if path.suffix != ".lock"]
    assert not studies or any("constraints" in path.read_text() for path in studies)
    data = report("status", "run", cwd=tmp_path)["fronts"]
    assert data.keys() == {"speed", "mb"}
    for name in data:
        scores, values = ([one[key] for one in data[name]] for key in ("score", name))
        assert scores == sorted(scores)
        assert values == sorted(values, reverse=True)
    for page in ("status", "tree"):
        assert "best of score against mb, less is better" in evolve(page, "run", cwd=tmp_path).stdout


# What cannot be used

COMMAND = ("--command", "python {file}")
MIN = ("--direction", "minimize")
REFUSED = {
    "no group": (("train.py", *COMMAND, *MIN, "--metric", "loss: .*"), "has no group; put the number"),
    "two groups": (("train.py", *COMMAND, *MIN, "--metric", "(a) (b)"), "has 2 groups"),
    "no expression": (("train.py", *COMMAND, *MIN, "--metric", "("), "is no regular expression"),
    "no metric": (("train.py", *COMMAND, *MIN), "give one of --metric REGEX"),
    "two metrics": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--metric-line", "b"),
        "not 2: a score is read in one way",
    ),
    "a file elsewhere": (("train.py", *COMMAND, *MIN, "--metric-file", "/tmp/x:y"), "in the program's own"),
    "no command": (("train.py", *MIN, "--metric", "a (.)"), "a metric is given and no --command"),
    "no such program": (
        ("train.py", "--command", "nosuchprogram {file}", *MIN, "--metric", "a (.)"),
        "there is no program 'nosuchprogram'",
    ),
    "no place for the file": (
        ("train.py", "--command", "python x.py", *MIN, "--metric", "a (.)"),
        "does not say where the program's file goes",
    ),
    "a quote left open": (("train.py", "--command", "sh '{file}", *MIN, "--metric", "a (.)"), "as a shell"),
    "no direction": (("train.py", *COMMAND, "--metric", "loss: (.*)"), "is more loss better, or less?"),
    "a strange direction": (
        ("train.py", *COMMAND, "--direction", "up", "--metric", "a (.)"),
        "--direction: direction = 'up'",
    ),
    "nothing to copy": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--copy", "fixed.py nowhere.txt"),
        "--copy nowhere.txt: there is no ",
    ),
    "a copy of itself": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--copy", "train.py"),
        "that is the program itself",
    ),
    "a file elsewhere to vary": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--variant-file", "../x.py"),
        "give a name; the variant lies in the folder itself",
    ),
    "a copy from above": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--copy", ".."),
        "give files and folders beside the program",
    ),
    "a run in what it reads": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--run", "files/run"),
        "which the program may read",
    ),
    "tokens": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--burst-tokens", 9),
        "for the language task",
    ),
    "a limit of nothing": (
        ("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--limit", "mb<30"),
        "write NAME<=NUMBER or NAME>=NUMBER",
    ),
    "short bursts": (("train.py", *COMMAND, *MIN, "--metric", "a (.)", "--rung", 0.2), "cannot"),
    "a folder of nothing known": (
        ("files",),
        "is a folder; give the file in it, or a folder of a known layout",
    ),
    "no LLM for a shell program": (
        ("prog.sh", "--command", "sh {file}", *MIN, "--metric", "a (.)"),
        "is not in Python, so that only an LLM can change it",
    ),
    "a program that fails": (("fails.py", *COMMAND, *MIN, "--metric", "a (.)"), "ZeroDivisionError"),
    "a metric that is never printed": (
        ("train.py", *COMMAND, *MIN, "--metric", "b: (.)"),
        "nothing that it printed matches 'b: (.)'",
    ),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    cwd = tmp_path_factory.mktemp("refused")
    (cwd / "train.py").write_text("print('a 1')\n")
    (cwd / "fails.py").write_text("print(1 / 0)\n")
    (cwd / "fixed.py").write_text("")
    (cwd / "prog.sh").write_text(SHELL)
    (cwd / "files").mkdir()
    (cwd / "files" / "x.py").write_text("")
    commands = [
        ("run", "--run", f"new{number}", *words, "--model", "none")
        for number, (words, _) in enumerate(REFUSED.values())
    ]
    return dict(zip(REFUSED, side_by_side(commands, cwd), strict=True))


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_told_in_one_sentence(
    case: str, refused: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    told = refused[case]
    assert told.returncode == 2, told.stdout + told.stderr
    assert REFUSED[case][1] in told.stderr
    assert told.stderr.startswith("error: ")
    assert told.stderr.count("\n") == 1
