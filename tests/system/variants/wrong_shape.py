"""Answers with one logit too many."""

from torch import nn


def train(burst):
    return nn.Embedding(burst.vocab_size, burst.vocab_size + 1)
