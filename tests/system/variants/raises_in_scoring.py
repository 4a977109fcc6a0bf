"""Trains well and fails when asked."""

from torch import nn


class Model(nn.Module):
    def forward(self, tokens):
        raise RuntimeError(f"no answer for {tuple(tokens.shape)[1:]}")  # here


def train(burst):
    return Model()
