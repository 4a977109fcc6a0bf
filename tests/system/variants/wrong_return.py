"""Returns no module."""


def train(burst):
    return {"model": burst.seed}
