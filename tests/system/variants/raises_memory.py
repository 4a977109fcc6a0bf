"""Asks for more than there is."""

import torch


def train(burst):
    return torch.zeros(1 << 50)  # here
