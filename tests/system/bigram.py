"""The smallest language model: which byte follows which. Its larger batch sizes are a trap."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

WIDTH = 16  # tune: int 8..64 step 8
LEARNING_RATE = 0.1  # tune: log 0.01..1
DECAY = 0.1  # tune: 0..0.9
ROWS = 8  # tune: choice 4 8 16 32 64 128 256


def train(burst):
    if ROWS > 8:
        raise ValueError(f"{ROWS} rows do not fit")
    model = nn.Sequential(nn.Embedding(burst.vocab_size, WIDTH), nn.Linear(WIDTH, burst.vocab_size))
    optimiser = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    while (progress := burst.progress()) < 1:
        optimiser.param_groups[0]["lr"] = 10 * LEARNING_RATE * (1 - DECAY * progress)
        inputs, targets = burst.batch(ROWS)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        burst.report(loss.item())
    return model
