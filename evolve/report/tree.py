"""The lineage, drawn as a trunk with side branches, so that it stays narrow however deep it grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.report import figures
from evolve.report.best import best_line
from evolve.report.credits import credit_data, credit_text, credits_of
from evolve.report.front import fronts, fronts_data
from evolve.report.shown import Choice, choose
from evolve.report.standing import (
    STOPPED,
    Outcome,
    champion,
    contender,
    gain_over,
    labelled,
    metric,
    outcome,
    standing,
    standing_data,
)
from evolve.report.terminal import plain_dict
from evolve.report.untrusted import one_line
from evolve.stopping import percent
from population.lineage import Node, descent, walk
from population.lineage import tree as roots_of
from population.store import Population
from population.variant import Purpose

CHAMPION, CONTENDER = ("★", "yellow"), ("◆", "magenta")
GLYPHS = {"scored": ("●", "cyan"), "failed": ("✗", "red"), STOPPED: ("○", "yellow"), "waiting": ("○", "dim")}
_ISLANDS = ("cyan", "magenta", "green", "yellow", "blue", "red")
LEGEND = "★ champion  ◆ contender  ● scored  ✗ failed  ○ stopped or waiting; bold: champion's descent"
GAIN = "gain: over the first parent, + is better"


EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the drawing: a node, how deep its branch is indented, and whether it opens that branch."""

    node: Node
    indent: int
    opens: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """All that the tree says of one variant."""

    node: Node
    outcome: Outcome
    gain: float | None
    trials: int
    credit: Mapping[str, Any] | None


def tree(population: Population, choice: Choice = EVERYTHING) -> RenderableType:
    """Draw the lineage from the seed down, and count what came of it.

    Raises:
        InputError: as of ``choose``.
    """
    line = champion_line(population)
    contends = contender(population)
    found = choose(population, choice)
    roots = roots_of(found.shown)
    decimals = figures.places(population.noise())
    owed = credits_of(population)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column(Text(labelled(population, "\n")), no_wrap=True)
    table.add_column("gain", no_wrap=True, justify="right")
    if several := len({variant.island for variant in found.shown}) > 1:
        table.add_column("island", no_wrap=True, justify="right")
    table.add_column("operator", no_wrap=True)
    table.add_column("hypothesis", min_width=12)
    for row in layout(roots, line):
        style = "" if row.node.variant.id in found.wanted else "dim"
        table.add_row(
            *_cells(row, _entry(population, row.node, owed), line, contends, decimals, several), style=style
        )
    counts = _summary(population)
    return Group(
        table if found.shown else Text("no variant is like that", style="dim"),
        *fronts(population),
        Text(),
        best_line(population),
        counts,
        Text(f"{LEGEND}\n{GAIN}", style="dim"),
    )


def tree_data(population: Population, choice: Choice = EVERYTHING) -> dict[str, Any]:
    """Return the lineage as plain data: the variants in order of birth, each with its parents.

    Raises:
        InputError: as of ``choose``.
    """
    wanted = choose(population, choice).wanted
    line = champion_line(population)
    nodes = [node for _, node in walk(roots_of(population.variants.values()))]
    owed = credits_of(population)
    entries = {node.variant.id: _entry(population, node, owed) for node in nodes}
    data: dict[str, Any] = {
        "metric": metric(population),
        "direction": population.meta("direction"),
        "noise": population.noise(),
        "fronts": fronts_data(population),
        **standing_data(standing(population)),
        "variants": [
            _entry_data(entries[name], name in line) for name in population.variants if name in wanted
        ],
    }
    return plain_dict(data)


def champion_line(population: Population) -> list[str]:
    """Return the ids from the seed to the champion by first parents; empty before there is a champion."""
    best = champion(population)
    return descent(population.variants, best.id) if best else []


def layout(roots: Sequence[Node], line: Collection[str]) -> Iterator[Row]:
    """Order the nodes for drawing.

    Under each node its side branches come first, one step further in; the trunk goes on in the node's own
    column. The trunk is the champion's line, elsewhere the child with the most descendants: so a node is
    indented at most ``log2(n) + 1`` steps (the heavy paths of Sleator & Tarjan 1983, "A Data Structure
    for Dynamic Trees", section 5).
    """
    sizes = _sizes(roots)
    on_line = frozenset(line)
    stack = [Row(root, 0, False) for root in reversed(roots)]
    while stack:
        row = stack.pop()
        yield row
        if not row.node.children:
            continue
        trunk = max(row.node.children, key=lambda n: (n.variant.id in on_line, sizes[n.variant.id]))
        stack.append(Row(trunk, row.indent, False))
        sides = [child for child in row.node.children if child is not trunk]
        stack.extend(Row(child, row.indent + 1, True) for child in reversed(sides))


def _sizes(roots: Sequence[Node]) -> dict[str, int]:
    """Return how many nodes each node's branch holds, itself included."""
    sizes: dict[str, int] = {}
    for _, node in reversed(list(walk(roots))):
        sizes[node.variant.id] = 1 + sum(sizes[child.variant.id] for child in node.children)
    return sizes


def _entry(population: Population, node: Node, owed: Mapping[str, Mapping[str, Any]]) -> Entry:
    """Gather what the tree says of a node."""
    variant = node.variant
    trials = sum(m.purpose is Purpose.TRIAL for m in population.measurements(variant.id))
    gain = gain_over(population, variant.id, variant.parents[0]) if variant.parents else None
    return Entry(node, outcome(population, variant.id), gain, trials, owed.get(variant.id))


def _cells(
    row: Row, entry: Entry, line: Sequence[str], contends: str | None, decimals: int, islands: bool
) -> tuple[Text, ...]:
    """Return a drawn line's cells."""
    name = row.node.variant.id
    weight = "bold" if name in line else ""
    return (
        _name(row, _mark(entry.outcome.state, name, line, contends), weight),
        result(entry.outcome, decimals, weight),
        gain_text(entry.gain, decimals),
        *([Text(str(row.node.variant.island), style=_colour(row.node.variant.island))] if islands else []),
        Text(one_line(row.node.variant.operator), style=weight),
        _idea(entry, weight, decimals),
    )


def _colour(island: int) -> str:
    """Return the colour of an island."""
    return _ISLANDS[island % len(_ISLANDS)]


def _mark(state: str, name: str, line: Sequence[str], contends: str | None) -> tuple[str, str]:
    """Return a variant's glyph and its colour."""
    if line and name == line[-1]:
        return CHAMPION
    return CONTENDER if name == contends else GLYPHS[state]


def _name(row: Row, mark: tuple[str, str], weight: str) -> Text:
    """Return the branches that lead to a node, its mark and its id."""
    glyph, colour = mark
    rails = "│ " * (row.indent - row.opens) + ("├─" if row.opens else "")
    style = f"{weight} yellow" if mark == CHAMPION else weight
    return Text.assemble((rails, "dim"), (glyph, f"{weight} {colour}"), " ", (row.node.variant.id, style))


def result(outcome: Outcome, decimals: int, weight: str = "") -> Text:
    """Return a score with its error, or what there is instead."""
    if outcome.fitness is not None:
        return Text(figures.estimate(outcome.fitness, decimals), style=weight)
    if outcome.failure is not None:
        return Text(outcome.failure.kind, style="red")
    if outcome.share is not None:
        return Text(f"{outcome.state} at {percent(outcome.share)}", style="yellow")
    return Text(outcome.state, style="dim")


def gain_text(gain: float | None, decimals: int) -> Text:
    """Return a gain, green when it is one."""
    if gain is None:
        return Text()
    return Text(figures.gain(gain, decimals), style="green" if gain > 0 else "dim")


def _idea(entry: Entry, weight: str, decimals: int) -> Text:
    """Return the hypothesis, after the second parent, trials and credit where there are any."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if entry.node.others:
        text.append(f"(+ {', '.join(entry.node.others)}) ", style="magenta")
    if entry.trials:
        text.append(f"[{figures.counted(entry.trials, 'trial')}] ", style="cyan")
    if entry.credit is not None:
        text.append("[").append_text(credit_text(entry.credit, decimals)).append("] ")
    return text.append(one_line(entry.node.variant.hypothesis), style=weight)


def _summary(population: Population) -> Text:
    """Count the variants by outcome."""
    states = Counter(outcome(population, name).state for name in population.variants)
    parts = [f"{states[state]} {state}" for state in GLYPHS if states[state]]
    return Text(f"{figures.counted(len(population.variants), 'variant')}: {', '.join(parts) or 'none yet'}")


def _entry_data(entry: Entry, on_line: bool) -> dict[str, Any]:
    """Return one variant of the tree as plain data."""
    variant, fitness, failure = entry.node.variant, entry.outcome.fitness, entry.outcome.failure
    return {
        "id": variant.id,
        "parents": list(variant.parents),
        "operator": variant.operator,
        "model": variant.model,
        "hypothesis": variant.hypothesis,
        "island": variant.island,
        "generation": variant.generation,
        "state": entry.outcome.state,
        "score": fitness.mean if fitness else None,
        "standard_error": fitness.standard_error if fitness else None,
        "n": fitness.n if fitness else 0,
        "gain": entry.gain,
        "failure": failure.kind.value if failure else None,
        "trials": entry.trials,
        "credit": credit_data(entry.credit),
        "tuned": dict(variant.tuned),
        "on_champion_line": on_line,
    }
