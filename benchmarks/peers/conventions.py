"""OpenEvolve itself on the folders of ``examples/evaluators``, beside what we make of them.

    python -m benchmarks.peers.conventions

Each folder is given to OpenEvolve's own command line, with three iterations of a scripted model. The table
has what OpenEvolve says of the initial program, what our evaluation of it says, and the best that it found.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers.driving import interpreter
from evolve.tasks import evaluating
from tests.scripted_llm import ScriptedLLM

EXAMPLES = Path(__file__).parents[2] / "examples" / "evaluators"
ITERATIONS = 3


def theirs(folder: Path, work: Path, api_base: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what OpenEvolve says of the initial program, and of the best one."""
    own = folder / "config.yaml"
    model = f"{{api_base: '{api_base}', api_key: none, primary_model: scripted, retries: 0}}"
    settings = f"checkpoint_interval: 1\nllm: {model}\n"
    config = work / "config.yaml"
    config.write_text(settings + (own.read_text() if own.exists() else ""))
    program, evaluator = folder / "initial_program.py", folder / "evaluator.py"
    words = [interpreter("openevolve"), "-m", "openevolve.cli", program, evaluator, "--config", config]
    more = ["--iterations", ITERATIONS, "--output", work / "out"]
    subprocess.run([*map(str, [*words, *more])], cwd=work, capture_output=True, check=True)
    (best,) = (work / "out" / "best").glob("*.json")
    programs = [json.loads(path.read_text()) for path in work.rglob("programs/*.json")]
    first = next(one["metrics"] for one in programs if one["parent_id"] is None)
    return first, json.loads(best.read_text())["metrics"]


def ours(folder: Path, work: Path) -> dict[str, Any]:
    """Return what our evaluation says of the initial program."""
    result = work / "result.json"
    words = [folder / "evaluator.py", folder / "initial_program.py", result, "--threshold", "0.4"]
    subprocess.run([sys.executable, "-P", evaluating.__file__, *map(str, words)], cwd=work, check=True)
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def main() -> None:
    """Run every folder, and print one table."""
    table = Table(title="Evaluators, as OpenEvolve 0.4.0 runs them and as we do")
    for head in ("folder", "initial program, OpenEvolve", "ours", f"best of {ITERATIONS} iterations there"):
        table.add_column(head)
    for folder in sorted(EXAMPLES.iterdir()):
        with ScriptedLLM(["ok"]) as server, tempfile.TemporaryDirectory() as name:
            first, best = theirs(folder, Path(name), server.api_base)
            own = ours(folder, Path(name))
        scores = (first.get("combined_score"), own.get("score"), best.get("combined_score"))
        table.add_row(folder.name, *(f"{score:.6f}" if score is not None else "none" for score in scores))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
