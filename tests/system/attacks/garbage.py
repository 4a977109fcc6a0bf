"""Writes nonsense to whatever it has open."""

import contextlib
import os
import time


def train(burst):
    for number in range(1024):
        with contextlib.suppress(OSError):
            os.write(number, b"\x00nonsense" * 100)
    time.sleep(60)
