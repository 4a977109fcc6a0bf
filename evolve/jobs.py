"""What the loop has done for it, and what comes back: one job, one outcome, one record."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from operators.portfolio import Arm
from operators.proposal import Context, Operator, Refusal
from population.variant import Measurement, Purpose, Variant


@dataclass(frozen=True, slots=True)
class Birth:
    """Make a child and measure it once."""

    ticket: int
    arm: Arm
    operator: Operator
    context: Context
    island: int
    rng: Generator
    cost = 1

    @property
    def asks(self) -> bool:
        """Say whether a language model is asked."""
        return bool(self.arm.model)


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure a known variant once."""

    ticket: int
    variant: str
    purpose: Purpose
    cost = 1


@dataclass(frozen=True, slots=True)
class Tune:
    """Let Optuna try values for a variant's numbers."""

    ticket: int
    variant: str
    trials: int
    seed: int

    @property
    def cost(self) -> int:
        """Bursts that it may take."""
        return self.trials


Job = Birth | Measure | Tune


@dataclass(frozen=True, slots=True)
class Refused:
    """No child came of a birth."""

    birth: Birth
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Measured:
    """A variant was measured; ``birth`` is there when that was its first burst."""

    variant: Variant
    measurement: Measurement
    birth: Birth | None = None


@dataclass(frozen=True, slots=True)
class Tuned:
    """A variant's trials, in order, and for each the exact source that ran."""

    variant: Variant
    measurements: tuple[Measurement, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """The job was given up because the search is stopping."""

    job: Job


Outcome = Refused | Measured | Tuned | Dropped
