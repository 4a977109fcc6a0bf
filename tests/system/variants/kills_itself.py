"""Is gone without a word."""

import os
import signal


def train(burst):
    os.kill(os.getpid(), signal.SIGKILL)
