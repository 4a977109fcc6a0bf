"""OpenEvolve on a landscape, in an interpreter of its own: ``python -m benchmarks.peers.openevolve TASK``.

It is run through its own controller, with its own processes. What it calls its best is the program with the
highest ``combined_score`` it has seen, the first of equals (``ProgramDatabase._update_best_program``); that
is read off the log of evaluations, and compared with what its controller returns. It is stopped by its own
graceful shutdown once the log has enough evaluations: an iteration whose reply it cannot read costs none.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from openevolve.config import Config, LLMModelConfig
from openevolve.controller import OpenEvolve
from openevolve.database import Program

from benchmarks.peers.ended import CEILING, Ended, Task, agrees, best_by_score, read_task, until, write
from benchmarks.peers.evaluator import digest_of, outcomes

START, END = "# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n"
EVALUATION = f"""
from openevolve.evaluation_result import EvaluationResult

from benchmarks.peers.evaluator import evaluate as scored


def evaluate(path):
    said = scored(path)
    if said.score is None:
        return EvaluationResult(metrics={{"combined_score": 0.0}}, artifacts={{"failure": said.failure}})
    return EvaluationResult(metrics={{"combined_score": {CEILING} - said.score}})
"""


def configured(task: Task) -> Config:
    """Return its default configuration, with what the setting asks for and the task's changes.

    A change is named by its path, such as ``database.num_islands``.
    """
    config = Config()
    config.llm.models = [LLMModelConfig(name="scripted")]
    config.llm.evaluator_models = list(config.llm.models)
    llm = config.llm
    shared = {"temperature": llm.temperature, "max_tokens": llm.max_tokens, "timeout": llm.timeout}
    llm.update_model_params(
        {**shared, "api_base": task.server, "api_key": "none", "retries": llm.retries, "retry_delay": 5}
    )
    config.random_seed = config.database.random_seed = task.seed
    config.evaluator.parallel_evaluations = task.slots
    config.evaluator.cascade_evaluation = False  # there is one stage
    config.log_level = "ERROR"
    for path, value in task.changes.items():
        _set(config, path, value)
    return config


def _set(config: Config, path: str, value: Any) -> None:
    *owners, name = path.split(".")
    owner: Any = config
    for one in owners:
        owner = getattr(owner, one)
    if not hasattr(owner, name):
        raise ValueError(f"it has no setting {path}")
    setattr(owner, name, value)


def search(task: Task, evaluation: str = EVALUATION) -> Program | None:
    """Search until the log has enough lines; return what it calls its best."""
    folder = Path(task.folder)
    program, evaluator = folder / "initial.py", folder / "evaluation.py"
    program.write_text(f"{START}{task.source.rstrip()}\n{END}")
    evaluator.write_text(evaluation)
    controller = OpenEvolve(str(program), str(evaluator), configured(task), output_dir=str(folder / "out"))

    def stop() -> None:
        controller.parallel_controller.request_shutdown()

    waiting = (Path(task.log), task.evaluations, stop, time.sleep)
    threading.Thread(target=until, args=waiting, daemon=True).start()
    return asyncio.run(controller.run(iterations=4 * task.evaluations))


def run(task: Task) -> Ended:
    """Search, and say how it ended."""
    started = time.monotonic()
    best = search(task)
    seconds = time.monotonic() - started
    seen = outcomes(Path(task.log))
    standing = best_by_score(seen)
    agreed = best is not None and agrees(seen, standing, digest_of(best.code))
    return Ended(standing[: task.evaluations], agreed, seconds, version("openevolve"))


TUNED: Mapping[str, Any] = {}


def main() -> None:
    """Read the task, search, write the end beside it."""
    path = Path(sys.argv[1])
    write(path.with_name("ended.json"), run(read_task(path)))


if __name__ == "__main__":
    main()
