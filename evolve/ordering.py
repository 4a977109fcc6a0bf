"""Giving an order to a run: looked at first, so that nobody learns from a log that it could not be obeyed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evolve import admission, finding, orders, runs
from evolve.errors import InputError
from evolve.finding import opened
from evolve.orders import LONGEST, Kind, Order
from evolve.race import SEED
from evolve.report.shown import find
from evolve.report.standing import champion
from evolve.report.status import held
from evolve.report.untrusted import one_line
from evolve.settings import FILE, load
from population.store import Population

MOST = 10_000  # children that an order may be for


def give(folder: Path, wanted: Order) -> Order:
    """Send an order, and return it as it was sent.

    Raises:
        InputError: the folder is no run, or the order is none that it can obey.
        OSError: the disk does not take it.
    """
    with opened(folder) as population:
        checked = _checked(folder, population, wanted)
    if checked.kind is Kind.RAISE:
        runs.keep_settings(folder, load(folder / FILE, checked.budgets))
    orders.send(folder, checked)
    return checked


def _checked(folder: Path, population: Population, wanted: Order) -> Order:
    """Return an order with its variant's full name; InputError where it makes no sense."""
    if wanted.kind.of_the_moment and not finding.is_running(folder):
        raise InputError(f"no search runs in {folder}")
    if wanted.variant:
        wanted = replace(wanted, variant=find(population, wanted.variant).id)
    match wanted.kind:
        case Kind.STEER | Kind.FAVOUR if not 1 <= wanted.children <= MOST:
            raise InputError(f"an order is for 1 to {MOST} children, got {wanted.children}")
        case Kind.STEER:
            wanted = replace(wanted, text=one_line(wanted.text))
            if not 1 <= len(wanted.text) <= LONGEST:
                raise InputError(f"a direction has 1 to {LONGEST} characters, got {len(wanted.text)}")
        case Kind.INJECT:
            wanted = _program(folder, population, wanted)
        case Kind.BAN if wanted.variant == SEED:
            raise InputError(f"{SEED} is the seed, which gains are measured against: it cannot be banned")
        case Kind.FAVOUR if wanted.variant in (population.meta("steering") or {}).get("banned", ()):
            raise InputError(f"{wanted.variant} is banned, and has no children")
        case Kind.FAVOUR if population.fitness(wanted.variant) is None:
            raise InputError(f"{wanted.variant} has no score, so that it cannot have children")
        case Kind.APPROVE if wanted.variant not in (waiting := held(population)):
            known = f"; these do: {', '.join(waiting)}" if waiting else ""
            raise InputError(f"{wanted.variant} does not wait for an approval{known}")
        case Kind.RAISE if not wanted.budgets:
            raise InputError("give --evaluations, --hours, --dollars or --target")
    return wanted


def _program(folder: Path, population: Population, wanted: Order) -> Order:
    """Look at a program that is to be put in; it is a child of the champion where nobody else is named."""
    entry = runs.entry_of(folder)
    refused = admission.examine(wanted.source, entry)
    if refused is not None:
        raise InputError(refused.message)
    twin = None if entry is None else population.by_fingerprint.get(admission.mark(wanted.source))
    if twin is not None:
        raise InputError(f"it is the same program as {twin}")
    best = champion(population)
    above = wanted.variant or (SEED if best is None else best.id)
    return replace(wanted, variant=above, text=one_line(wanted.text)[:LONGEST])
