"""What the loop has done for it, and what comes back: one job, one outcome, one record."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from evolve.stopping import Bar
from operators.portfolio import Arm
from operators.proposal import Context, Operator, Refusal
from population.variant import Measurement, Purpose, Variant


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
        bar: what the learning curve of its full burst must not be worse than (see ``stopping``).
        spare: let the child run on where it would be stopped.
    """

    ticket: int
    arm: Arm
    operator: Operator | None
    context: Context
    island: int
    rng: Generator
    bar: Bar = ()
    spare: bool = False
    cost = 1

    @property
    def asks(self) -> bool:
        """Say whether a language model is asked."""
        return bool(self.arm.model)


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
        parents: those of the variant's parents whose trials are taken over.
    """

    ticket: int
    variant: str
    trials: int
    seed: int
    parents: tuple[str, ...] = ()

    @property
    def cost(self) -> int:
        """Bursts that it may take."""
        return self.trials


Job = Birth | Measure | Tune


@dataclass(frozen=True, slots=True)
class Refused:
    """No child came of a birth."""

    job: Birth
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Measured:
    """A variant was measured, for a birth or because somebody wished for it."""

    variant: Variant
    measurement: Measurement
    job: Birth | Measure

    @property
    def birth(self) -> Birth | None:
        """The birth that it was the first burst of, if it was one."""
        return self.job if isinstance(self.job, Birth) else None


@dataclass(frozen=True, slots=True)
class Tuned:
    """A variant's trials, in order; the source of the best one has been kept."""

    variant: Variant
    measurements: tuple[Measurement, ...]
    job: Tune


@dataclass(frozen=True, slots=True)
class Dropped:
    """The job was given up because the search is stopping."""

    job: Job


Outcome = Refused | Measured | Tuned | Dropped
