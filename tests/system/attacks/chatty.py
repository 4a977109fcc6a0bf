"""Prints 100 MB, then trains well."""

import sys

from torch import nn


def train(burst):
    print("the first line")
    for _ in range(100):
        sys.stdout.write(("x" * 1023 + "\n") * 1024)
    print("the last line")
    return nn.Embedding(burst.vocab_size, burst.vocab_size)
