"""Answers with NaN."""

from torch import nn


def train(burst):
    model = nn.Embedding(burst.vocab_size, burst.vocab_size)
    nn.init.constant_(model.weight, float("nan"))
    return model
