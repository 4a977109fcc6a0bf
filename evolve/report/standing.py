"""What came of each variant, and how the champion stands against the seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from evolve.race import CROWNED, ENTERED, LEFT
from evolve.report.figures import gain_error
from evolve.report.untrusted import one_line
from evolve.rungs import PROMOTED
from population.fitness import Burst, Fitness, probability_better
from population.store import Population
from population.variant import Direction, Failure, Measurement, State, Variant

STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a variant so far.

    Args:
        state: ``scored``, ``failed``, ``stopped``, or ``waiting`` before its first burst has ended.
        fitness: its estimate when it is scored.
        failure: its last failure when it failed.
        share: the part of a full burst at which it was stopped.
    """

    state: str
    fitness: Fitness | None = None
    failure: Failure | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The champion against the seed; None where nothing is measured yet.

    Args:
        champion: who it is.
        best: its fitness.
        seed: the seed's fitness.
        gain: by how much the champion is better.
        error: standard error of the gain; NaN while the noise is unknown, None for the seed itself.
        probability: P(champion truly better than seed); None while the seed is the champion.
        trust: whose word scores are (see ``trust``).
    """

    champion: Variant | None
    best: Fitness | None
    seed: Fitness | None
    gain: float | None
    error: float | None
    probability: float | None
    trust: str = ""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who is probably better than the champion, and is not proven to be.

    Args:
        variant: its id.
        mean: of its score, as all that was measured of its relatives tells.
        deviation: standard deviation of that.
    """

    variant: str
    mean: float
    deviation: float


def leader(population: Population) -> Leader | None:
    """Return who the search takes for the best, None where that is the champion, or not known."""
    known = population.meta("leader")
    if known is None or known[0] == population.meta("champion") or known[0] not in population.variants:
        return None
    return Leader(str(known[0]), float(known[1]), float(known[2]))


def direction(population: Population) -> Direction:
    """Return which way the run's metric is better."""
    return Direction(population.meta("direction") or "minimize")


def metric(population: Population) -> str:
    """Return the name of the run's metric."""
    return str(population.meta("metric") or "score")


def trust(population: Population) -> str:
    """Return whose word scores are: ``self-reported`` for that of the programs; empty where we score."""
    return str(population.meta("trust") or "")


def labelled(population: Population, between: str = " ") -> str:
    """Return the name of the metric for a person, safe to print, with a word on whose word scores are."""
    said, name = trust(population), one_line(metric(population))
    return f"{name}{between}({said})" if said else name


def champion(population: Population) -> Variant | None:
    """Return the champion, None before there is one."""
    return population.variants.get(str(population.meta("champion")))


def contender(population: Population) -> str | None:
    """Return the variant that is measured on fresh seeds against the champion, None while there is none."""
    last = next(reversed(population.events_of(ENTERED, LEFT, CROWNED)), None)
    return str(last.data["variant"]) if last is not None and last.kind == ENTERED else None


def seed(population: Population) -> Variant | None:
    """Return the seed: the first variant of all."""
    return next(iter(population.variants.values()), None)


def bursts(population: Population) -> Iterator[Measurement]:
    """Yield every burst of the search, variant by variant."""
    for name in population.variants:
        yield from (m for m in population.measurements(name) if m.spent)


def worth(measured: Iterable[Burst]) -> float:
    """Return how many full bursts these are worth, each by the share that ran."""
    return round(math.fsum(m.share for m in measured), 3)


def outcome(population: Population, name: str) -> Outcome:
    """Say what came of a variant."""
    fitness = population.fitness(name)
    if fitness is not None:
        return Outcome(State.SCORED.value, fitness)
    measured = population.measurements(name)
    failures = [m.failure for m in measured if m.failure is not None]
    if failures:
        return Outcome(State.FAILED.value, failure=failures[-1])
    if not measured or name in population.notes(PROMOTED):
        return Outcome("waiting")
    return Outcome(STOPPED, share=measured[-1].share)


def gain_over(population: Population, name: str, parent: str) -> float | None:
    """Return by how much a variant is better than another, None when either has no score."""
    own, other = population.fitness(name), population.fitness(parent)
    if own is None or other is None:
        return None
    return direction(population).gain(own.mean, over=other.mean)


def standing(population: Population) -> Standing:
    """Compare the champion with the seed."""
    best_one, first = champion(population), seed(population)
    best = population.fitness(best_one.id) if best_one else None
    base = population.fitness(first.id) if first else None
    said = trust(population)
    if best_one is None or first is None or best is None or base is None:
        return Standing(best_one, best, base, None, None, None, said)
    way = direction(population)
    gain, error = way.gain(best.mean, over=base.mean), gain_error(best, base)
    if best_one.id == first.id:
        return Standing(best_one, best, base, gain, error, None, said)
    found = population.difference(best_one.id, first.id, way)
    if found is None:  # no fresh seeds in common: as far as single scores tell
        return Standing(best_one, best, base, gain, error, probability_better(best, base, way), said)
    return Standing(best_one, best, base, found.gain, found.standard_error, found.probability, said)


def standing_data(now: Standing) -> dict[str, Any]:
    """Return the champion against the seed as plain data."""
    return {
        "champion": now.champion.id if now.champion else None,
        "score": now.best.mean if now.best else None,
        "standard_error": now.best.standard_error if now.best else None,
        "n": now.best.n if now.best else 0,
        "seed_score": now.seed.mean if now.seed else None,
        "gain": now.gain,
        "gain_error": now.error,
        "probability": now.probability,
        "trust": now.trust,
    }
