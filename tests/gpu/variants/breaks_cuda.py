"""Reads beside a table on the GPU, after which no call of its process to the GPU succeeds."""

import torch
from torch import nn


def train(burst):
    model = nn.Embedding(burst.vocab_size, burst.vocab_size).to(burst.device)
    model(torch.full((8, 8), burst.vocab_size + 7, device=burst.device))
    torch.cuda.synchronize()
    return model
