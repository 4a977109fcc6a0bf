"""Does no harm: counts byte pairs. What it finds in its working directory is printed."""

import os

import torch
from torch import nn


def train(burst):
    print("found", os.listdir("."))
    pairs = burst.data[:-1].long() * 256 + burst.data[1:].long()
    counts = torch.bincount(pairs, minlength=256 * 256).view(256, 256)
    return nn.Embedding.from_pretrained((counts + 0.1).log())
