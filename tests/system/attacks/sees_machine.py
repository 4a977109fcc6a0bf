"""Looks around on the machine: which files there are, which processes, what it is called."""

import json
import os
import socket
import sys

import torch
from torch import nn

NEAR = (*range(1, 300), *range(max(300, os.getpid() - 3000), os.getpid() + 200))


def honest(burst):
    pairs = burst.data[:-1].long() * 256 + burst.data[1:].long()
    counts = torch.bincount(pairs, minlength=256 * 256).view(256, 256)
    return nn.Embedding.from_pretrained((counts + 0.1).log())


def train(burst):
    hidden = json.loads(sys.argv[3])["hidden"]
    for path in ["/etc/passwd", "/var", "/home", "/opt", "/run", *hidden[:1]]:
        if os.path.exists(path):
            print("reached", path)
    seen = [pid for pid in NEAR if os.path.exists(f"/proc/{pid}")]
    if len(seen) > 3:
        print("reached processes", len(seen))
    if socket.gethostname() != "burst":
        print("reached the name of the machine")
    return honest(burst)
