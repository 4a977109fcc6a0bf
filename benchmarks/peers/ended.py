"""What an adapter is given and what it tells: the two files between a driver and a peer's own interpreter.

Needs only the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.evaluator import Outcome

IN_FLIGHT = 8  # evaluations at most that a system had begun when it stopped, and does not know of
CEILING = 10.0
"""What losses are taken from for systems that maximise: above every loss, so that 0 is worse than any."""


@dataclass(frozen=True)
class Task:
    """One search of a peer.

    Args:
        folder: where it may write; exists.
        source: the seed program.
        server: address of the scripted model.
        evaluations: to be made, the seed program's included.
        seed: of the search.
        slots: evaluations at once.
        changes: settings of the peer that differ from its defaults.
        log: of the evaluations.
    """

    folder: str
    source: str
    server: str
    evaluations: int
    seed: int
    slots: int
    changes: Mapping[str, Any]
    log: str


@dataclass(frozen=True)
class Ended:
    """How a search of a peer ended.

    Args:
        best: number of the evaluation that it called its best, after each evaluation.
        agrees: its own last answer is what ``best`` says.
        seconds: from its first evaluation to its end.
        version: of the peer.
    """

    best: tuple[int, ...]
    agrees: bool
    seconds: float
    version: str


def best_by_score(outcomes: Sequence[Outcome]) -> tuple[int, ...]:
    """Return the evaluation with the best score so far, after each; the first of equals, as all peers do."""
    best: list[int] = []
    leader, lead = 1, float("inf")
    for outcome in outcomes:
        if outcome.score is not None and outcome.score < lead:
            leader, lead = outcome.index, outcome.score
        best.append(leader)
    return tuple(best)


def agrees(outcomes: Sequence[Outcome], best: Sequence[int], answer: str) -> bool:
    """Say whether the source of this digest is the best, but for what was in flight when the peer stopped."""
    last = set(best[-1 - IN_FLIGHT :])
    return any(outcome.digest == answer for outcome in outcomes if outcome.index in last)


def read_task(path: Path) -> Task:
    """Read what the driver wrote."""
    return Task(**json.loads(path.read_text()))


def write(path: Path, what: Task | Ended) -> None:
    """Write a task or an end."""
    path.write_text(json.dumps(asdict(what)))


def read_ended(path: Path) -> Ended:
    """Read what an adapter wrote."""
    told = json.loads(path.read_text())
    return Ended(**{**told, "best": tuple(told["best"])})


def count(log: Path) -> int:
    """Return how many evaluations are in a log."""
    return log.read_bytes().count(b"\n") if log.exists() else 0


def until(log: Path, evaluations: int, stop: Callable[[], object], pause: Callable[[float], object]) -> None:
    """Call ``stop`` once there are so many evaluations."""
    while count(log) < evaluations:
        pause(0.02)
    stop()
