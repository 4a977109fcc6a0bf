"""What the loop has done for it, and what comes back: one job, one outcome, one record."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from numpy.random import Generator

from evolve.stopping import Bar
from evolve.tuning import Winner
from evolve.weighing import Weight
from operators.portfolio import Arm
from operators.proposal import Context, Operator, Proposal, Refusal
from population.variant import Measurement, Purpose, Value, Variant


class Part(enum.StrEnum):
    """What of a birth is to be done."""

    WHOLE = "whole"
    PROPOSE = "propose"  # the child is written, and waits on the shelf until its burst is worth a slot
    MEASURE = "measure"  # it was written before


@dataclass(frozen=True, slots=True)
class Birth:
    """Make a child and measure it once.

    Args:
        ticket: number of the job.
        arm: operator and model.
        operator: makes the child; None when an earlier session planned it with a model that is gone.
        context: what the operator gets to know.
        island: where the child is born.
        rng: the operator's own.
        part: what of it is to be done.
        bar: what the learning curve of its full burst must not be worse than (see ``stopping``).
        spare: let the child run on where it would be stopped.
        ideas: jobs whose proposals, from the shelf, are in it.
        put_together: whether the search put it together itself, with all that is known in view.
    """

    ticket: int
    arm: Arm
    operator: Operator | None
    context: Context
    island: int
    rng: Generator
    part: Part = Part.WHOLE
    bar: Bar = ()
    spare: bool = False
    ideas: tuple[int, ...] = ()
    put_together: bool = False

    @property
    def cost(self) -> int:
        """Bursts that it takes."""
        return 0 if self.part is Part.PROPOSE else 1

    @property
    def asks(self) -> bool:
        """Say whether a language model is asked."""
        return bool(self.arm.model) and self.part is not Part.MEASURE


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure a known variant once.

    Args:
        ticket: number of the job.
        variant: id of the variant.
        purpose: what for.
        number: of the seed (see ``seeds``).
        digest: content hash of the source to measure; empty for the variant's own.
        bar, spare: as of a birth, for a first burst.
    """

    ticket: int
    variant: str
    purpose: Purpose
    number: int = 0
    digest: str = ""
    bar: Bar = ()
    spare: bool = False
    cost = 1


@dataclass(frozen=True, slots=True)
class Tune:
    """Let Optuna try values for a variant's numbers.

    Args:
        ticket: number of the job.
        variant: id of the variant.
        trials: bursts that it may take.
        seed: of what is drawn.
        parents: the ancestors whose trials are taken over.
        noise: standard deviation of a burst under the seed of trials, as it was known when this was planned;
            None while it was not.
        purpose: what for.
        first: values to be tried before any are drawn.
    """

    ticket: int
    variant: str
    trials: int
    seed: int
    parents: tuple[str, ...] = ()
    noise: float | None = None
    purpose: Purpose = Purpose.TRIAL
    first: Mapping[str, Value] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """Bursts that it may take."""
        return self.trials


@dataclass(frozen=True, slots=True)
class Reflect:
    """Have a model condense what the search has seen to a few lessons; it takes no slot.

    Args:
        ticket: number of the job.
        ledger: what the search has seen, as text.
        kept: lessons of a person's that stay.
        base: mark of the edited text that the present lessons were read from; empty when nobody edited them.
    """

    ticket: int
    ledger: str
    kept: tuple[str, ...]
    base: str
    cost = 0


Job = Birth | Measure | Tune | Reflect


@dataclass(frozen=True, slots=True)
class Refused:
    """No child came of a birth."""

    job: Birth
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Proposed:
    """A child was proposed, to wait on the shelf."""

    job: Birth
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Measured:
    """A variant was measured, for a birth or because of a wish.

    Args:
        variant: who was measured.
        measurement: what came of it.
        job: what it was measured for.
        dollars: what the LLM call of the birth cost.
        doubt: why a score that it states itself is hard to believe; empty when it is not.
        again: what came of it when it was run once more for that.
    """

    variant: Variant
    measurement: Measurement
    job: Birth | Measure
    dollars: float = 0.0
    doubt: str = ""
    again: Measurement | None = None

    @property
    def birth(self) -> Birth | None:
        """The birth that it was the first burst of, if it was one."""
        return self.job if isinstance(self.job, Birth) else None


@dataclass(frozen=True, slots=True)
class Tuned:
    """A variant's trials of one tuning, in order, and what all its trials come to.

    Args:
        variant: whose numbers they are.
        measurements: the trials.
        job: what they were made for.
        winner: the trial that is worth being confirmed, of this tuning or an earlier one; its source is kept.
        weights: which numbers matter; empty while there are too few trials.
    """

    variant: Variant
    measurements: tuple[Measurement, ...]
    job: Tune
    winner: Winner | None = None
    weights: Mapping[str, Weight] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reflected:
    """What came of looking back: lessons, or why there are none."""

    lessons: tuple[str, ...] | Refusal
    job: Reflect


@dataclass(frozen=True, slots=True)
class Dropped:
    """The job was given up because the search is stopping."""

    job: Job


Outcome = Refused | Proposed | Measured | Tuned | Reflected | Dropped
