"""What an operator gets and what it gives: a context in, a proposal or a refusal out."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from numpy.random import Generator

from population.fitness import Fitness
from population.variant import Direction, Failure, Value, Variant


@dataclass(frozen=True, slots=True)
class Number:
    """What tuning says of one tunable.

    Args:
        name: its name.
        matters: whether it does; None for neither much nor nothing.
        best: the best value found, or the one in force.
    """

    name: str
    matters: bool | None
    best: Value


@dataclass(frozen=True, slots=True)
class Parent:
    """A variant shown to an operator, with all that is known of it.

    Args:
        variant: who it is.
        source: its text.
        fitness: its estimate; None for a variant that failed.
        curve: ``(progress, loss)`` pairs of its last burst.
        failure: why it failed, for ``repair``.
        numbers: what tuning says of its tunables, the weightiest first; empty while it says nothing.
    """

    variant: Variant
    source: str
    fitness: Fitness | None
    curve: tuple[tuple[float, float], ...] = ()
    failure: Failure | None = None
    numbers: tuple[Number, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One idea tried before, near the parent, and what came of it."""

    hypothesis: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Context:
    """All that an operator may know.

    Args:
        task: what is optimised, for a person: data, metric, contract of train.py.
        metric: name of the metric.
        direction: which way it is better.
        directions: the user's own words (``--program``); may be empty.
        parents: as many as the operator's ``arity``.
        inspirations: other variants, best first, diverse.
        attempts: what was tried around the first parent, oldest first.
        noise: standard deviation of one burst's score; NaN when unknown.
        number: number of the birth; names its exchange with a model.
    """

    task: str
    metric: str
    direction: Direction
    directions: str
    parents: tuple[Parent, ...]
    inspirations: tuple[Parent, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    noise: float = float("nan")
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A child's source, not yet looked at by anyone."""

    source: str
    hypothesis: str
    operator: str
    model: str = ""


class RefusalKind(enum.StrEnum):
    """Why there is no child to measure."""

    LLM = "llm"  # the model could not be asked, or did not answer
    REPLY = "reply"  # the reply holds no usable edit
    EDIT = "edit"  # the edit does not apply to the parent
    UNCHANGED = "unchanged"  # the child is its parent
    DUPLICATE = "duplicate"  # the child is a variant already known
    NOTHING = "nothing"  # the operator found nothing to do on these parents


@dataclass(frozen=True, slots=True)
class Refusal:
    """No child, and why, in one precise sentence."""

    kind: RefusalKind
    reason: str
    operator: str
    model: str = ""
    hypothesis: str = ""


class Operator(Protocol):
    """Makes one child from ``arity`` parents. Holds no state; the generator is an argument."""

    @property
    def name(self) -> str:
        """Name in the lineage."""

    @property
    def arity(self) -> int:
        """How many parents it takes."""

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Make one child from ``context.parents``."""
