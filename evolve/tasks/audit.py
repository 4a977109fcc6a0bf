"""Stitched windows: true-looking text whose next byte was chosen by a coin that no model can know.

A model may see a whole window at once, so it could read byte t + 1 while it predicts byte t + 1, and a
model with a memory can pass any test that asks about a window twice, in either order: it repeats
what it said of the prefix it knows. So the question is put once. Here and there a window goes on, by
a fair coin, either with its own next byte x or with the next byte y of another place in the text that
ends in the same bytes. Whatever an honest model says at that position, it says before it can see how
the coin fell: its preference for the byte shown over the byte not shown is as often right as wrong. A
model that peeks prefers the byte shown. Stitched windows travel among the scored ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evolve.tasks.task import Bytes, Tokens

# Bytes of text for each coin. Half of the coins change the text, so a window changes about every 20 bytes.
SPACING = 10
COINS = 6  # the least in a window, so that short ones tell enough
SHARED = 2  # bytes before the coin that the two continuations share
POOL = 1 << 20  # bytes of text that windows are stitched from, so that a long text costs no more
CEILINGS = tuple(math.log(chance) for chance in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003))
FLOOR = -12.0  # log-probabilities below are all the same to the test, so that no single coin decides it


@dataclass(frozen=True, slots=True)
class Stitched:
    """Windows that go on by coin flips.

    Args:
        rows: int64 (rows, context), what the model is shown.
        at: int64 (coins, 2), row and position of each byte that a coin chose.
        shown: int64 (coins,), the byte that is there.
        other: int64 (coins,), the byte that would be there, had the coin fallen the other way.
    """

    rows: Tokens
    at: Tokens
    shown: Tokens
    other: Tokens


def stitch(text: Bytes, rows: int, context: int, rng: Generator) -> Stitched:
    """Return windows of ``text`` with a coin in each of a few stretches, at places drawn from ``rng``."""
    text = text[(start := int(rng.integers(max(1, len(text) - POOL)))) : start + POOL]
    ends = _endings(text)
    made = np.empty((rows, context), dtype=np.int64)
    coins: list[tuple[int, int, int, int]] = []
    for row in range(rows):
        spots = np.sort(_spots(context, rng))
        source, start = int(rng.integers(len(text) - context)), 0
        for spot in spots:
            made[row, start:spot] = text[source : source + spot - start]
            source, start = source + int(spot) - start, int(spot)
            donor = _donor(text, ends, source, context - start, rng)
            if donor is None:
                continue
            source, unseen = (donor, source) if rng.random() < 0.5 else (source, donor)
            coins.append((row, start, int(text[source]), int(text[unseen])))
        made[row, start:] = text[source : source + context - start]
    table = np.array(coins, dtype=np.int64).reshape(-1, 4)
    return Stitched(made, table[:, :2], table[:, 2], table[:, 3])


def evidence(stitched: Stitched, log_probs: NDArray[np.float32]) -> float:
    """Return how far the answers lean to the bytes shown, in standard deviations of an honest model's.

    With d the preference for the byte shown (a difference of log-probabilities) at each coin, this is
    sum(d) / sqrt(sum(d^2)). For a model that cannot see the byte each sign is a fair coin, so it exceeds z
    with a probability of about exp(-z^2 / 2) at most, whatever the model (fair signs: Hoeffding, JASA 58,
    1963, theorem 2; fair given the past: de la Pena, Annals of Probability 27, 1999). A model that mixes
    the next byte in with a small weight never holds the byte shown for less likely than that weight; to
    see it, probabilities above a ceiling count as equal. The most telling of ``CEILINGS`` is returned, so
    the probability above is to be taken that many times.

    Args:
        stitched: the windows asked.
        log_probs: float32 (rows, context, vocab), the answers for them.
    """
    rows, positions = stitched.at[:, 0], stitched.at[:, 1] - 1
    held = np.maximum(log_probs[rows, positions].astype(np.float64), FLOOR)
    coins = np.arange(len(rows))
    shown, other = held[coins, stitched.shown], held[coins, stitched.other]
    return max(_lean(np.minimum(shown, top) - np.minimum(other, top)) for top in CEILINGS)


def _lean(preferences: NDArray[np.float64]) -> float:
    """Return the sum over the root of the sum of squares; 0 without any preference."""
    spread = math.sqrt(float(np.square(preferences).sum()))
    return float(preferences.sum()) / spread if spread > 0.0 else 0.0


def _spots(context: int, rng: Generator) -> Tokens:
    """Draw the positions of one window's coins, one in each of its equal stretches."""
    stretches = max(COINS, context // SPACING)
    edges = np.linspace(SHARED, context, stretches + 1).astype(np.int64)
    return np.array([rng.integers(low, high) for low, high in pairwise(edges)])


def _endings(text: Bytes) -> NDArray[np.uint32]:
    """Return for each position the ``SHARED`` bytes before it, as one number (position ``SHARED`` first)."""
    ends = np.zeros(len(text) - SHARED, dtype=np.uint32)
    for back in range(SHARED):
        ends = ends * np.uint32(256) + text[back : len(text) - SHARED + back]
    return ends


def _donor(text: Bytes, ends: NDArray[np.uint32], source: int, need: int, rng: Generator) -> int | None:
    """Draw a place after the same bytes as ``source`` that goes on with another one for long enough."""
    if source < SHARED:
        return None
    same = np.flatnonzero(ends[: len(text) - SHARED - need] == ends[source - SHARED]) + SHARED
    places = same[text[same] != text[source]]
    return int(rng.choice(places)) if len(places) else None
