"""Commands about the run folder, and the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from evolve import branching, checking, exporting
from evolve import doctor as doctor_module
from evolve.commands.common import Json, RunFolder, report
from evolve.errors import InputError
from evolve.finding import opened
from evolve.report.branched import branch_data, branched
from evolve.report.checked import examined, examined_data, repaired, repaired_data
from evolve.report.exported import exported, exported_data
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
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="JSON file to write", show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="also the notes.* tables, the search's own bookkeeping")
    ] = False,
    git: Annotated[
        str | None,
        typer.Option(
            "--git", metavar="BRANCH", help="branch to make of the champion's descent", show_default=False
        ),
    ] = None,
    repo: Annotated[
        Path, typer.Option("--repo", metavar="DIR", help="the git repository; default: that of this folder")
    ] = Path(),
    path: Annotated[
        str | None,
        typer.Option("--path", help="the program's file in it; default: the seed's", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace FILE or BRANCH if it exists")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's documents as a TinyDB file, or the champion's descent as a git branch."""
    if to is None and git is None:
        raise InputError("give --to FILE for the run's documents, --git BRANCH for the champion, or both")
    branch = None
    if git is not None:
        with opened(folder) as population:
            branch = branching.prepared(folder, population, git, repo, path, force)
    tables = {} if to is None else exporting.export(folder, to, every=every, force=force)
    if branch is not None:
        branching.publish(branch)
    report(
        as_json,
        lambda: {**exported_data(tables, to), **branch_data(branch)},
        lambda: Group(*exported(tables, to), *branched(branch)),
        crop=False,
    )


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at what this machine offers, and what is missing."""
    findings = doctor_module.examine()
    report(as_json, lambda: doctor_module.doctor_data(findings), lambda: doctor_module.doctor(findings))
    raise typer.Exit(doctor_module.exit_code(findings))
