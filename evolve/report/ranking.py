"""The best variants, one line each."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.report import figures
from evolve.report.standing import champion, direction, gain_over, labelled, metric, outcome, seed, trust
from evolve.report.terminal import plain_dict
from evolve.report.tree import gain_text, result
from evolve.report.untrusted import one_line
from population.store import Population

UNPROVEN = "a score that was chosen by luck falls when it is measured again: only ★ won on fresh seeds"


def best(population: Population, count: int) -> list[str]:
    """Return the ids of the scored variants with the best estimates, the best first."""
    way = direction(population)
    scored = {name: fitness for name in population.variants if (fitness := population.fitness(name))}
    return sorted(scored, key=lambda name: way.key(scored[name].mean))[:count]


def ranking(population: Population, count: int) -> RenderableType:
    """Show the best variants, with their gain over the seed."""
    names, first, best_one = best(population, count), seed(population), champion(population)
    if not names or first is None:
        return Text("no variant has a score yet")
    decimals = figures.places(population.noise())
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column(Text(labelled(population, "\n")), no_wrap=True)
    table.add_column("n", no_wrap=True, justify="right")
    table.add_column("over seed", no_wrap=True, justify="right")
    table.add_column("operator", no_wrap=True)
    table.add_column("hypothesis", min_width=12)
    for name in names:
        variant, fitness = population.variants[name], population.fitness(name)
        crowned = best_one is not None and name == best_one.id
        table.add_row(
            Text(f"★ {name}" if crowned else f"  {name}", style="bold yellow" if crowned else ""),
            result(outcome(population, name), decimals),
            str(fitness.n if fitness else 0),
            gain_text(gain_over(population, name, first.id), decimals),
            Text(one_line(variant.operator)),
            Text(one_line(variant.hypothesis), no_wrap=True, overflow="ellipsis"),
        )
    return Group(table, Text(UNPROVEN, style="dim"))


def ranking_data(population: Population, count: int) -> dict[str, Any]:
    """Return the same as plain data."""
    first = seed(population)
    rows = []
    for name in best(population, count):
        fitness, variant = population.fitness(name), population.variants[name]
        assert fitness is not None
        rows.append(
            {
                "id": name,
                "score": fitness.mean,
                "standard_error": fitness.standard_error,
                "n": fitness.n,
                "gain": gain_over(population, name, first.id) if first else None,
                "operator": variant.operator,
                "hypothesis": variant.hypothesis,
            }
        )
    best_one = champion(population)
    return plain_dict(
        {
            "metric": metric(population),
            "trust": trust(population),
            "champion": best_one.id if best_one else None,
            "variants": rows,
        }
    )
