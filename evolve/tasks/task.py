"""The seam between the engine and what is optimised."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from population.variant import Direction, FailureKind

Bytes = NDArray[np.uint8]
Tokens = NDArray[np.int64]
Logits = NDArray[np.float32]

Unseen = Literal["validation", "test"]
"""The part of the data that answers are scored on: in a search, or in a last look at what it came to."""


class Unfit(Exception):
    """Says that a variant's answers break a rule; the scorer process turns it into a ``Failure``.

    Args:
        kind: the rule broken; a task's checks find ``contract``, ``nonfinite``, ``noncausal``, ``stateful``.
        message: one sentence for the variant's author.
        traceback: its last lines, where there is one.
    """

    def __init__(self, kind: FailureKind, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.traceback = traceback


class Ask(Protocol):
    """The trusted side's only way to a variant's model: one batch of tokens in, its logits out."""

    def __call__(self, tokens: Tokens) -> Logits:
        """Return the model's logits, float32 (B, T, vocab), for int64 (B, T) tokens, T at most the context.

        What comes back is the variant's word: shape, dtype and values are still to be checked. An
        implementation lets its own faults (a dead burst, a deadline) through as its own exceptions.
        """


class Scorable(Protocol):
    """What is optimised: its data, its metric, and how answers are scored."""

    @property
    def name(self) -> str:
        """Name in settings and specs."""

    @property
    def metric(self) -> str:
        """Name of the metric, such as ``val_bpb``."""

    @property
    def direction(self) -> Direction:
        """Which way the metric is better."""

    @property
    def entry(self) -> str:
        """Name of the function that a variant must define."""

    def describe(self) -> str:
        """Return the data, the metric and the contract of train.py, for prompts and for people."""

    def fingerprint(self) -> str:
        """Return the content hash of the data, in hex."""

    def to_spec(self, split: Unseen = "validation") -> dict[str, Any]:
        """Return plain JSON from which ``registry.from_spec`` rebuilds the task to score with.

        Args:
            split: what answers are scored on; nothing in a search may read ``test``.
        """

    def train_bytes(self) -> Bytes:
        """Return the train split, uint8 (N,): all that a variant may see; in the engine process only."""

    def held_out(self) -> tuple[Path, ...]:
        """Return the files and folders here that hold what scores are read from; in the engine only."""

    def smaller(self) -> Scorable:
        """Return the same task with just enough to score that all checks are made (for smoke bursts)."""

    def score(self, ask: Any, rng: Generator) -> float:
        """Return the metric of the model behind ``ask``; runs in the scorer process only.

        Args:
            ask: the way to the model: an ``Ask``, or that of ``own``.
            rng: source of the checks' secrets; a variant must not be able to repeat it.

        Raises:
            Unfit: the answers break a rule.
        """
