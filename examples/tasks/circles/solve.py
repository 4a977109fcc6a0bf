"""Circles on a grid that is shaken, each as large as its neighbours and the square leave room for."""

import numpy as np

COLUMNS = 6  # tune: int 4..7
SHAKE = 0.02  # tune: log 0.001..0.2
GAP = 1e-9


def radii(points):
    """Return radii that fit: the square's edge, or half of the way to the nearest neighbour."""
    edge = np.minimum(points, 1 - points).min(axis=1)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return np.maximum(np.minimum(edge, apart.min(axis=1) / 2) - GAP, 0.0)


def solve(burst):
    rng = np.random.default_rng(burst.seed)
    rows = -(-26 // COLUMNS)
    grid = [
        ((column + 0.5) / COLUMNS, (row + 0.5) / rows) for row in range(rows) for column in range(COLUMNS)
    ]
    points = np.array(grid[:26])
    best = radii(points)
    while burst.progress() < 1:
        moved = np.clip(points + rng.normal(0, SHAKE, points.shape), 0, 1)
        found = radii(moved)
        if found.sum() > best.sum():
            points, best = moved, found
    return np.column_stack([points, best])
