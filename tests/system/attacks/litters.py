"""Makes more files than anybody would count."""

import os
import time


def train(burst):
    os.mknod("one")
    for number in range(6_000):
        os.link("one", str(number))  # sooner done than new files
    time.sleep(60)
