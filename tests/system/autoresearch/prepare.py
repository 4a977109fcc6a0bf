"""What stays as it is: the text, and how a model is scored. A stand-in that needs no GPU and no download."""

import itertools
import math
import os
import random

VOCAB = 27
BUDGET = 0.2  # seconds of training
_LETTERS = "abcdefghijklmnopqrstuvwxyz "


def texts():
    """Return text to train on and text to be scored on: a small language with rules of its own."""
    rng = random.Random(7)
    words = ["".join(rng.choice(_LETTERS[:-1]) for _ in range(rng.randint(2, 6))) for _ in range(40)]
    drawn = [rng.choice(words) for _ in range(4000)]
    return encoded(" ".join(drawn[:3500])), encoded(" ".join(drawn[3500:]))


def encoded(text):
    return [_LETTERS.index(letter) for letter in text]


def seed():
    """Return a seed of this run: the harness gives one, and it is drawn otherwise."""
    return int(os.environ.get("EVOLVE_SEED", random.randrange(2**32)))


def evaluate_bpb(probability):
    """Return the bits per byte of a model on a sample of the held-out text.

    ``probability(before, after)`` is the chance that a letter follows another.
    """
    _, held = texts()
    pairs = random.Random(seed()).sample(list(itertools.pairwise(held)), 1200)
    return -sum(math.log2(max(1e-9, probability(before, after))) for before, after in pairs) / len(pairs)
