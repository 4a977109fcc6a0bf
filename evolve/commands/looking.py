"""Commands that look at a run: also while a search writes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evolve import finding
from evolve.commands.common import AnyRun, Json, chosen, console, named, report, write
from evolve.errors import InputError
from evolve.finding import opened
from evolve.report import events
from evolve.report.best import best as best_of
from evolve.report.best import best_data, best_line
from evolve.report.dot import dot
from evolve.report.live import Display, JsonDisplay, PlainDisplay
from evolve.report.pair import pair, pair_data
from evolve.report.ranking import ranking, ranking_data
from evolve.report.show import show as show_of
from evolve.report.show import show_data
from evolve.report.shown import Choice
from evolve.report.status import status as status_of
from evolve.report.status import status_data
from evolve.report.terminal import to_json
from evolve.report.tree import tree as tree_of
from evolve.report.tree import tree_data
from evolve.report.untrusted import code

app = typer.Typer()


@app.command()
def status(folder: AnyRun = None, as_json: Json = False) -> None:
    """Show budgets, failures, operators, models and costs of a run."""
    folder = chosen(folder)
    with opened(folder) as population:
        running = finding.is_running(folder)
        report(as_json, lambda: status_data(population, running), lambda: status_of(population, running))


@app.command()
def tree(
    folder: AnyRun = None,
    depth: Annotated[
        int | None, typer.Option("--depth", min=0, help="generations below the seed", show_default=False)
    ] = None,
    alive: Annotated[bool, typer.Option("--alive", help="only what is scored in living lineages")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="only what failed")] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", help="only from the last 30m, 2h or 1d, or from v12 on", show_default=False),
    ] = None,
    as_dot: Annotated[bool, typer.Option("--dot", help="print a graph for Graphviz")] = False,
    as_json: Json = False,
) -> None:
    """Draw the lineage of a run."""
    choice = Choice(depth, alive, failed, since)
    with opened(chosen(folder)) as population:
        if as_dot:
            print(dot(population, choice))
        else:
            report(as_json, lambda: tree_data(population, choice), lambda: tree_of(population, choice))


@app.command()
def show(
    words: Annotated[
        list[str], typer.Argument(metavar="[DIR] ID", help="a variant, such as v12, of the newest run")
    ],
    diff: Annotated[bool, typer.Option("--diff", help="with the change to its first parent")] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="with what a model was asked for it, and its reply")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show everything that is known of one variant."""
    folder, (name,) = named(words, "ID")
    with opened(folder) as population:
        report(
            as_json,
            lambda: show_data(population, name, diff, prompt),
            lambda: show_of(population, name, diff, prompt),
        )


@app.command()
def top(
    folder: AnyRun = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="how many")] = 20,
    as_json: Json = False,
) -> None:
    """Show the best variants of a run."""
    with opened(chosen(folder)) as population:
        report(as_json, lambda: ranking_data(population, count), lambda: ranking(population, count))


@app.command()
def compare(
    words: Annotated[
        list[str], typer.Argument(metavar="[DIR] A B", help="two variants, such as v3 v12, of the newest run")
    ],
    as_json: Json = False,
) -> None:
    """Show what differs between two variants, and by how much the second is better."""
    folder, (one, other) = named(words, "A", "B")
    with opened(folder) as population:
        report(as_json, lambda: pair_data(population, one, other), lambda: pair(population, one, other))


@app.command()
def log(
    folder: AnyRun = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until the search ends")] = False,
    last: Annotated[int, typer.Option("-n", "--last", min=0, help="how many events; 0: all")] = 0,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="only events of this kind, such as champion")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what happened in a run, event by event."""
    folder, kinds = chosen(folder), tuple(kind or ())
    with opened(folder) as population:
        start = next((event.at for event in population.events), None)
        found = events.followed(folder, kinds, last) if follow else events.chosen(population, kinds, last)
        display: Display = JsonDisplay(sys.stdout) if as_json else PlainDisplay(console, start)
        with display:
            for event in found:
                display.event(event)


@app.command()
def best(
    folder: AnyRun = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write it to")] = None,
    as_json: Json = False,
) -> None:
    """Print the champion's source, or write it to a file."""
    folder = chosen(folder)
    with opened(folder) as population:
        if population.meta("champion") is None:
            raise InputError(f"{folder} has no champion yet: its seed has not been measured")
        _, source = best_of(population)
        if output is not None:
            write(output, source)
        if as_json:
            print(to_json(best_data(population), indent=2))
        elif output is None:
            print(code(source) if console.is_terminal else source, end="")
        else:
            console.print(best_line(population))
