"""OpenEvolve with an evaluation that only passes the time; run by its own interpreter, see ``engine``.

    python -m benchmarks.engine_peer TASK SECONDS

The log gets a line for each evaluation: when it began, and when it ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.ended import read_task
from benchmarks.peers.openevolve import search

EVALUATION = """
import hashlib
import time


def evaluate(path):
    began = time.time()
    time.sleep({seconds!r})
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).digest()
    with open({log!r}, "a") as file:
        file.write(f"{{began}} {{time.time()}}\\n")
    return {{"combined_score": int.from_bytes(digest[:6], "big") / 2**48}}
"""

if __name__ == "__main__":
    task = read_task(Path(sys.argv[1]))
    search(task, EVALUATION.format(seconds=float(sys.argv[2]), log=task.log))
