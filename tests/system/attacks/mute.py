"""Does away with its outputs, then trains well."""

import os
import sys

from torch import nn


def train(burst):
    sys.stderr.close()
    sys.stdout = sys.stderr = None
    os.close(1)
    os.close(2)
    return nn.Embedding(burst.vocab_size, burst.vocab_size)
