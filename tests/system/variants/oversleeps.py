"""Sleeps past its budget, reporting all the while."""

import time


def train(burst):
    while True:
        time.sleep(0.01)
        burst.report(1.0)
