"""Two variants beside each other: what differs in their text, and by how much one is better."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.report import figures
from evolve.report.diffs import between, painted
from evolve.report.shown import find
from evolve.report.standing import direction, labelled, metric, outcome, trust
from evolve.report.terminal import plain_dict
from evolve.report.tree import gain_text, result
from evolve.report.untrusted import one_line
from population.comparison import Difference
from population.store import Population
from population.variant import Variant

_SCREENED = (
    "one of them has no score on a seed that nothing was chosen by: the gain is that of the scores above, "
    "without an interval"
)


def pair(population: Population, one: str, other: str) -> RenderableType:
    """Show the second variant against the first.

    Raises:
        InputError: the run holds no such variant.
    """
    first, second = find(population, one), find(population, other)
    decimals = figures.places(population.noise())
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for variant in (first, second):
        score = result(outcome(population, variant.id), decimals)
        score.append(f"  {one_line(variant.hypothesis)}", style="not bold dim")
        score.no_wrap, score.overflow = True, "ellipsis"
        table.add_row(variant.id, score)
    gain, basis = _gain(population, first, second, decimals)
    table.add_row("gain", gain)
    table.add_row("", Text(basis, style="dim"))
    difference = between(population, first.digest, second.digest, first.id, second.id)
    return Group(
        Text(labelled(population), style="dim"), table, Text(), painted(difference, "their text is the same")
    )


def pair_data(population: Population, one: str, other: str) -> dict[str, Any]:
    """Return the same as plain data (errors as in ``pair``)."""
    first, second = find(population, one), find(population, other)
    found = difference_of(population, first, second)
    sides = {}
    for name, variant in (("one", first), ("other", second)):
        fitness = population.fitness(variant.id)
        sides[name] = {"id": variant.id, "fitness": dataclasses.asdict(fitness) if fitness else None}
    data = {
        "metric": metric(population),
        "trust": trust(population),
        **sides,
        "gain": None if found is None else found.gain,
        "standard_error": None if found is None else found.standard_error,
        "interval": None if found is None else list(found.interval()),
        "p_value": None if found is None else found.p_value,
        "pairs": 0 if found is None else found.pairs,
        "diff": between(population, first.digest, second.digest, first.id, second.id),
    }
    return plain_dict(data)


def difference_of(population: Population, first: Variant, second: Variant) -> Difference | None:
    """Return by how much the second is better than the first; None where no score of one is unchosen."""
    return population.difference(second.id, first.id, direction(population))


def _gain(population: Population, first: Variant, second: Variant, decimals: int) -> tuple[Text, str]:
    """Say by how much the second is better, with its interval where there is one, and what that rests on."""
    found = difference_of(population, first, second)
    if found is not None:
        low, high = (figures.gain(bound, decimals) for bound in found.interval())
        text = gain_text(found.gain, decimals).append(
            f"  (95 % interval {low} to {high}; p = {found.p_value:.2g} that it is none)", style="not bold"
        )
        return text, f"measured under {figures.counted(found.pairs, 'seed')} in common"
    one, two = population.fitness(first.id), population.fitness(second.id)
    if one is None or two is None:
        return Text("unknown", style="yellow"), "one of them has no score"
    return gain_text(direction(population).gain(two.mean, over=one.mean), decimals), _SCREENED
