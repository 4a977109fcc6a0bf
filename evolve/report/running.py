"""What a search does right now, as far as it is on record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from evolve.docket import JOBS, PROGRESS, RUNNING
from evolve.jobs import Part
from evolve.report.untrusted import one_line
from population.store import Population


@dataclass(frozen=True, slots=True)
class Busy:
    """A job under way.

    Args:
        what: what is done, and about whom; safe to print.
        variant: whom it is about, empty before a child has a name.
        state: ``burst`` while a burst of it runs, ``asks`` while a model is asked, else ``waits``.
    """

    what: str
    variant: str
    state: str


def under_way(population: Population) -> list[Busy]:
    """Return the jobs under way: those with a burst first, then in the order of their coming."""
    notes = population.notes(JOBS)
    jobs = [_busy(population, key, notes[key]) for key in sorted(notes, key=int)]
    return sorted(jobs, key=lambda one: one.state != "burst")


def _busy(population: Population, ticket: str, written: Any) -> Busy:
    """Return the job that a note of the docket speaks of."""
    state = "burst" if ticket in population.notes(RUNNING) else "waits"
    if written["kind"] == "reflect":
        return Busy("looks back for lessons", "", "asks")
    if written["kind"] == "birth":
        return _birth(population, written, population.notes(PROGRESS).get(ticket, {}), state)
    job = written["job"]
    name = str(job["variant"])
    what = "tuning" if written["kind"] == "tune" else f"{job['purpose']} burst"
    return Busy(f"{what} of {name}: {_idea(population, name)}", name, state)


def _birth(population: Population, written: Any, progress: Any, state: str) -> Busy:
    """Return a birth: its idea once that is known, else who is asked for a child of whom."""
    name = str(progress.get("variant", ""))
    idea = _idea(population, name) or one_line(str(progress.get("proposal", {}).get("hypothesis", "")))
    if idea or state == "burst":
        return Busy(f"first burst of {name or 'a child'}: {idea}", name, state)
    arm, context = written["arm"], json.loads(written.get("context", "{}"))
    parents = " and ".join(str(one["variant"]["id"]) for one in context.get("parents", ()))
    asks = bool(arm["model"]) and written.get("part") != Part.MEASURE
    who = one_line(f"{arm['operator']} {arm['model']}")
    return Busy(f"{who}: a child of {parents}", "", "asks" if asks else state)


def _idea(population: Population, name: str) -> str:
    variant = population.variants.get(name)
    return "" if variant is None else one_line(variant.hypothesis)
