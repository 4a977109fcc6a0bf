"""Which children go on from a short burst to a full one: asynchronous successive halving.

Li et al., A System for Massively Parallel Hyperparameter Tuning (ASHA), MLSys 2020, algorithm 2, with one
rung below the full burst. Whoever is in the best 1 / ``reduction`` of the results so far is promoted, at once
or when others have made room for it; while there are fewer results than that, everybody is.

A short burst's score is no fitness: it compares with other short bursts alone, all under one seed.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass

from evolve.policy import Policy
from population.fitness import Burst
from population.ranking import Ranking, number_of
from population.records import Gone, Note
from population.store import Population
from population.variant import Purpose, State, Variant

PROMOTED = "notes.promoted"
"""Table of the variants whose full burst is wished for or under way, each with whether it had to wait."""

RUNG, PROMOTION, SPARED, STOPPED = "rung", "promoted", "spared", "pruned"
"""Kinds of the events that tell of short bursts, and of bursts that were stopped or should have been."""


WINDOW = 60
"""Latest results that are compared: children get better as a search goes on, and old ones make no bar."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A variant that goes on to a full burst.

    Args:
        variant: its id.
        late: it had been taken for stopped.
        spared: it is not among the best, and goes on to tell how often stopping is wrong.
    """

    variant: str
    late: bool = False
    spared: bool = False

    @property
    def kind(self) -> str:
        """Kind of the event that tells of it."""
        return SPARED if self.spared else PROMOTION

    @property
    def text(self) -> str:
        """What happened, in one sentence."""
        if self.spared:
            return f"{self.variant} is not among the best, and goes on to tell how often stopping is wrong"
        return f"{self.variant} is {'by now ' if self.late else ''}among the best: it goes on to a full burst"


class Rungs:
    """The short bursts of a run.

    Args:
        policy: share of a full burst, and what part of the children goes on.
        population: what is known; promotions are noted there.
    """

    def __init__(self, policy: Policy, population: Population) -> None:
        self._policy = policy
        self._population = population
        self._results = Ranking()
        self._latest: deque[str] = deque()
        self._waiting: list[tuple[float, int, str]] = []
        self._spared: set[str] = set()  # they went on already

    def restore(self) -> None:
        """Take in the results on record."""
        for name in self._population.measured:
            scores = self._population.scores(name)
            went_on = name in self._population.notes(PROMOTED) or any(_is_first(m) for m in scores)
            for measured in filter(self._counts, scores):
                self._take(measured, waits=not went_on)

    def note(self, measured: Burst, spare: bool) -> list[Promotion]:
        """Take in a burst; return who goes on because of it.

        Args:
            measured: a burst; only a short one that came to a score makes a difference.
            spare: let the variant go on whatever its place.
        """
        if not self._counts(measured):
            return []
        self._take(measured, waits=True)
        promoted = [Promotion(name, late=name != measured.variant) for name in self._ripe()]
        if spare and measured.variant not in {one.variant for one in promoted}:
            self._spared.add(measured.variant)
            promoted.append(Promotion(measured.variant, spared=True))
        notes = (Note(PROMOTED, one.variant, {"late": one.late}) for one in promoted)
        self._population.stage(*notes)
        return promoted

    def ended(self, variant: Variant) -> bool | None:
        """Note that a variant had its full burst; return whether it was late, None if not promoted."""
        note = self._population.notes(PROMOTED).get(variant.id)
        if note is None:
            return None
        self._population.stage(Gone(PROMOTED, variant.id))
        return bool(note["late"])

    def _counts(self, measured: Burst) -> bool:
        """Say whether a burst is a short one as they are now, and has a score."""
        short = measured.purpose is Purpose.RUNG and measured.share == self._policy.rung
        return short and measured.state is State.SCORED

    def _take(self, measured: Burst, waits: bool) -> None:
        assert measured.score is not None
        key = self._policy.direction.key(measured.score)
        self._results.set(measured.variant, key)
        self._latest.append(measured.variant)
        if len(self._latest) > WINDOW:
            self._results.remove(self._latest.popleft())
        if waits:
            heapq.heappush(self._waiting, (key, number_of(measured.variant), measured.variant))

    def _ripe(self) -> list[str]:
        """Return those who wait and are among the best by now; they wait no longer."""
        found: list[str] = []
        cut = self._cut()
        while self._waiting and self._waiting[0][0] <= cut:
            found.append(heapq.heappop(self._waiting)[2])
        return [name for name in found if name in self._results and name not in self._spared]

    def _cut(self) -> float:
        """Return the worst key that goes on."""
        best = len(self._results) // self._policy.reduction
        return self._results.key(self._results.at(best - 1)) if best else math.inf


def _is_first(measured: Burst) -> bool:
    return measured.purpose is Purpose.FIRST
