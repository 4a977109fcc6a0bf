"""Prints which GPUs it sees."""

import os

import torch
from torch import nn


def train(burst):
    print("order", os.environ["CUDA_DEVICE_ORDER"], "visible", os.environ["CUDA_VISIBLE_DEVICES"])
    print("devices", torch.cuda.device_count(), "on", torch.zeros(1, device=burst.device).device)
    return nn.Embedding(burst.vocab_size, burst.vocab_size).to(burst.device)
