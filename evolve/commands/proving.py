"""Commands that measure anew what a search came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolve.commands.common import Json, RunFolder, console, report, write
from evolve.finding import opened
from evolve.proof import ablating, bench, verifying
from evolve.report.ablation import ablated, ablated_data, smallest, smallest_data
from evolve.report.counting import choose_counter
from evolve.report.verified import verified, verified_data

app = typer.Typer()


@app.command()
def verify(
    folder: RunFolder,
    seeds: Annotated[int, typer.Option("--seeds", help="fresh seeds that both are measured with")] = 5,
    as_json: Json = False,
) -> None:
    """Measure the champion against the seed on text and seeds that the search never saw."""
    with opened(folder):
        pass
    with bench.opened(folder) as look:
        found = verifying.verify(look, seeds, choose_counter(as_json, console))
        report(as_json, lambda: verified_data(look.population), lambda: verified(look.population, found))


@app.command()
def ablate(
    folder: RunFolder,
    seeds: Annotated[int, typer.Option("--seeds", help="seeds that every program is measured with")] = 3,
    minimal: Annotated[
        Path | None,
        typer.Option(
            "--minimal", help="write the champion with only the hunks that help", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take the champion's change apart: what each hunk of it is worth."""
    with opened(folder):
        pass
    if minimal is not None:
        ablating.check_writable(minimal)
    counter = choose_counter(as_json, console)
    with bench.opened(folder) as look:
        table = ablating.ablate(look, seeds, counter)
        if minimal is None:
            report(as_json, lambda: ablated_data(table), lambda: ablated(table))
            return
        if not as_json:
            console.print(ablated(table))
        small = ablating.smallest(look, table, counter)
    if small.as_good:
        write(minimal, small.source)
    report(
        as_json,
        lambda: {**ablated_data(table), "minimal": smallest_data(small)},
        lambda: smallest(table, small, str(minimal)),
    )
    raise typer.Exit(0 if small.as_good else 1)
