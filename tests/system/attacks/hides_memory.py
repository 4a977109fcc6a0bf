"""Takes more memory than a burst may, in a process that no longer descends from it."""

import os
import time


def train(burst):
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            held = []
            while True:
                held.append(b"x" * (32 << 20))
        os._exit(0)
    os.wait()
    time.sleep(60)
