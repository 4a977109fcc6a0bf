"""What a search is at: the jobs on its docket, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evolve.docket import JOBS, PROGRESS, RUNNING, Planned, job_of
from evolve.jobs import Measure, Part, Reflect, Tune
from evolve.report import figures
from evolve.report.untrusted import one_line
from population.store import Population


def busy(population: Population) -> list[dict[str, Any]]:
    """Return the jobs that are under way, those whose burst runs first."""
    found = list(_jobs(population))
    return sorted(found, key=lambda job: not job["burst"])


def _jobs(population: Population) -> Iterator[dict[str, Any]]:
    running, progress = population.notes(RUNNING), population.notes(PROGRESS)
    notes = population.notes(JOBS)
    for key in sorted(notes, key=int):
        job = job_of(notes[key])
        born = progress.get(key, {}).get("variant")
        variant = str(born) if born is not None else getattr(job, "variant", None)
        yield {"what": _said(job), "variant": variant, "burst": key in running}


def _said(job: Planned | Measure | Tune | Reflect) -> str:
    match job:
        case Planned():
            parents = " and ".join(parent.variant.id for parent in job.context.parents)
            doing = "a child of" if job.part is not Part.PROPOSE else "writes a child of"
            return one_line(f"{job.arm}: {doing} {parents}")
        case Measure():
            return one_line(f"{job.variant}: {job.purpose.value} burst")
        case Tune():
            return one_line(f"{job.variant}: tuning, {figures.counted(job.trials, 'trial')} at most")
        case Reflect():
            return "looks back for lessons"
