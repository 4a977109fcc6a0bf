"""How the champion's score fell, as a picture: matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evolve.errors import InputError
from evolve.race import CROWNED
from evolve.report.standing import champion, direction, labelled, seed
from population.fitness import Fitness
from population.store import Population
from population.variant import Purpose

_TOLD = ("measured", "replicated")  # kinds of events of which each tells of one burst, no trial
_BURSTS = frozenset({Purpose.FIRST, Purpose.REPLICATE})  # what these tell of


@dataclass(frozen=True, slots=True)
class Reign:
    """A champion, from the burst that crowned it on; its score is what is known of it now."""

    variant: str
    since: float
    fitness: Fitness


@dataclass(frozen=True, slots=True)
class Course:
    """What a picture shows.

    Args:
        reigns: the champions, in order; the first is the seed.
        others: bursts before the first score of each variant, and its score now.
        seed: the seed's fitness.
        end: bursts of the search.
    """

    reigns: tuple[Reign, ...]
    others: tuple[tuple[float, float], ...]
    seed: Fitness
    end: float


def check() -> None:
    """Refuse to go on without matplotlib.

    Raises:
        InputError: it is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  it takes a moment, and most commands draw nothing
    except ImportError as error:
        raise InputError(
            "the picture of a report needs matplotlib: pip install 'evolve-train[report]'"
        ) from error


def course(population: Population) -> Course | None:
    """Follow the champions over the bursts of a run; None before the seed has a score.

    Bursts stand in the order in which they ended; a champion's reign begins with the burst that was told of
    last before its crowning.
    """
    first = seed(population)
    base = None if first is None else population.fitness(first.id)
    if base is None:
        return None
    ends: dict[str, list[float]] = {}
    scored: dict[str, float] = {}
    used = 0.0
    for name, purpose, share, has_score in _bursts(population):
        used = round(used + share, 3)
        if purpose in _BURSTS:
            ends.setdefault(name, []).append(used)
        if has_score:
            scored.setdefault(name, used)
    reigns: list[Reign] = []
    told: Counter[str] = Counter()
    now = 0.0
    for event in population.events_of(*_TOLD, CROWNED):
        name = str(event.data.get("variant"))
        if event.kind == CROWNED:
            fitness = population.fitness(name) if name in population.variants else None
            reigns += [] if fitness is None else [Reign(name, now, fitness)]
        elif told[name] < len(ends.get(name, ())):
            now = max(now, ends[name][told[name]])
            told[name] += 1
    best = champion(population)
    if not reigns and best is not None and best.id in scored:  # it was not crowned by a search
        reigns += [Reign(best.id, scored[best.id], population.fitness(best.id) or base)]
    known = {name: population.fitness(name) for name in scored}
    others = tuple((scored[name], fitness.mean) for name, fitness in known.items() if fitness is not None)
    return Course(tuple(reigns), others, base, used)


def draw(population: Population) -> bytes:
    """Return the picture of a run as PNG.

    Raises:
        InputError: there is nothing to draw, or no matplotlib.
    """
    check()
    found = course(population)
    if found is None:
        raise InputError(f"{population.folder} has nothing to draw: its seed has no score yet")
    figure = _figure(found, labelled(population), minimized=direction(population).value == "minimize")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150, metadata={"Software": None})
    return drawn.getvalue()


def _figure(found: Course, name: str, minimized: bool) -> Any:
    """Draw champions with their standard errors, the other variants, and the seed's line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(found.seed.mean, color="0.5", linestyle="--", linewidth=1, label="seed")
    axes.plot(*zip(*found.others, strict=True), linestyle="", marker=".", color="0.7", label="variants")
    ends = [one.since for one in found.reigns[1:]] + [found.end]
    steps = [
        (at, one.fitness) for one, end in zip(found.reigns, ends, strict=False) for at in (one.since, end)
    ]
    if steps:
        xs, means = [at for at, _ in steps], [one.mean for _, one in steps]
        errors = [0.0 if math.isnan(one.standard_error) else one.standard_error for _, one in steps]
        low, high = ([m + sign * e for m, e in zip(means, errors, strict=True)] for sign in (-1, 1))
        axes.fill_between(xs, low, high, color="tab:blue", alpha=0.25, linewidth=0, label="± standard error")
        axes.plot(xs, means, color="tab:blue", linewidth=2, label="champion")
    for one in found.reigns:
        axes.annotate(one.variant, (one.since, one.fitness.mean), (4, 4), textcoords="offset points", size=8)
    shown = [one.fitness.mean for one in found.reigns] + [found.seed.mean]
    room = 0.25 * (max(shown) - min(shown)) or abs(found.seed.mean) or 1.0
    worst, best = (max, min) if minimized else (min, max)
    limits = worst(shown) + room * (1 if minimized else -1), best(shown) - room * (1 if minimized else -1)
    axes.set_ylim(min(limits), max(limits))  # a child that went wrong would flatten all others
    axes.set_xlabel("bursts of the search")
    axes.set_ylabel(name.replace("$", r"\$"))
    axes.legend(frameon=False, fontsize=8)
    return figure


def _bursts(population: Population) -> Iterator[tuple[str, Purpose, float, bool]]:
    """Yield variant, purpose and share of each burst that the search spent, and whether it has a score."""
    for one in population.db.table("measurements"):
        purpose = Purpose(one["purpose"])
        if purpose.searches and one["seconds"] > 0.0:
            yield one["variant"], purpose, float(one.get("share", 1.0)), one["score"] is not None
