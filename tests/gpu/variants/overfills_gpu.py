"""Asks for more than any GPU has."""

import torch


def train(burst):
    return torch.empty(1 << 42, device=burst.device)
