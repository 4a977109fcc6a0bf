"""How the best so far came down, against what had been spent by then."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evolve.chronicle import MEASURED, REPLICATED
from evolve.race import CROWNED
from population.ledger import Event
from population.store import Population
from population.variant import Purpose, Score


@dataclass(frozen=True, slots=True)
class Spent:
    """What had been spent by a moment: bursts (each by the share that ran), their seconds, and dollars."""

    evaluations: float
    seconds: float
    dollars: float


class Ledger:
    """What had been spent when each burst ended, and what calls had cost at any time."""

    def __init__(self, population: Population) -> None:
        self._bursts = population.scores_in_order()
        spent = [score if score.spent else None for score in self._bursts]
        self._evaluations = list(itertools.accumulate(0.0 if s is None else s.share for s in spent))
        self._seconds = list(itertools.accumulate(0.0 if s is None else s.seconds for s in spent))
        calls = sorted((call.at, call.dollars or 0.0) for call in population.calls)
        self._times = [at for at, _ in calls]
        self._dollars = list(itertools.accumulate(dollars for _, dollars in calls))

    @property
    def bursts(self) -> Sequence[Score]:
        """The measurements, in order."""
        return self._bursts

    def spent(self, burst: int, at: float) -> Spent:
        """Return what had been spent once a burst had ended, at a time."""
        paid = bisect.bisect_right(self._times, at)
        dollars = self._dollars[paid - 1] if paid else 0.0
        if not self._bursts or burst < 0:
            return Spent(0.0, 0.0, dollars)
        return Spent(round(self._evaluations[burst], 3), round(self._seconds[burst], 3), dollars)

    def now(self) -> Spent:
        """Return what has been spent."""
        return self.spent(len(self._bursts) - 1, float("inf"))


def course(population: Population) -> dict[str, Any]:
    """Return each champion with what had been spent when it was crowned, as estimated today, and what is now.

    ``variants`` are columns for the graph's variants: what had been spent when each had its first full burst;
    None before that.
    """
    ledger = Ledger(population)
    return {
        "champions": [
            _champion(population, event, ledger.spent(burst, event.at))
            for event, burst in _crowned(population, ledger.bursts)
            if str(event.data.get("variant")) in population.variants
        ],
        "now": _columns([ledger.now()]),
        "variants": _variants(population, ledger),
    }


def _crowned(population: Population, bursts: Sequence[Score]) -> list[tuple[Event, int]]:
    """Return each crowning with the place of the burst that it followed.

    Bursts and what is told of them are on record in the same order: the third ``replicated`` tells of the
    third replicate.
    """
    places = {
        MEASURED: [n for n, score in enumerate(bursts) if score.purpose in (Purpose.FIRST, Purpose.RUNG)],
        REPLICATED: [n for n, score in enumerate(bursts) if score.purpose is Purpose.REPLICATE],
    }
    told = {MEASURED: 0, REPLICATED: 0}
    found = []
    for event in population.events_of(MEASURED, REPLICATED, CROWNED):
        if event.kind != CROWNED:
            told[event.kind] += 1
            continue
        before = [
            places[kind][min(n, len(places[kind])) - 1] for kind, n in told.items() if n and places[kind]
        ]
        found.append((event, max(before, default=-1)))
    return found


def _champion(population: Population, event: Event, spent: Spent) -> dict[str, Any]:
    name = str(event.data["variant"])
    fitness = population.fitness(name)
    return {
        "id": name,
        "evaluations": spent.evaluations,
        "seconds": spent.seconds,
        "dollars": spent.dollars,
        "mean": fitness.mean if fitness else None,
        "error": fitness.standard_error if fitness else None,
        "n": fitness.n if fitness else 0,
    }


def _variants(population: Population, ledger: Ledger) -> dict[str, list[float | None]]:
    first: dict[str, int] = {}
    for place, score in enumerate(ledger.bursts):
        if score.purpose.whole:
            first.setdefault(score.variant, place)
    return _columns(
        [
            ledger.spent(first[name], variant.created) if name in first else None
            for name, variant in population.variants.items()
        ]
    )


def _columns(found: Sequence[Spent | None]) -> dict[str, list[float | None]]:
    return {
        "evaluations": [None if one is None else one.evaluations for one in found],
        "seconds": [None if one is None else one.seconds for one in found],
        "dollars": [None if one is None else one.dollars for one in found],
    }
