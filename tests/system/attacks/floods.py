"""Reports its loss two thousand times a step, past the burst's own thinning, then trains well."""

from torch import nn


def train(burst):
    for step in range(20000):
        burst._send(step / 20000, 1.0, step)
    for wrong in (float("nan"), float("inf"), -1.0, 1e300):
        burst._send(wrong, 1.0, 0)
    return nn.Embedding(burst.vocab_size, burst.vocab_size)
