"""What a variant's ``train`` is given: the train split, a budget, and a place to report its loss."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

_REPORTS = 100
_SMOKE_SECONDS = 0.5
_MOST_TOKENS = 1 << 60


class Burst:
    """One short training run.

    Attributes:
        data: the train split, ``torch.uint8`` of shape (N,), documents joined by a zero byte. CPU memory. In
            a task of one's own, the arrays that it shows, by name.
        vocab_size: 256 for bytes.
        context: the longest sequence that the model will be asked about.
        device: ``cpu`` or ``cuda``.
        seed: the burst's seed; torch, numpy and random are seeded with it before ``train`` is called.
        seconds: budget: CPU time of the burst on a CPU, so that neighbours on the cores do not change what
            it learns, and wall clock on a GPU; in a token budget only the hard limit.
        tokens: token budget, or None when the budget is seconds.
    """

    def __init__(
        self,
        data: Tensor | dict[str, Tensor],
        *,
        vocab_size: int,
        context: int,
        device: str,
        seed: int,
        seconds: float,
        tokens: int | None,
        smoke: bool,
        send: Callable[[float, float, int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.data = data
        self.vocab_size = vocab_size
        self.context = context
        self.device = device
        self.seed = seed
        self.seconds = seconds
        self.tokens = tokens
        self._smoke = smoke
        self._spent = 0
        self._send = send
        self._clock = clock
        self._start = clock()
        self._next_report = 0.0
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def spent(self) -> int:
        """Tokens counted so far."""
        return self._spent

    def batch(self, rows: int) -> tuple[Tensor, Tensor]:
        """Draw random windows and count their tokens.

        Returns:
            Inputs and targets, int64 of shape (rows, context), on the burst's device; targets are the
            inputs one byte later.
        """
        if not isinstance(self.data, Tensor):
            raise TypeError("burst.batch() draws windows of a text; this task shows arrays in burst.data")
        last = len(self.data) - self.context - 1
        starts = torch.randint(last + 1, (rows,), generator=self._generator)
        index = starts[:, None] + torch.arange(self.context + 1)
        windows = self.data[index].long()
        if self.device != "cpu":
            windows = windows.pin_memory().to(self.device, non_blocking=True)
        self.count(rows * self.context)
        return windows[:, :-1], windows[:, 1:]

    def count(self, tokens: int) -> None:
        """Count tokens trained on; for a variant that samples ``data`` without ``batch``.

        Raises:
            ValueError: a negative or absurd number.
        """
        if not 0 <= tokens < _MOST_TOKENS:
            raise ValueError(f"count() takes the number of tokens trained on, got {tokens}")
        self._spent = min(self._spent + int(tokens), _MOST_TOKENS)

    def progress(self) -> float:
        """Return how much of the budget is used, 0 to 1: train until it is 1."""
        if self._smoke:
            return float(self._spent > 0 or self._clock() - self._start > _SMOKE_SECONDS)
        if self.tokens is not None:
            return min(1.0, self._spent / self.tokens)
        return min(1.0, (self._clock() - self._start) / self.seconds)

    def report(self, loss: float | Tensor) -> None:
        """Record a point of the learning curve; at most one for each hundredth of the budget is kept."""
        progress = self.progress()
        if progress < self._next_report:
            return
        self._next_report = (math.floor(progress * _REPORTS) + 1) / _REPORTS
        value = loss.detach() if isinstance(loss, Tensor) else loss
        self._send(progress, float(value), self._spent)
