"""Commands that steer a running search."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve import admission, finding, orders, runs
from evolve.commands.common import AnyRun, Json, chosen, console, named
from evolve.errors import InputError
from evolve.finding import opened
from evolve.orders import CHILDREN, LONGEST, Kind, Order
from evolve.race import SEED
from evolve.report.shown import find
from evolve.report.standing import champion
from evolve.report.status import held
from evolve.report.terminal import invocation, to_json
from evolve.report.untrusted import one_line
from evolve.settings import FILE, load
from population import lineage
from population.store import Population

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
    said = one_line(text)
    if not said or len(said) > LONGEST:
        raise InputError(f"a direction has 1 to {LONGEST} characters, got {len(said)}")
    with opened(folder):
        pass
    _send(folder, orders.order(Kind.STEER, text=said, children=children), as_json)


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
    entry = runs.entry_of(folder)
    with opened(folder) as population:
        refused = admission.examine(source, entry)
        if refused is not None:
            raise InputError(f"{file}: {refused.message}")
        twin = None if entry is None else population.by_fingerprint.get(admission.mark(source))
        if twin is not None:
            raise InputError(f"{file} is the same program as {twin}")
        above = _parent(population, parent)
    said = one_line(idea)[:LONGEST] or f"written by hand: {file.name}"
    _send(folder, orders.order(Kind.INJECT, text=said, variant=above, source=source), as_json)


@app.command()
def ban(
    words: Of,
    descendants: Annotated[
        bool, typer.Option("--descendants", help="and all that descends from it so far")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a variant have no children and no title; a champion loses it to the one before."""
    folder, name = _variant(words)
    if name == SEED:
        raise InputError(f"{SEED} is the seed, which gains are measured against: it cannot be banned")
    with opened(folder) as population:
        below = lineage.descendants(population.variants, name) if descendants else []
    for one in below:
        orders.send(folder, orders.order(Kind.BAN, variant=one))
    _send(folder, orders.order(Kind.BAN, variant=name), as_json)


@app.command()
def favour(words: Of, children: Children = CHILDREN, as_json: Json = False) -> None:
    """Let a variant be the first parent of the next children."""
    folder, name = _variant(words)
    with opened(folder) as population:
        banned = (population.meta("steering") or {}).get("banned", ())
        if name in banned or population.fitness(name) is None:
            why = "is banned" if name in banned else "has no score"
            raise InputError(f"{name} {why}, and has no children")
    _send(folder, orders.order(Kind.FAVOUR, variant=name, children=children), as_json)


@app.command()
def approve(words: Of, as_json: Json = False) -> None:
    """Let a variant that has won be champion, in a run with --approve champion."""
    folder, name = _variant(words)
    with opened(folder) as population:
        waiting = held(population)
    if name not in waiting:
        known = f"; these do: {', '.join(waiting)}" if waiting else ""
        raise InputError(f"{name} does not wait for an approval{known}")
    _send(folder, orders.order(Kind.APPROVE, variant=name), as_json)


@app.command()
def pause(folder: AnyRun = None, as_json: Json = False) -> None:
    """Let a running search begin nothing more; what runs may end, and its clock stands still."""
    _to_running(chosen(folder), Kind.PAUSE, as_json)


@app.command("continue")
def go_on(folder: AnyRun = None, as_json: Json = False) -> None:
    """Let a paused search go on."""
    _to_running(chosen(folder), Kind.CONTINUE, as_json)


@app.command()
def stop(folder: AnyRun = None, as_json: Json = False) -> None:
    """End a running search as Ctrl-C does: what runs may end, nothing is lost."""
    _to_running(chosen(folder), Kind.STOP, as_json)


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
    folder = chosen(folder)
    given = {"evaluations": evaluations, "hours": hours, "dollars": dollars, "target": target}
    budgets = {name: value for name, value in given.items() if value is not None}
    if not budgets:
        raise InputError("give --evaluations, --hours, --dollars or --target")
    with opened(folder):
        pass
    runs.keep_settings(folder, load(folder / FILE, budgets))
    _send(folder, orders.order(Kind.RAISE, budgets=budgets), as_json)


def _words(words: Sequence[str], wanted: str) -> tuple[Path, tuple[str, ...]]:
    """Return the run, and what else is named; the newest run where one word alone is given."""
    if len(words) == 1 and not os.path.isdir(words[0]):  # noqa: PTH112 - it may be too long for a path
        return chosen(None), tuple(words)
    return named(words, wanted)


def _variant(words: Sequence[str]) -> tuple[Path, str]:
    """Return the run and the variant that are named."""
    folder, (name,) = named(words, "ID")
    with opened(folder) as population:
        return folder, find(population, name).id


def _parent(population: Population, name: str | None) -> str:
    """Return whose child a program is to be."""
    if name is not None:
        return find(population, name).id
    best = champion(population)
    return SEED if best is None else best.id


def _to_running(folder: Path, kind: Kind, as_json: bool) -> None:
    """Order something that makes sense to a running search alone."""
    with opened(folder):
        pass
    if not finding.is_running(folder):
        raise InputError(f"no search runs in {folder}")
    _send(folder, orders.order(kind), as_json)


def _send(folder: Path, wanted: Order, as_json: bool) -> None:
    """Leave an order, and say what becomes of it."""
    orders.send(folder, wanted)
    running = finding.is_running(folder)
    if as_json:
        data: dict[str, Any] = {"order": wanted.kind.value, "by": wanted.by, "running": running}
        print(to_json(data, indent=2))
        return
    taken = "the search takes it up within a second"
    if not running:
        taken = f"no search runs there: `{invocation('resume', str(folder))}` takes it up"
    console.print(f"{one_line(wanted.told())}; {taken}", markup=False, highlight=False, soft_wrap=True)
