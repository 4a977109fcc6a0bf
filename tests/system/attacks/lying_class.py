"""Returns an object that calls itself a tensor."""

import torch
from torch import nn


class Lying:
    def __init__(self, shape):
        self.shape = shape

    @property
    def __class__(self):
        return torch.Tensor


class Model(nn.Module):
    def forward(self, tokens):
        return Lying((*tokens.shape, 256))


def train(burst):
    return Model()
