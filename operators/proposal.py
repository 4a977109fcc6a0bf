"""What an operator gets and what it gives: a context in, a proposal or a refusal out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
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
        said: what an evaluator said of it, where there is one.
    """

    variant: Variant
    source: str
    fitness: Fitness | None
    curve: tuple[tuple[float, float], ...] = ()
    failure: Failure | None = None
    numbers: tuple[Number, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One idea tried before, near the parent, and what came of it."""

    hypothesis: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The steps of a lineage that brought a change about, and what they gained.

    Args:
        variants: ids of the variants that these steps made, oldest first.
        idea: theirs, in one line.
        gain: how much better the score became with them, positive when better; None while not measured.
        standard_error: of the gain; NaN while the noise is unknown.
    """

    variants: tuple[str, ...]
    idea: str
    gain: float | None = None
    standard_error: float = float("nan")


@dataclass(frozen=True, slots=True)
class Change:
    """Lines ``start`` to ``end`` of the ancestor (from 0, half open) became ``at`` to ``stop`` of the parent.

    ``origin`` is its place among the origins of its branch.
    """

    start: int
    end: int
    at: int
    stop: int
    origin: int


@dataclass(frozen=True, slots=True)
class Branch:
    """How a parent differs from an ancestor.

    Args:
        origins: the steps that made the difference.
        changes: of its text, from top to bottom, the values of tunables left out.
        values: the tunables whose values differ, each with the place of its origin.
    """

    origins: tuple[Origin, ...]
    changes: tuple[Change, ...]
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The nearest variant that both parents descend from, and are not.

    Args:
        variant: its id.
        digest: content hash of its source, as it was proposed.
        source: that text.
        branches: how the first parent differs from it, and how the second.
    """

    variant: str
    digest: str
    source: str
    branches: tuple[Branch, Branch]


@dataclass(frozen=True, slots=True)
class Recurring:
    """An error, or an idea in vain, that came again and again, and how often."""

    what: str
    times: int


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
        level: what is asked for: 0 a refinement, 1 another mechanism, 2 to think again; it rises while
            nothing helps.
        ancestor: of both parents; None when there is none, or one that is not known.
        history: what led from the seed to the first parent, oldest first.
        failures: what failed again and again in this run.
        lessons: what was learnt in this run, one line each.
        known: how many outcomes were on record when this was written.
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
    level: int = 0
    ancestor: Ancestor | None = None
    history: tuple[Attempt, ...] = ()
    failures: tuple[Recurring, ...] = ()
    lessons: tuple[str, ...] = ()
    known: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A child's source, not yet looked at by anyone; ``transcripts`` are the exchanges that it came from."""

    source: str
    hypothesis: str
    operator: str
    model: str = ""
    dollars: float = 0.0
    transcripts: tuple[str, ...] = ()


class RefusalKind(enum.StrEnum):
    """Why there is no child to measure."""

    LLM = "llm"  # the model could not be asked, or did not answer
    REPLY = "reply"  # the reply holds no usable edit
    EDIT = "edit"  # the edit does not apply to the parent
    UNCHANGED = "unchanged"  # the child is its parent
    DUPLICATE = "duplicate"  # the child is a variant already known
    REPEATED = "repeated"  # the idea was tried before, in vain
    NOTHING = "nothing"  # the operator found nothing to do on these parents


@dataclass(frozen=True, slots=True)
class Refusal:
    """No child, and why, in one precise sentence; ``twins`` are the earlier variants of a repeated idea."""

    kind: RefusalKind
    reason: str
    operator: str
    model: str = ""
    hypothesis: str = ""
    dollars: float = 0.0
    twins: tuple[str, ...] = ()


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
