"""Takes 6 GiB of its GPU and holds them."""

import time

import torch


def train(burst):
    held = torch.ones(6 << 28, device=burst.device)
    burst.report(held[0])
    time.sleep(60)
