"""What is known of one train.py: who it is, how it failed, what was measured."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

Value = bool | int | float | str
"""A tunable's value, as it stands in the source."""


class Direction(enum.StrEnum):
    """Which way the metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    def key(self, score: float) -> float:
        """Return a number that is smaller for better scores."""
        return score if self is Direction.MINIMIZE else -score

    def gain(self, score: float, over: float) -> float:
        """Return by how much ``score`` is better than ``over`` (negative when worse)."""
        return self.key(over) - self.key(score)


class FailureKind(enum.StrEnum):
    """Why a variant has no score."""

    SYNTAX = "syntax"
    CONTRACT = "contract"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    KILLED = "killed"
    NONFINITE = "nonfinite"
    NONCAUSAL = "noncausal"
    STATEFUL = "stateful"
    LIMIT = "limit"

    @property
    def repeats(self) -> bool:
        """Say whether the same source would fail the same way again, so that a retry is waste."""
        return self is not FailureKind.KILLED


@dataclass(frozen=True, slots=True)
class Failure:
    """A variant's failure, as data: a kind, one sentence, and the last lines of its traceback."""

    kind: FailureKind
    message: str
    traceback: str = ""


class State(enum.StrEnum):
    """What a burst came to."""

    SCORED = "scored"
    FAILED = "failed"
    PRUNED = "pruned"


def state(score: float | None, failure: object | None) -> State:
    """Say what a burst came to that has this score, or this failure."""
    if failure is not None:
        return State.FAILED
    return State.PRUNED if score is None else State.SCORED


class Purpose(enum.StrEnum):
    """What a burst was spent on."""

    FIRST = "first"  # to see what a new variant is worth
    TRIAL = "trial"  # one of Optuna's
    CONFIRM = "confirm"  # the best trial once more, before it counts
    REPLICATE = "replicate"  # on a seed that nothing was selected by
    CONTROL = "control"  # a trial of a champion's parent, to see what numbers alone bring
    CREDIT = "credit"  # that parent with other numbers, on fresh seeds
    VERIFY = "verify"  # champion against seed, on the test split
    ABLATION = "ablation"  # a part of the champion's change
    RUNG = "rung"  # a short burst, to see whether a full one is worth it

    @property
    def searches(self) -> bool:
        """Say whether the burst is part of the search, and not of looking at what it came to."""
        return self not in (Purpose.VERIFY, Purpose.ABLATION)

    @property
    def tries(self) -> bool:
        """Say whether the burst is a trial of Optuna's."""
        return self in (Purpose.TRIAL, Purpose.CONTROL)

    @property
    def whole(self) -> bool:
        """Say whether it has a full burst's budget, so that its score compares with other such scores."""
        return self is not Purpose.RUNG


@dataclass(frozen=True, slots=True)
class Measurement:
    """One burst of one exact source, and what the scorer said of it.

    This is the gate for scores: a score is a finite number, and stands beside no failure.

    Args:
        variant: id of the variant measured.
        digest: content hash of the exact source that ran.
        seed: seed given to the burst.
        purpose: what the burst was spent on.
        score: the metric, or None when the burst failed or was pruned.
        failure: why there is no score; None for a scored or a pruned burst.
        seconds: wall-clock seconds of the whole burst, start to last answer.
        train_seconds: wall-clock seconds between the first line of ``train`` and its return.
        tokens: tokens that the variant says it trained on (its own word; not used for the score).
        curve: ``(progress, loss)`` pairs that the variant reported, progress in 0..1.
        values: the tunables' values in that source.
        trial: number of the Optuna trial, when the burst was one.
        device: where it ran, such as ``cpu`` or ``cuda:0``.
        sandbox: what confined it, such as ``L2``; empty where that was not recorded.
        share: the part of a full burst that the search spent on it, over 0 to 1, in thousandths.
        also: further numbers of it, by their names, that nothing is decided by.
        said: what an evaluator said of it, for whoever writes the next program.
        excess: by how much each limit on those numbers is exceeded; 0 or less keeps it.

    Raises:
        ValueError: the score is not finite, or stands beside a failure; or the share is no part of a burst.
    """

    variant: str
    digest: str
    seed: int
    purpose: Purpose
    score: float | None
    failure: Failure | None
    seconds: float
    train_seconds: float = 0.0
    tokens: int = 0
    curve: tuple[tuple[float, float], ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    trial: int | None = None
    device: str = "cpu"
    sandbox: str = ""
    share: float = 1.0
    also: Mapping[str, float] = field(default_factory=dict)
    said: str = ""
    excess: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0 or self.share != round(self.share, 3):
            raise ValueError(f"a share must be thousandths of a burst, over 0 to 1, got {self.share}")
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"a score must be a finite number, got {self.score}")
        if self.score is not None and self.failure is not None:
            raise ValueError(f"a failed burst has no score, got {self.score} beside {self.failure.kind}")

    @property
    def spent(self) -> bool:
        """Say whether the search spent a burst on it; a source refused before its burst cost none."""
        return self.purpose.searches and self.seconds > 0.0

    @property
    def state(self) -> State:
        """Say what the burst came to."""
        return state(self.score, self.failure)


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The part of a failure that decisions are made by."""

    kind: FailureKind


class Score(msgspec.Struct, frozen=True, gc=False):
    """The part of a measurement that decisions are made by, small enough to be kept in memory for all.

    Args:
        variant, digest, seed, purpose, score, failure, seconds, share: as in ``Measurement``.
    """

    variant: str
    digest: str
    seed: int
    purpose: Purpose
    score: float | None
    failure: Failed | None
    seconds: float
    share: float = 1.0

    @property
    def spent(self) -> bool:
        """Say whether the search spent a burst on it (see ``Measurement``)."""
        return self.purpose.searches and self.seconds > 0.0

    @property
    def state(self) -> State:
        """Say what the burst came to."""
        return state(self.score, self.failure)


@dataclass(frozen=True, slots=True)
class Variant:
    """One train.py in the population; its text lies beside the store under ``digest``.

    Args:
        id: short name, ``v0`` for the seed, then counted up in the order of proposal.
        digest: content hash of the source it stands for now.
        proposed: content hash of the source as proposed; differs from ``digest`` once tuned.
        fingerprint: hash of the normalised source as proposed (see ``genome.fingerprint``).
        parents: ids of the variants it was made from; empty for the seed.
        operator: name of the operator that made it, ``seed`` for the seed.
        hypothesis: the idea in one line.
        island: number of the island it was born on.
        generation: 0 for the seed, else one more than its youngest parent's.
        model: the LLM that wrote it; empty when none did.
        tuned: values that Optuna found better and that were written into the source.
        created: unix time of its admission, seconds.
        transcripts: file names, under ``transcripts/``, of the LLM exchanges that it came from.
    """

    id: str
    digest: str
    proposed: str
    fingerprint: str
    parents: tuple[str, ...]
    operator: str
    hypothesis: str
    island: int
    generation: int
    model: str = ""
    tuned: Mapping[str, Value] = field(default_factory=dict)
    created: float = 0.0
    transcripts: tuple[str, ...] = ()
