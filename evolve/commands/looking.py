"""Commands that look at a run: also while a search writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from evolve import finding
from evolve.commands.common import AnyRun, Json, chosen, console, named, report, write
from evolve.errors import InputError
from evolve.finding import opened
from evolve.page.frozen import frozen
from evolve.report.best import best as best_of
from evolve.report.best import best_data, best_line
from evolve.report.show import show as show_of
from evolve.report.show import show_data
from evolve.report.status import status as status_of
from evolve.report.status import status_data
from evolve.report.terminal import to_json
from evolve.report.tree import tree as tree_of
from evolve.report.tree import tree_data
from evolve.report.untrusted import code
from population.store import Population

REPORTS: Mapping[str, Callable[[Population], str]] = {".html": frozen}
"""What writes a report of each kind, by the ending of its file's name."""

app = typer.Typer()


@app.command()
def status(folder: AnyRun = None, as_json: Json = False) -> None:
    """Show budgets, failures, operators, models and costs of a run."""
    folder = chosen(folder)
    with opened(folder) as population:
        running = finding.is_running(folder)
        report(as_json, lambda: status_data(population, running), lambda: status_of(population, running))


@app.command()
def tree(folder: AnyRun = None, as_json: Json = False) -> None:
    """Draw the lineage of a run."""
    with opened(chosen(folder)) as population:
        report(as_json, lambda: tree_data(population), lambda: tree_of(population))


@app.command()
def show(
    words: Annotated[
        list[str], typer.Argument(metavar="[DIR] ID", help="a variant, such as v12, of the newest run")
    ],
    diff: Annotated[bool, typer.Option("--diff", help="with the change to its first parent")] = False,
    as_json: Json = False,
) -> None:
    """Show everything that is known of one variant."""
    folder, (name,) = named(words, "ID")
    with opened(folder) as population:
        report(as_json, lambda: show_data(population, name, diff), lambda: show_of(population, name, diff))


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


@app.command("report")
def report_to(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="file to write: NAME.html, one file with the whole page")
    ],
    folder: AnyRun = None,
    as_json: Json = False,
) -> None:
    """Write what a run came to into one file that needs nothing else."""
    written_by = REPORTS.get(output.suffix.lower())
    if written_by is None:
        raise InputError(f"{output}: a report's name ends in {' or '.join(REPORTS)}")
    folder = chosen(folder)
    with opened(folder) as population:
        write(output, written_by(population))
    if as_json:
        print(to_json({"file": str(output), "bytes": output.stat().st_size}))
    else:
        console.print(f"{output} ({output.stat().st_size / 1e6:.1f} MB)", markup=False, highlight=False)
