"""Commands that steer a running search."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve import finding
from evolve.commands.common import AnyRun, Json, chosen, console, named
from evolve.errors import InputError
from evolve.finding import opened
from evolve.ordering import give
from evolve.orders import CHILDREN, Kind, order
from evolve.report.shown import find
from evolve.report.terminal import invocation, to_json
from evolve.report.untrusted import one_line
from population.lineage import descendants as below

app = typer.Typer()

Of = Annotated[list[str], typer.Argument(metavar="[DIR] ID", help="a variant, such as v12")]
Children = Annotated[int, typer.Option("--children", min=1, help="for how many children")]


@app.command()
def steer(
    words: Annotated[list[str], typer.Argument(metavar="[DIR] TEXT", help="what models shall be told")],
    children: Children = CHILDREN,
    as_json: Json = False,
) -> None:
    """Tell models something with the next children, beside program.md."""
    folder, (text,) = _words(words, "TEXT")
    _give(folder, Kind.STEER, as_json, text=text, children=children)


@app.command()
def inject(
    words: Annotated[list[str], typer.Argument(metavar="[DIR] FILE", help="the program")],
    parent: Annotated[
        str | None, typer.Option("--parent", help="whose child it is; default: the champion's")
    ] = None,
    idea: Annotated[str, typer.Option("--idea", help="its hypothesis, in one line")] = "",
    as_json: Json = False,
) -> None:
    """Put a program of your own into a search, as a child that is measured next."""
    folder, (name,) = _words(words, "FILE")
    file = Path(name)
    try:
        source = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    said = idea or f"written by hand: {file.name}"
    try:
        _give(folder, Kind.INJECT, as_json, text=said, variant=parent or "", source=source)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


@app.command()
def ban(
    words: Of,
    descendants: Annotated[
        bool, typer.Option("--descendants", help="and all that descends from it so far")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a variant have no children and no title; a champion loses it to the one before."""
    folder, (name,) = named(words, "ID")
    with opened(folder) as population:
        name = find(population, name).id
        further = below(population.variants, name) if descendants else []
    for one in (name, *further):
        _give(folder, Kind.BAN, as_json, variant=one)


@app.command()
def favour(words: Of, children: Children = CHILDREN, as_json: Json = False) -> None:
    """Let a variant be the first parent of the next children."""
    folder, (name,) = named(words, "ID")
    _give(folder, Kind.FAVOUR, as_json, variant=name, children=children)


@app.command()
def approve(words: Of, as_json: Json = False) -> None:
    """Let a variant that has won be champion, in a run with --approve champion."""
    folder, (name,) = named(words, "ID")
    _give(folder, Kind.APPROVE, as_json, variant=name)


@app.command()
def pause(folder: AnyRun = None, as_json: Json = False) -> None:
    """Let a running search begin nothing more; what runs may end, and its clock stands still."""
    _give(chosen(folder), Kind.PAUSE, as_json)


@app.command("continue")
def go_on(folder: AnyRun = None, as_json: Json = False) -> None:
    """Let a paused search go on."""
    _give(chosen(folder), Kind.CONTINUE, as_json)


@app.command()
def stop(folder: AnyRun = None, as_json: Json = False) -> None:
    """End a running search as Ctrl-C does: what runs may end, nothing is lost."""
    _give(chosen(folder), Kind.STOP, as_json)


@app.command("raise")
def raise_budgets(
    folder: AnyRun = None,
    evaluations: Annotated[int | None, typer.Option("--evaluations", help="bursts in all")] = None,
    hours: Annotated[float | None, typer.Option("--hours", help="hours in all")] = None,
    dollars: Annotated[float | None, typer.Option("--dollars", help="dollars in all")] = None,
    target: Annotated[float | None, typer.Option("--target", help="score to be reached")] = None,
    as_json: Json = False,
) -> None:
    """Set other budgets, each for the whole run, also while it searches."""
    given = {"evaluations": evaluations, "hours": hours, "dollars": dollars, "target": target}
    budgets = {name: value for name, value in given.items() if value is not None}
    _give(chosen(folder), Kind.RAISE, as_json, budgets=budgets)


def _words(words: Sequence[str], wanted: str) -> tuple[Path, tuple[str, ...]]:
    """Return the run, and what else is named; the newest run where one word alone is given."""
    if len(words) == 1 and not os.path.isdir(words[0]):  # noqa: PTH112 - it may be too long for a path
        return chosen(None), tuple(words)
    return named(words, wanted)


def _give(folder: Path, kind: Kind, as_json: bool, **more: object) -> None:
    """Give an order, and say what becomes of it."""
    sent = give(folder, order(kind, **more))
    running = finding.is_running(folder)
    if as_json:
        data: dict[str, Any] = {
            "order": kind.value,
            "by": sent.by,
            "variant": sent.variant,
            "running": running,
        }
        print(to_json(data, indent=2))
        return
    taken = "the search takes it up within a second"
    if not running:
        taken = f"no search runs there: `{invocation('resume', str(folder))}` takes it up"
    console.print(f"{one_line(sent.told())}; {taken}", markup=False, highlight=False, soft_wrap=True)
