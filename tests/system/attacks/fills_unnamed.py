"""Writes to files that have no name, where nobody who lists a folder sees them."""

import tempfile
import time


def train(burst):
    held = []
    for _ in range(64):
        try:
            held.append(tempfile.TemporaryFile(buffering=0))
            held[-1].write(b"x" * (1 << 20))
        except OSError:
            break
    time.sleep(60)
