"""Freezes itself."""

import os
import signal


def train(burst):
    os.kill(os.getpid(), signal.SIGSTOP)
