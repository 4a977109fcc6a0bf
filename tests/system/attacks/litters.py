"""Makes more files than anybody would count."""

import os
import time


def train(burst):
    for number in range(30_000):
        os.mknod(str(number))
    time.sleep(60)
