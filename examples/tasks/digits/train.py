"""A small network, trained by gradient descent on all pictures in small batches."""

import torch
from torch import nn

WIDTH = 32  # tune: int 8..256
LEARNING_RATE = 1e-3  # tune: log 1e-4..1e-1
ROWS = 16  # tune: int 8..256


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(size, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))

    def forward(self, images):
        return self.layers(images.flatten(1))


def train(burst):
    images, classes = burst.data["images"].to(burst.device), burst.data["classes"].to(burst.device)
    model = Net(images[0].numel()).to(burst.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)
    while burst.progress() < 1:
        rows = torch.randint(len(images), (ROWS,), device=burst.device)
        loss = nn.functional.cross_entropy(model(images[rows]), classes[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        burst.count(ROWS)
        burst.report(loss)
    return model
