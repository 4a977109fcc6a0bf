"""Looks for the lowest point of a bumpy function of two numbers, in few looks at it."""

import random

# EVOLVE-BLOCK-START
STEPS = 60  # tune: int 5..60
REACH = 2.0  # tune: log 0.01..5


def search(function, seed):
    """Return a point at which ``function(x, y)`` is low."""
    rng = random.Random(seed)
    best = (rng.uniform(-5, 5), rng.uniform(-5, 5))
    lowest = function(*best)
    for _ in range(STEPS):
        point = (best[0] + rng.uniform(-REACH, REACH), best[1] + rng.uniform(-REACH, REACH))
        value = function(*point)
        if value < lowest:
            best, lowest = point, value
    return best


# EVOLVE-BLOCK-END


def run(function, seed):
    return search(function, seed)
