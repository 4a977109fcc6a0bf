"""The lineage as a graph in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from evolve.report import figures
from evolve.report.shown import Choice, choose
from evolve.report.standing import champion, labelled, outcome
from evolve.report.tree import champion_line
from evolve.report.untrusted import one_line
from population.store import Population
from population.variant import Variant

_FILL = {"scored": "white", "failed": "mistyrose", "stopped": "lightyellow", "waiting": "grey95"}


def dot(population: Population, choice: Choice) -> str:
    """Return the lineage in DOT: a second parent by a dashed edge, the champion's line of descent bold.

    Raises:
        InputError: as of ``choose``.
    """
    found = choose(population, choice)
    line = champion_line(population)
    inside = {variant.id for variant in found.shown}
    rows = [
        "digraph lineage {",
        f"  label={_quoted(labelled(population))}; rankdir=LR;",
        '  node [shape=box, style="filled,rounded", fontname="sans-serif"];',
    ]
    for variant in found.shown:
        rows.append(_node(population, variant, variant.id in line))
        rows += [edge for parent, edge in _edges(variant, line) if parent in inside]
    return "\n".join([*rows, "}"])


def _node(population: Population, variant: Variant, on_line: bool) -> str:
    """Return a variant's box."""
    came_to = outcome(population, variant.id)
    decimals = figures.places(population.noise())
    if came_to.fitness is not None:
        said = figures.estimate(came_to.fitness, decimals)
    else:
        said = came_to.failure.kind if came_to.failure else came_to.state
    best = champion(population)
    name = f"★ {variant.id}" if best is not None and best.id == variant.id else variant.id
    label = _quoted("\n".join((name, said, one_line(variant.operator))))
    tip, width = _quoted(one_line(variant.hypothesis)), 3 if on_line else 1
    fill = "gold" if name != variant.id else _FILL[came_to.state]
    return f"  {variant.id} [label={label}, tooltip={tip}, fillcolor={fill}, penwidth={width}];"


def _edges(variant: Variant, line: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each parent with the edge from it."""
    for number, parent in enumerate(variant.parents):
        bold = number == 0 and variant.id in line
        style = "bold" if bold else "dashed" if number else "solid"
        yield parent, f"  {parent} -> {variant.id} [style={style}];"


def _quoted(text: str) -> str:
    """Return a string of DOT; its labels know no other escapes than these."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
