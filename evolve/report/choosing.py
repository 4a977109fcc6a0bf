"""What a search chooses by now: the lineages that are alive, and what each way to make a child promises."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from evolve.report import figures
from evolve.report.tables import columns, model_name, section
from evolve.report.untrusted import one_line
from operators.portfolio import Arm
from population.bandit import Bandit, Tally
from population.store import Population

_SHOWN = 12  # lineages on the page


@dataclass(frozen=True, slots=True)
class ArmRate:
    """What is expected of an operator with a model and a form of reply; None before anything was gained."""

    operator: str
    model: str
    form: str
    gain_per_burst: float | None


@dataclass(frozen=True, slots=True)
class LineageCount:
    """A lineage that is alive: its island, its best variant, its children, and those since the last gain."""

    island: int
    best: str
    children: int
    barren: int


def arm_rates(population: Population) -> list[ArmRate]:
    """Return the gain per burst that the bandit expects of each arm it has tried; the largest first."""
    tallies = {Arm(*arm): Tally(*sums) for arm, sums in _breeder(population).get("arms", [])}
    gained = any(tally.gain > 0.0 for tally in tallies.values())
    rates = Bandit().rates(tallies, dict.fromkeys(tallies, 1.0))
    order = sorted(rates, key=lambda arm: (-rates[arm], str(arm)))
    return [ArmRate(arm.operator, arm.model, arm.form, rates[arm] if gained else None) for arm in order]


def lineage_counts(population: Population) -> list[LineageCount]:
    """Return the lineages that are alive, in the order of their islands."""
    alive = _breeder(population).get("lineages", {}).get("alive", [])
    return sorted((LineageCount(*one) for one in alive), key=lambda one: one.island)


def shown(population: Population) -> list[RenderableType]:
    """Show what the search chooses by, nothing before it has chosen."""
    rates, alive = arm_rates(population), lineage_counts(population)
    parts = section("gain per burst, as expected now", _rates(rates)) if rates else []
    return parts + (section("lineages", _lineages(population, alive)) if alive else [])


def data(population: Population) -> dict[str, Any]:
    """Return what the search chooses by as plain data."""
    return {
        "arms": [dataclasses.asdict(one) for one in arm_rates(population)],
        "lineages": [dataclasses.asdict(one) for one in lineage_counts(population)],
    }


def _breeder(population: Population) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (population.meta("search") or {}).get("breeder", {})
    return found


def _rates(rates: Sequence[ArmRate]) -> RenderableType:
    """Return a row for each arm."""
    table = columns(("operator", "model"), ("reply", "gain"))
    for one in rates:
        rate = "unknown" if one.gain_per_burst is None else f"{one.gain_per_burst:.2g}"
        table.add_row(Text(one_line(one.operator)), model_name(one.model), Text(one_line(one.form)), rate)
    return table


def _lineages(population: Population, alive: Sequence[LineageCount]) -> RenderableType:
    """Return a row for each lineage, as many as there is room for."""
    table = columns(("island", "best"), ("score", "children", "since a gain"))
    decimals = figures.places(population.noise())
    for one in alive[:_SHOWN]:
        fitness = population.fitness(one.best) if one.best in population.variants else None
        score = "" if fitness is None else figures.estimate(fitness, decimals)
        table.add_row(str(one.island), Text(one_line(one.best)), score, str(one.children), str(one.barren))
    more = len(alive) - _SHOWN
    return Group(table, Text(f"and {more} more", style="dim")) if more > 0 else table
