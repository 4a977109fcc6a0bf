"""Compiles its model, as most that train on a GPU do: that takes a compiler, and files of its own."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def train(burst):
    model = nn.Sequential(nn.Embedding(burst.vocab_size, 16), nn.GELU(), nn.Linear(16, burst.vocab_size))
    model.to(burst.device)
    compiled = torch.compile(model)
    inputs, targets = burst.batch(8)
    loss = F.cross_entropy(compiled(inputs).flatten(0, 1), targets.flatten())
    loss.backward()
    print("compiled")
    return model
