"""Children without a model: random edits that leave valid Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from operators.edits import Edited, same_text
from operators.jitter import jitter
from operators.proposal import Context, Proposal, Refusal, RefusalKind
from operators.recombine import recombine
from operators.rewrites import drop, duplicate, swap
from population.genome import TuneError, parse, parse_tunables

KINDS: tuple[tuple[Callable[[str, Generator], Edited | None], float], ...] = (
    (jitter, 0.6),
    (swap, 0.2),
    (drop, 0.1),
    (duplicate, 0.1),
)
"""Edits of one source, each with its share of the draws."""

_TRIES = 3  # of each kind


@dataclass(frozen=True, slots=True)
class Syntactic:
    """Steps tunables, swaps equivalent calls, drops or repeats a statement."""

    name: ClassVar[str] = "syntactic"
    arity: ClassVar[int] = 1

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Make a child of ``context.parents[0]``."""
        source = context.parents[0].source
        shares = [share for _, share in KINDS]
        for i in rng.choice(len(KINDS), size=len(KINDS), replace=False, p=shares):
            for _ in range(_TRIES):
                edited = KINDS[i][0](source, rng)
                if edited is not None and is_sound(edited.source, [source]):
                    return Proposal(edited.source, edited.hypothesis, self.name)
        return Refusal(RefusalKind.NOTHING, "no edit of any kind fits the parent", self.name)


@dataclass(frozen=True, slots=True)
class Recombine:
    """Joins top-level definitions and tunables' values of two parents."""

    name: ClassVar[str] = "recombine"
    arity: ClassVar[int] = 2

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Make a child of ``context.parents[0]`` and ``context.parents[1]``."""
        first, second = context.parents[:2]
        for _ in range(_TRIES):
            edited = recombine(first.source, second.source, rng)
            if edited is not None and is_sound(edited.source, [first.source, second.source]):
                return Proposal(edited.source, edited.hypothesis, self.name)
        return Refusal(RefusalKind.NOTHING, "the parents have nothing to exchange", self.name)


def is_sound(source: str, parents: Sequence[str]) -> bool:
    """Say whether a child is valid Python with valid marks, and is none of its parents."""
    try:
        compile(parse(source), "train.py", "exec", dont_inherit=True)
        parse_tunables(source)
    except (SyntaxError, ValueError, RecursionError, TuneError):
        return False
    return not any(same_text(source, parent) for parent in parents)
