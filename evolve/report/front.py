"""Score against a further number: the variants that no other one beats in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from evolve.report import figures
from evolve.report.standing import direction, labelled
from evolve.report.tables import columns, section
from evolve.report.untrusted import one_line
from population.fitness import Fitness
from population.store import Population

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Point:
    """A variant on the front."""

    variant: str
    fitness: Fitness
    value: float


def names(population: Population) -> Mapping[str, bool]:
    """Return the further numbers that the run keeps, and whether less of each is better."""
    return {str(name): bool(less) for name, less in (population.meta("also") or {}).items()}


def front(population: Population, name: str, less: bool) -> list[Point]:
    """Return the variants that no other one beats in score and number, the best score first."""
    way = direction(population)
    points = []
    for variant in population.variants:
        fitness = population.fitness(variant)
        if fitness is None:
            continue
        values = [m.also[name] for m in population.measurements(variant) if name in m.also]
        if values:
            points.append(Point(variant, fitness, fmean(values)))
    points.sort(key=lambda one: (way.key(one.fitness.mean), one.value if less else -one.value))
    kept: list[Point] = []
    for one in points:
        if not kept or (one.value < kept[-1].value if less else one.value > kept[-1].value):
            kept.append(one)
    return kept


def fronts(population: Population) -> list[RenderableType]:
    """Show the front of the score and each further number; nothing where there is none."""
    parts: list[RenderableType] = []
    decimals = figures.places(population.noise())
    for name, less in names(population).items():
        points = front(population, name, less)
        if not points:
            continue
        table = columns(("variant",), (labelled(population), one_line(name)))
        for one in points[:SHOWN]:
            score = figures.estimate(one.fitness, decimals)
            table.add_row(Text(one.variant), Text(score), Text(f"{one.value:.6g}"))
        more = f" ({SHOWN} of {len(points)})" if len(points) > SHOWN else ""
        parts += section(
            f"best of score against {one_line(name)}, {'less' if less else 'more'} is better{more}", table
        )
    return parts


def fronts_data(population: Population) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        name: [
            {"variant": one.variant, "score": one.fitness.mean, name: one.value}
            for one in front(population, name, less)
        ]
        for name, less in names(population).items()
    }
