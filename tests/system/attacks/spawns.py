"""Starts more small processes than it can have a use for."""

import os
import sys
import time


def train(burst):
    command = [sys.executable, "-S", "-E", "-c", "import time; time.sleep(60)"]
    for _ in range(60):
        os.posix_spawn(command[0], command, {})
    time.sleep(60)
