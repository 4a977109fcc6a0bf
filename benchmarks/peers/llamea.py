"""LLaMEA on a landscape, in an interpreter of its own: ``python -m benchmarks.peers.llamea TASK``.

It has no seed program of its own: the task's is the first of its parents, the others are drawn from the model
with the seed as the example, as its own start does. What it calls its best is the best individual so far,
looked up after each generation (``LLaMEA.update_best``); here it is read off the log, which is ahead
of that by less than a generation. Its budget is set to nothing once the log has enough evaluations.

Its tuning of numbers (``HPO``) is no tuner: the model writes a configuration space, which is left to the
caller's evaluation to search. The scripted model writes none.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from llamea import LLaMEA, OpenAI_LLM
from llamea.solution import Solution

from benchmarks.peers.ended import CEILING, Ended, Task, agrees, best_by_score, read_task, until, write
from benchmarks.peers.evaluator import digest_of, evaluate_source, outcomes

ROLE = "You improve programs.\n"
TASK = "A program trains a small model; make its score better. Keep the function `train(burst)`.\n"
FORM = """
Provide the complete new program and a one-line description with the main idea, in the format:
# Description: <short-description>
# Code:
```python
<code>
```
"""


def scored(one: Solution, _: object = None) -> Solution:
    """Score an individual and put what came of it into it."""
    said = evaluate_source(one.code)
    if said.score is None:
        one.set_scores(float("-inf"), f"It failed: {said.failure}", said.failure)
    else:
        one.set_scores(CEILING - said.score, f"The score is {CEILING - said.score:.4f}.")
    return one


def search(task: Task) -> str:
    """Search until the log has enough evaluations; return the source that it calls its best."""
    os.environ["OPENAI_BASE_URL"] = task.server
    given = {
        "role_prompt": ROLE,
        "task_prompt": TASK,
        "example_prompt": f"\n# Current program\n```python\n{task.source.rstrip()}\n```\n",
        "output_format_prompt": FORM,
        "budget": 4 * task.evaluations,
        "max_workers": task.slots,
        "parallel_backend": "threading",
        "log": False,
        **task.changes,
    }
    system = LLaMEA(scored, OpenAI_LLM("none", "scripted"), **given)
    system.population = [scored(Solution(task.source, "Seed", "the seed"))]

    def stop() -> None:
        system.budget = 0

    waiting = (Path(task.log), task.evaluations, stop, time.sleep)
    threading.Thread(target=until, args=waiting, daemon=True).start()
    return str(system.run().code)


def run(task: Task) -> Ended:
    """Search, and say how it ended."""
    random.seed(task.seed)
    np.random.seed(task.seed)  # it draws from the global generators
    started = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        best = search(task)
    seconds = time.monotonic() - started
    seen = outcomes(Path(task.log))
    standing = best_by_score(seen)
    agreed = agrees(seen, standing, digest_of(best))
    return Ended(standing[: task.evaluations], agreed, seconds, version("llamea-lite"))


def main() -> None:
    """Read the task, search, write the end beside it."""
    path = Path(sys.argv[1])
    write(path.with_name("ended.json"), run(read_task(path)))


if __name__ == "__main__":
    main()
