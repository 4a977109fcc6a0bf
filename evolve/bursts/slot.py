"""What a zygote hands on to each burst: the slot that it runs in, and the ends of its streams."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from evolve.bursts.landlock import Rule
from evolve.bursts.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Slot:
    """What all bursts of a slot share.

    Args:
        data: the train split.
        box: how they are confined.
        rules: what Landlock allows them.
        scratch: descriptor of the folder that they work in.
    """

    data: torch.Tensor
    box: Sandbox
    rules: Sequence[Rule]
    scratch: int


@dataclass(frozen=True, slots=True)
class Ends:
    """What comes with an order, as descriptors, in this order.

    Args:
        answers: the child's end of its stream to the scorer.
        control: the supervisor's end of its stream to the engine; its end of file means the engine is gone.
        log: the file that the burst's capped output is written to at the end.
        source: the variant's text.
    """

    answers: socket.socket
    control: socket.socket
    log: int
    source: int

    @classmethod
    def of(cls, descriptors: Sequence[int]) -> Ends:
        """Take descriptors over."""
        answers, control, log, source = descriptors
        return cls(socket.socket(fileno=answers), socket.socket(fileno=control), log, source)
