"""Answers with infinity where it would like to be sure."""

import torch
from torch import nn


def train(burst):
    return nn.Embedding.from_pretrained(torch.eye(256) * float("inf"))
