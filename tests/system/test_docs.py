"""Every command that the documentation shows is run: as it stands there, but on less of everything."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scripted_llm import ScriptedLLM
from tests.system.command import ROOT, SEED, ended, evolve, side_by_side, started
from tests.system.made import make

pytestmark = pytest.mark.system

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^ {4}(python -m evolve .*)$", re.MULTILINE)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(python -m evolve [^`]+)`")
BETTER = SEED.read_text().replace("WIDTH = 16", "WIDTH = 48").replace("ROWS = 8 ", "ROWS = 4 ")
OWN = """\
import os
STEP = 0.3  # tune: 0.01..1.0
X = 3.0 - STEP
print("val_loss:", X * X + int(os.environ.get("EVOLVE_SEED", 0)) % 7 / 100)
"""
DOUBLING = "SLOPE = 1.5  # tune: 0..4\n\n\ndef train(burst):\n    return lambda x: SLOPE * x\n"
SETTINGS = """\
data = "corpus"
context = 32
windows = 16
burst = 0.2
models = ["none"]
seed_replicates = 1
"""
DROPPED = {"[SEED]", "[OPTIONS]"}
REFUSED = {
    "pause": "no search runs in made",
    "continue": "no search runs in made",
    "stop": "no search runs in made",
    "approve": "v1 does not wait for an approval",
}
"""What is not for a run that has ended, and what is said then."""
LESS = {"--hours": "0.01", "--burst": "0.3", "--seeds": "1", "--policies": "evolve,random"}
BUDGETS = {
    "run": ("--evaluations", "2"),
    "compare-policies": ("--evaluations", "2", "--policies", "evolve,random", "--seeds", "1"),
    "init": (
        "train.py",
        "--command",
        "python {file}",
        "--metric",
        "val_loss: (.*)",
        "--direction",
        "minimize",
    ),
    "verify": ("--seeds", "2"),
    "ablate": ("--seeds", "2"),
}


def commands() -> list[str]:
    """Return every command that is shown, each once, without its comment; a run's folder is called DIR."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = page.read_text()
        for line in [*BLOCK.findall(text), *INLINE.findall(text.replace("\n", " "))]:
            named = re.sub(r"\bruns/\d+-\d+", "DIR", line.replace("\\|", "|"))
            words = shlex.split(named, comments=True)
            found[shlex.join(word for word in words[3:] if word not in DROPPED)] = None
    return list(found)


COMMANDS = commands()


@dataclass(frozen=True)
class Desk:
    """Folders with all that the commands name, and a scripted model.

    Args:
        language: where ``train.py`` keeps our contract.
        own: where it is a program of somebody's own.
        task: with the task that docs/tasks.md shows, and a variant for it.
        fresh: with that program, and no settings yet.
        api_base: of the model.
    """

    language: Path
    own: Path
    task: Path
    fresh: Path
    api_base: str

    def adapted(self, words: list[str], number: int) -> list[str]:
        """Put what is there in the place of what a page only names, and ask for less."""
        found: list[str] = []
        for before, word in zip(["", *words], words, strict=False):
            if before in LESS:
                word = LESS[before]
            elif before == "--model" and word != "none":
                word = "openai/scripted" + word[word.rfind(":") :] * (":" in word)
            elif before == "--api-base":
                word = self.api_base
            elif word in ("DIR", "DIR2"):
                word = "made"
            elif before == "--run":
                word = f"run-{number}"
            if found and found[0] == "inject" and word == "FILE":
                word = "mine.py"
            found.append(
                {"ID": "v1", "FILE": f"file-{number}", "FILE.json": f"file-{number}.json"}.get(word, word)
            )
        if "--model" in found and "none" not in found and "--api-base" not in found:
            found += ["--api-base", self.api_base]
        if found[0] == "run" and "--run" not in found and "--help" not in found:
            found += ["--run", f"run-{number}"]
        if "--help" in found:
            return found
        return [*found, *BUDGETS.get(found[0], ())]


def committed(folder: Path) -> None:
    """Make a folder a git repository with its seed in it."""
    who = (("config", "user.name", "A"), ("config", "user.email", "a@b.c"))
    for words in (("init", "-q"), *who, ("add", "train.py"), ("commit", "-q", "-m", "the seed")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)


@pytest.fixture(scope="module")
def desk(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    language, own, task, fresh = map(tmp_path_factory.mktemp, ("language", "own", "task", "fresh"))
    (fresh / "train.py").write_text(OWN)
    shutil.copytree(text, language / "corpus")
    for name in ("train.py", "my_train.py"):
        (language / name).write_text(SEED.read_text())
    (language / "mine.py").write_text(SEED.read_text().replace("WIDTH = 16", "WIDTH = 32"))
    (language / "directions.md").write_text("Be bold.\n")
    (language / "evolve.toml").write_text(SETTINGS)
    make(language / "made", text, BETTER, burst=0.2, evaluations=4)
    committed(language)
    packing = ROOT / "examples" / "evaluators" / "packing"
    for place in (own / "examples" / "evaluators" / "packing", own / "path" / "to" / "folder"):
        shutil.copytree(packing, place)
    shutil.copytree(ROOT / "tests" / "system" / "autoresearch", own / "path" / "to" / "autoresearch")
    shutil.copy(packing / "initial_program.py", own)
    (own / "evaluator.py").write_text("def evaluate(path):\n    return {'accuracy': 0.5, 'time': 1}\n")
    shutil.copytree(ROOT / "examples" / "tasks", own / "examples" / "tasks")
    (task / "task.py").write_text(FENCE.search((ROOT / "docs" / "tasks.md").read_text())[1])  # type: ignore[index]
    (task / "train.py").write_text(DOUBLING)
    (task / "evolve.toml").write_text("models = ['none']\nseed_replicates = 1\n")
    (own / "train.py").write_text(OWN)
    (own / "evolve.toml").write_text("models = ['none']\nseed_replicates = 1\n")
    with ScriptedLLM(["ok"]) as server:
        yield Desk(language, own, task, fresh, server.api_base)


def test_there_is_something_to_run() -> None:
    assert len(COMMANDS) > 25


def place(desk: Desk, words: list[str]) -> Path:
    """Return the folder that a command is typed in."""
    if words[0] == "init":
        return desk.fresh
    if "task.py" in words:
        return desk.task
    own = any(word.startswith(("--command", "--evaluator", "path/to", "examples/")) for word in words)
    return desk.own if own else desk.language


def begun(words: list[str], here: Path) -> subprocess.CompletedProcess[str]:
    """Type a command that goes on until Ctrl-C, and press that once it has said where it is."""
    with started(*words, cwd=here) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        return ended(process)


@pytest.fixture(scope="module")
def typed(desk: Desk) -> dict[str, subprocess.CompletedProcess[str]]:
    """Type every command: those that only start a run two at a time, the others, on one run, in turn."""
    adapted = {line: desk.adapted(shlex.split(line), number) for number, line in enumerate(COMMANDS)}
    done = {}
    served = {line: words for line, words in adapted.items() if words[0] == "serve" and "--help" not in words}
    done |= {line: begun(words, place(desk, words)) for line, words in served.items()}
    adapted = {line: words for line, words in adapted.items() if line not in served}
    for here in (desk.language, desk.own, desk.task, desk.fresh):
        mine = {line: words for line, words in adapted.items() if place(desk, words) == here}
        alone = [line for line, words in mine.items() if "made" not in words]
        done |= dict(zip(alone, side_by_side([mine[line] for line in alone], here), strict=True))
        done |= {line: evolve(*words, cwd=here) for line, words in mine.items() if "made" in words}
    return done


@pytest.mark.parametrize("line", COMMANDS)
def test_what_the_documentation_shows_can_be_typed(
    line: str, typed: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    done = typed[line]
    if (refused := REFUSED.get(line.split()[0])) is not None:
        assert (done.returncode, refused in done.stderr) == (2, True), done.stderr
        return
    assert done.returncode == 0, f"{done.args}\n{done.stdout}{done.stderr}"
