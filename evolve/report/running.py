"""What a search does right now, as far as it is on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evolve.docket import JOBS, PROGRESS, RUNNING
from evolve.report.untrusted import one_line
from population.store import Population


@dataclass(frozen=True, slots=True)
class Busy:
    """A job under way.

    Args:
        what: what is done, in a word or two.
        variant: whom it is about, empty before a child has a name.
        burst: whether a burst of it runs.
        idea: the hypothesis, or who is asked; safe to print.
    """

    what: str
    variant: str
    burst: bool
    idea: str


def under_way(population: Population) -> list[Busy]:
    """Return the jobs under way: those with a burst first, then in the order of their coming."""
    notes = population.notes(JOBS)
    jobs = [_busy(population, key, notes[key]) for key in sorted(notes, key=int)]
    return sorted(jobs, key=lambda one: not one.burst)


def told(jobs: list[Busy]) -> Iterator[tuple[str, str]]:
    """Yield each job as what is done, and about what."""
    for job in jobs:
        state = "" if job.burst or job.what.startswith("asking") else ", waiting for a slot"
        yield f"{job.what}{state}", f"{job.variant}  {job.idea}".strip()


def _busy(population: Population, ticket: str, written: Any) -> Busy:
    """Return the job that a note of the docket speaks of."""
    burst = ticket in population.notes(RUNNING)
    progress = population.notes(PROGRESS).get(ticket, {})
    if written["kind"] == "birth":
        name = str(progress.get("variant", ""))
        said = progress.get("proposal", {}).get("hypothesis", "")
        if not (name or progress or burst):
            arm = written["arm"]
            return Busy("asking for a child", "", False, one_line(f"{arm['operator']} {arm['model']}"))
        return Busy("first burst", name, burst, one_line(str(said)) or _idea(population, name))
    if written["kind"] == "reflect":
        return Busy("asking for lessons", "", False, "")
    job = written["job"]
    name = str(job["variant"])
    what = "tuning" if written["kind"] == "tune" else f"{job['purpose']} burst"
    return Busy(what, name, burst, _idea(population, name))


def _idea(population: Population, name: str) -> str:
    variant = population.variants.get(name)
    return "" if variant is None else one_line(variant.hypothesis)
