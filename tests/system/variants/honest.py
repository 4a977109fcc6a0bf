"""Trains a table of byte pairs."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def train(burst):
    model = nn.Embedding(burst.vocab_size, burst.vocab_size)
    nn.init.zeros_(model.weight)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    print("first step", flush=False)
    while burst.progress() < 1:
        inputs, targets = burst.batch(8)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        burst.report(loss)
    return model
