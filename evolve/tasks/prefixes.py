"""Prefix-only queries: what a model says of a byte while nothing after it can be seen, by anybody.

A window that is asked about whole shows each byte to the model that predicts it. A prefix ends before the
byte in question, and as long as that text has not been shown, neither peeking nor remembering helps: the
surprise at the byte is an honest one. If a model does much better on whole windows than on prefixes, it has
looked ahead, however well it hides that from every other check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """Prefixes of one length, asked together.

    Args:
        length: bytes shown; the byte after them is the one in question.
        rows: which windows, int64 (rows,).
    """

    length: int
    rows: Rows


def draw(windows: int, context: int, lengths: int, rows: int, rng: Generator) -> tuple[Cut, ...]:
    """Return cuts of rising length, one in each of equal stretches of 1..context.

    Each window is drawn once before any is drawn again. Lengths rise so that none is cut shorter after more
    of it was shown.
    """
    edges = np.linspace(1, context + 1, lengths + 1).astype(np.int64)
    needed = -(-lengths * rows // windows)
    order = np.concatenate([rng.permutation(windows) for _ in range(needed)])
    return tuple(
        Cut(int(rng.integers(low, max(high, low + 1))), order[number * rows : (number + 1) * rows])
        for number, (low, high) in enumerate(pairwise(edges))
    )


def excess(prefixes: NDArray[np.float64], windows: NDArray[np.float64]) -> float:
    """Return by how much prefixes surprise more than whole windows, in standard errors of that difference.

    Args:
        prefixes: surprise at the byte after each prefix, (prefixes,); lengths spread evenly over the context.
        windows: surprise at each byte of whole windows, (windows, context).
    """
    each = windows.mean(axis=1)  # bytes of a window are surprising together, so windows are what is counted
    error = math.sqrt(_of_mean(prefixes) + _of_mean(each))
    return float(prefixes.mean() - each.mean()) / error if error > 0.0 else 0.0


def _of_mean(values: NDArray[np.float64]) -> float:
    """Return the variance of the mean of independent values."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
