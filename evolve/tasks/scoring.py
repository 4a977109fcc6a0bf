"""Bits per byte of a model behind ``ask``, with the checks that make the figure honest.

The rows are asked in this order:

1. the scored windows, each once and only here, in shuffled order, with stitched windows (see ``audit``)
   among them that look the same;
2. the first batch again: another answer means a model that keeps state;
3. one stitched window alone: another answer means that rows of a batch leak into each other;
4. prefixes of stitched windows, at lengths drawn from ``rng``: another answer means that later bytes
   change earlier predictions. Lengths and rows are unknown before they are asked.

A model without memory that looks ahead fails 4. One that remembers what it was asked, and repeats it,
passes 2 to 4 and fails by the coins of the stitched windows.

Not covered: a model that remembers *and* looks ahead so timidly that the coins do not tell (figures at
``MOST_EVIDENCE``); one that remembers and learns from the windows while it is asked.

Bytes asked beyond plain scoring of 128 windows: 26 % (stitched 12.5, repeat 3, alone 1, prefixes 9.4 in
the mean), never more than 29 %; of 512 windows, 7 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evolve.tasks.audit import Stitched, evidence, stitch
from evolve.tasks.task import Ask, Bytes, Tokens, Unfit
from population.variant import FailureKind

Answers = NDArray[np.float32]
"""Log-probabilities, (B, T, vocab)."""

BATCH = 16  # rows a query
REPEATED = 4  # rows of the first query, which is asked again
STITCHED = 16  # stitched windows among the scored ones
PREFIXES = 12  # queries of PREFIX_ROWS prefixes of one length, one in each twelfth of the context
PREFIX_ROWS = 2

# Nats. Measured on the seed, the same rows in other shapes: fp32 differs by up to 7e-6, bf16 by up to 0.06 in
# one log-probability and by 0.001 in a mean over the prefixes. Larger logits are coarser in bf16 (half an
# ulp is 0.06 at 16 to 32), hence the room. A model without memory that looks ahead gains at most
# MEAN_TOLERANCE a byte within it.
WORST_TOLERANCE = 0.5
MEAN_TOLERANCE = 0.02
UNLIKELY = math.log(1e-4)  # below this, log-probabilities count as equal: bf16 says nothing exact there

# In standard deviations; an honest model passes it less than once in 600,000 bursts. Measured on Python's
# library, windows of 256 bytes, a trigram model that mixes the next byte in with weight a: it shows 5.3, 6.6,
# 8.4 and 15 in the mean for a = 0.01, 0.02, 0.05 and 0.5, and gains 0.3, 0.5, 0.8 and 2.2 bits.
MOST_EVIDENCE = 5.5


def bits_per_byte(ask: Ask, windows: Tokens, text: Bytes, vocab_size: int, rng: Generator) -> float:
    """Return the mean of -log2 p(next byte) over all positions of the windows.

    Args:
        ask: the way to the model.
        windows: int64 (W, context + 1); the last byte of each is never sent.
        text: the split that they come from, for the stitched windows.
        vocab_size: width of the logits.
        rng: source of the order, the lengths and the coins.

    Raises:
        Unfit: the answers break a rule.
    """
    context = windows.shape[1] - 1
    stitched = stitch(text, STITCHED, context, rng)
    rows = np.concatenate([windows[:, :-1], stitched.rows])
    order = rng.permutation(len(rows))
    surprise = np.empty(windows[:, 1:].shape)
    answers = np.empty((STITCHED, context, vocab_size), dtype=np.float32)
    first: Answers | None = None
    for batch in _batches(order):
        log_probs = answer(ask, rows[batch], vocab_size)
        first = log_probs if first is None else first
        scored = batch < len(windows)
        labels = windows[batch[scored], 1:, None]
        surprise[batch[scored]] = -np.take_along_axis(log_probs[scored], labels, axis=2)[..., 0]
        answers[batch[~scored] - len(windows)] = log_probs[~scored]
    assert first is not None
    _check_repeat(ask, rows[order[: len(first)]], first)
    _check_alone(ask, stitched, answers)
    _check_prefixes(ask, stitched, answers, rng)
    _check_coins(stitched, answers)
    return float(surprise.mean()) / math.log(2.0)


def answer(ask: Ask, tokens: Tokens, vocab_size: int) -> Answers:
    """Return the model's log-probabilities for the tokens, its logits checked and normalised.

    Raises:
        Unfit: ``contract`` for another shape or dtype, ``nonfinite`` for NaN or infinity.
    """
    logits = ask(tokens)
    want = (*tokens.shape, vocab_size)
    if logits.shape != want or logits.dtype != np.float32:
        raise Unfit(
            FailureKind.CONTRACT,
            f"the model must map tokens {tokens.shape} to float32 logits {want}, "
            f"it gave {logits.dtype} {logits.shape}",
        )
    if not np.isfinite(logits).all():
        raise Unfit(FailureKind.NONFINITE, "the model's logits hold NaN or infinity")
    exact = logits.astype(np.float64)  # a difference of two finite float32 numbers may overflow float32
    exact -= exact.max(axis=-1, keepdims=True)
    exact -= np.log(np.exp(exact).sum(axis=-1, keepdims=True))
    return np.maximum(exact, np.finfo(np.float32).min).astype(np.float32)


def _batches(order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each query: ``REPEATED`` at first, then ``BATCH``."""
    yield order[:REPEATED]
    for start in range(REPEATED, len(order), BATCH):
        yield order[start : start + BATCH]


def _check_repeat(ask: Ask, tokens: Tokens, first: Answers) -> None:
    """Ask the first query again."""
    again = answer(ask, tokens, first.shape[2])
    if (gap := _gap(first, again)) > WORST_TOLERANCE:
        raise Unfit(
            FailureKind.STATEFUL,
            f"the model answers the same tokens differently the second time (by {gap:.3g} nats)",
        )


def _check_alone(ask: Ask, stitched: Stitched, answers: Answers) -> None:
    """Ask one row by itself."""
    alone = answer(ask, stitched.rows[:1], answers.shape[2])
    if (gap := _gap(answers[:1], alone)) > WORST_TOLERANCE:
        raise Unfit(
            FailureKind.NONCAUSAL,
            f"the model's answer for a row depends on the other rows of its batch (by {gap:.3g} nats)",
        )


def _check_prefixes(ask: Ask, stitched: Stitched, answers: Answers, rng: Generator) -> None:
    """Ask what comes next where nothing later can be seen, and compare."""
    gains: list[NDArray[np.float64]] = []
    worst = 0.0
    edges = np.linspace(1, stitched.rows.shape[1], PREFIXES + 1).astype(int)
    for length in map(int, rng.integers(edges[:-1], edges[1:])):
        rows = rng.choice(len(stitched.rows), size=PREFIX_ROWS, replace=False)
        short = answer(ask, stitched.rows[rows, :length], answers.shape[2])
        whole = answers[rows, :length]
        worst = max(worst, _gap(whole, short))
        following = stitched.rows[rows, length]
        each = np.arange(PREFIX_ROWS)
        gains.append((whole - short)[each, -1, following].astype(np.float64))
    gain = float(np.mean(gains))
    if worst > WORST_TOLERANCE or abs(gain) > MEAN_TOLERANCE:
        raise Unfit(
            FailureKind.NONCAUSAL,
            f"the model's predictions change when later bytes are there (by up to {worst:.3g} nats, "
            f"{gain:+.3g} in the mean for the byte that follows)",
        )


def _check_coins(stitched: Stitched, answers: Answers) -> None:
    """See whether the answers knew how the coins fell."""
    if (lean := evidence(stitched, answers)) > MOST_EVIDENCE:
        raise Unfit(
            FailureKind.NONCAUSAL,
            f"the model's predictions know which byte follows ({lean:.1f} standard deviations)",
        )


def _gap(one: Answers, other: Answers) -> float:
    """Return the largest difference of log-probabilities, over bytes that either holds for likely."""
    return float(np.abs(np.maximum(one, UNLIKELY) - np.maximum(other, UNLIKELY)).max())
