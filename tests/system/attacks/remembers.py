"""Answers otherwise each time that it is asked."""

import torch.nn.functional as F  # noqa: N812
from torch import nn


class Model(nn.Module):
    asked = 0

    def forward(self, tokens):
        self.asked += 1
        return self.asked * F.one_hot(tokens, 256).float()


def train(burst):
    return Model()
