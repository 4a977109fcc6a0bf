"""Commands about the run folder, and the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolve import checking, exporting
from evolve import doctor as doctor_module
from evolve.commands.common import Json, RunFolder, report
from evolve.report.checked import examined, examined_data, repaired, repaired_data
from evolve.report.exported import exported
from evolve.report.terminal import invocation

app = typer.Typer()


@app.command()
def fsck(
    folder: RunFolder,
    repair: Annotated[
        bool, typer.Option("--repair", help="put right what can be, and keep all that is taken out")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a run folder for damage; a search may be running, but not with --repair."""
    if repair:
        done = checking.repair(folder)
        report(as_json, lambda: repaired_data(done), lambda: repaired(done), crop=False)
        raise typer.Exit(0 if done.after.whole else 1)
    again = invocation("fsck", str(folder), "--repair")
    found = checking.examine(folder)
    report(as_json, lambda: examined_data(found), lambda: examined(found, again), crop=False)
    raise typer.Exit(0 if found.whole else 1)


@app.command()
def export(
    folder: RunFolder,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="JSON file to write", show_default=False)],
    every: Annotated[
        bool, typer.Option("--all", help="also the notes.* tables, the search's own bookkeeping")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="replace FILE if it exists")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's documents as a plain TinyDB file; a search may be running."""
    tables = exporting.export(folder, to, every=every, force=force)
    report(as_json, lambda: {"file": str(to), "tables": tables}, lambda: exported(tables, to), crop=False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at what this machine offers, and what is missing."""
    findings = doctor_module.examine()
    report(as_json, lambda: doctor_module.doctor_data(findings), lambda: doctor_module.doctor(findings))
    raise typer.Exit(doctor_module.exit_code(findings))
