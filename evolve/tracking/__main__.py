"""The process of one tracker: it reads JSON lines, and what goes wrong in it ends it alone.

Started by ``feed`` as ``python -m evolve.tracking NAME``. The first line says what the search is (``Told``),
each other one holds a method of ``Tracker`` and its arguments. At the end of the lines it has a while to
finish: nobody may be there any more to end it.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys

from evolve.bursts.process import set_dumpable
from evolve.tracking.tracker import Told, Tracker

_CLASSES = {"tensorboard": "TensorBoard", "mlflow": "Mlflow", "wandb": "Wandb"}
_METHODS = ("numbers", "champion")
_END = 120  # seconds to finish in


def main(name: str) -> None:
    """Tell a tracker all that is read."""
    set_dumpable(False)  # it may hold a key
    lines = sys.stdin.buffer
    told = Told(**json.loads(lines.readline()))
    tracker: Tracker = getattr(importlib.import_module(f"evolve.tracking.{name}"), _CLASSES[name])(told)
    for line in lines:
        method, given = json.loads(line)
        assert method in _METHODS
        getattr(tracker, method)(*given)
    signal.alarm(_END)
    tracker.close()


if __name__ == "__main__":
    main(sys.argv[1])
