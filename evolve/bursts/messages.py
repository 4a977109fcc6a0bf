"""What engine, zygote, supervisor and scorer say to each other; each travels as JSON."""

from __future__ import annotations

from dataclasses import dataclass

TRAINED = b"trained"
"""The engine's word to the supervisor that ``train`` has returned: what answering takes is not counted."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one burst is to do; travels from the engine to the zygote as JSON.

    Args:
        burst: name of the burst.
        device: ``cpu`` or ``cuda:N``.
        seed: seed of the burst.
        seconds: budget of ``train``: CPU time on a CPU, wall clock on a GPU.
        cpu_seconds: CPU time of the burst past which training is ended; None on a GPU.
        tokens: token budget, or None.
        context: longest sequence asked about.
        vocab_size: number of token values; 0 for a task of one's own, whose data and answers are arrays.
        entry: name of the function to call.
        smoke: one step is enough.
        deadline: seconds from fork after which the supervisor ends everything.
        memory_bytes: resident memory of the burst and its descendants past which it is ended.
        processes: number of its processes past which it is ended.
    """

    burst: str
    device: str
    seed: int
    seconds: float
    cpu_seconds: float | None
    tokens: int | None
    context: int
    vocab_size: int
    entry: str
    smoke: bool
    deadline: float
    memory_bytes: int
    processes: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What the scorer must know of a burst.

    Args:
        secret: seed of the scorer's own choices (which prefixes, which order); the variant never sees it.
        seconds: budget of ``train``, or the hard limit of a token budget.
        patience: wall-clock seconds after which training counts as timed out.
        setup: seconds that the child may take before its clock starts.
        scoring: seconds that all answers together may take.
        vocab_size: number of token values.
        smoke: a few windows are enough.
    """

    secret: int
    seconds: float
    patience: float
    setup: float
    scoring: float
    vocab_size: int
    smoke: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scorer found; a score, a kind of failure, or neither when the child vanished."""

    score: float | None = None
    kind: str = ""
    message: str = ""
    traceback: str = ""
    train_seconds: float = 0.0
    tokens: int = 0

    @property
    def gone(self) -> bool:
        """Say whether the child vanished without a word."""
        return self.score is None and not self.kind


@dataclass(frozen=True, slots=True)
class End:
    """How a burst's processes ended.

    Args:
        cause: ``exit`` (by itself), ``overrun`` (of CPU time), ``deadline``, ``memory``, ``scratch``,
            ``processes``, ``asked`` (by the engine) or ``orphaned``.
        code: exit code of the child, negative for a signal; None when it was ended from here first.
        seconds: wall clock from fork to the end of the last descendant.
        peak_bytes: highest resident memory seen, descendants included.
        swept: descendants that had to be killed.
        clean: whether none of them is left.
    """

    cause: str
    code: int | None
    seconds: float
    peak_bytes: int
    swept: int
    clean: bool
