"""Writes to its working directory until nothing more goes in, and stays."""

import time
from pathlib import Path


def train(burst):
    for number in range(64):
        try:
            Path(str(number)).write_bytes(b"x" * (1 << 20))
        except OSError:
            break
    time.sleep(60)
