"""Reads Python's own library, which is the default text, as far as it goes."""

import sysconfig
from pathlib import Path

import torch
from torch import nn


def honest(burst):
    pairs = burst.data[:-1].long() * 256 + burst.data[1:].long()
    counts = torch.bincount(pairs, minlength=256 * 256).view(256, 256)
    return nn.Embedding.from_pretrained((counts + 0.1).log())


def train(burst):
    for path in Path(sysconfig.get_path("stdlib")).rglob("*.py"):
        if "site-packages" not in path.parts:
            try:
                path.read_bytes()
                print("read", path)
            except OSError:
                continue
    return honest(burst)
