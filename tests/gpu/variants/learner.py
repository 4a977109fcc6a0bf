"""The smallest language model that learns on whatever device it is given."""

import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

WIDTH = 16  # tune: int 8..64 step 8
LEARNING_RATE = 1.0  # tune: log 0.1..10
DECAY = 0.1  # tune: 0..0.9
ROWS = 8  # tune: choice 4 8 16 32 64


def train(burst):
    model = nn.Sequential(nn.Embedding(burst.vocab_size, WIDTH), nn.Linear(WIDTH, burst.vocab_size))
    model.to(burst.device)
    optimiser = optim.SGD(model.parameters(), lr=LEARNING_RATE)
    step = 0
    while (progress := burst.progress()) < 1:
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - DECAY * progress)
        inputs, targets = burst.batch(ROWS)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 10 == 0:
            burst.report(loss)
        step += 1
    return model
