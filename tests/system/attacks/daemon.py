"""Leaves a daemon behind that no process group knows of, then trains well."""

import os
import signal
import time

from torch import nn


def train(burst):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            print("daemon", os.getpid())
            time.sleep(600)
        os._exit(0)
    time.sleep(0.2)
    return nn.Embedding(burst.vocab_size, burst.vocab_size)
