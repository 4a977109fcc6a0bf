"""Leaves links to our files where ours were, and a pipe that nobody feeds."""

import os
import sys
from pathlib import Path

import torch
from torch import nn


def honest(burst):
    pairs = burst.data[:-1].long() * 256 + burst.data[1:].long()
    counts = torch.bincount(pairs, minlength=256 * 256).view(256, 256)
    return nn.Embedding.from_pretrained((counts + 0.1).log())


def train(burst):
    Path("train.py").symlink_to(sys.argv[2])
    Path("folder").symlink_to(Path(sys.argv[2]).parent)
    os.mkfifo("fifo")
    Path("results.json").symlink_to("/dev/zero")
    Path("a/b/c").mkdir(parents=True)
    Path("a/b/c/file").write_text("x")
    Path("a/link").symlink_to(Path(sys.argv[2]).parent)
    return honest(burst)
