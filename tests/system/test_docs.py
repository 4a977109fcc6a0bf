"""Every command that the documentation shows is run: as it stands there, but on less of everything."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scripted_llm import ScriptedLLM
from tests.system.command import ROOT, SEED, evolve
from tests.system.made import make

pytestmark = pytest.mark.system

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^ {4}(python -m evolve .*)$", re.MULTILINE)
INLINE = re.compile(r"`(python -m evolve [^`]+)`")
BETTER = SEED.read_text().replace("WIDTH = 16", "WIDTH = 48").replace("ROWS = 8 ", "ROWS = 4 ")
OWN = """\
import os
STEP = 0.3  # tune: 0.01..1.0
X = 3.0 - STEP
print("val_loss:", X * X + int(os.environ.get("EVOLVE_SEED", 0)) % 7 / 100)
"""
SETTINGS = """\
data = "corpus"
context = 32
windows = 16
burst = 0.2
models = ["none"]
seed_replicates = 2
"""
DROPPED = {"[SEED]", "[OPTIONS]"}
LESS = {"--hours": "0.01", "--seeds": "2", "--dollars": "5"}
BUDGETS = {"run": ("--evaluations", "4"), "compare-policies": ("--evaluations", "8")}


def commands() -> list[str]:
    """Return every command that is shown, each once, without its comment."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = page.read_text()
        for line in [*BLOCK.findall(text), *INLINE.findall(text.replace("\n", " "))]:
            words = shlex.split(line.replace("\\|", "|"), comments=True)
            found[shlex.join(word for word in words[3:] if word not in DROPPED)] = None
    return list(found)


COMMANDS = commands()


@dataclass(frozen=True)
class Desk:
    """Folders with all that the commands name, and a scripted model.

    Args:
        language: where ``train.py`` keeps our contract.
        own: where it is a program of somebody's own.
        api_base: of the model.
    """

    language: Path
    own: Path
    api_base: str

    def adapted(self, words: list[str], number: int) -> list[str]:
        """Put what is there in the place of what a page only names, and ask for less."""
        found: list[str] = []
        for before, word in zip(["", *words], words, strict=False):
            if before in LESS and word.isdigit():
                word = LESS[before]
            elif before == "--model" and word != "none":
                word = "openai/scripted" + word[word.rfind(":") :] * (":" in word)
            elif before == "--api-base":
                word = self.api_base
            elif word == "DIR" or re.fullmatch(r"runs/\d+-\d+", word):
                word = "made"
            elif before == "--run":
                word = f"run-{number}"
            found.append({"ID": "v1", "FILE": f"file-{number}", "FILE.json": f"file-{number}.json"}.get(word, word))
        if "--model" in found and "none" not in found and "--api-base" not in found:
            found += ["--api-base", self.api_base]
        if found[0] == "run" and "--run" not in found and "--help" not in found:
            found += ["--run", f"run-{number}"]
        if "--help" in found:
            return found
        return [*found, *BUDGETS.get(found[0], ())]


@pytest.fixture(scope="module")
def desk(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    language, own = tmp_path_factory.mktemp("language"), tmp_path_factory.mktemp("own")
    shutil.copytree(text, language / "corpus")
    for name in ("train.py", "my_train.py"):
        (language / name).write_text(SEED.read_text())
    (language / "directions.md").write_text("Be bold.\n")
    (language / "evolve.toml").write_text(SETTINGS)
    make(language / "made", text, BETTER, burst=0.2, evaluations=4)
    packing = ROOT / "examples" / "evaluators" / "packing"
    for place in (own / "examples" / "evaluators" / "packing", own / "path" / "to" / "folder"):
        shutil.copytree(packing, place)
    shutil.copytree(ROOT / "tests" / "system" / "autoresearch", own / "path" / "to" / "autoresearch")
    shutil.copy(packing / "initial_program.py", own)
    (own / "evaluator.py").write_text("def evaluate(path):\n    return {'accuracy': 0.5, 'time': 1}\n")
    (own / "train.py").write_text(OWN)
    (own / "evolve.toml").write_text("models = ['none']\nseed_replicates = 2\n")
    with ScriptedLLM(["ok"]) as server:
        yield Desk(language, own, server.api_base)


def test_there_is_something_to_run() -> None:
    assert len(COMMANDS) > 25


@pytest.mark.parametrize("line", COMMANDS)
def test_what_the_documentation_shows_can_be_typed(desk: Desk, line: str) -> None:
    words = desk.adapted(shlex.split(line), COMMANDS.index(line))
    own = any(word.startswith(("--command", "--evaluator", "path/to", "examples/")) for word in words)
    if words[0] == "init":
        (desk.own / "evolve.toml").unlink(missing_ok=True)
        words += ["train.py", "--command", "python {file}", "--metric", "val_loss: (.*)", "--model", "none"]
        words += ["--direction", "minimize"]
        own = True
    done = evolve(*words, cwd=desk.own if own else desk.language)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
