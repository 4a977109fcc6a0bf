"""Checking a run folder: what only a search knows of its notes, and what the command line makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from evolve import settings
from evolve.docket import (
    JOBS,
    PROGRESS,
    RUNNING,
    SHELF,
    STANDING,
    WISHES,
    Planned,
    job_of,
    proposal_of,
    shelved_of,
    trials_of,
    wish_of,
)
from evolve.errors import InputError
from evolve.finding import looked_at
from evolve.ideas import Standing
from evolve.jobs import Measure, Reflect
from evolve.rungs import PROMOTED
from operators.proposal import Proposal
from population import fsck
from population.fsck import Examination, Repair
from population.fsck.findings import Conventions, Mention
from population.fsck.sources import SEED_FILE
from population.records import META, Note

NEEDED = ("metric", "direction", "data")
"""Notes without which a run cannot be gone on with."""

_SEARCH = "search"


def examine(folder: Path) -> Examination:
    """Check a run, also while a search writes it.

    Raises:
        InputError: the folder is no run.
        PopulationError: its journal cannot be read at all.
    """
    with looked_at(folder):
        return fsck.examine(folder, CONVENTIONS)


def repair(folder: Path) -> Repair:
    """Check a run and repair what can be repaired.

    Raises:
        InputError: the folder is no run.
        PopulationError: a search writes it, the disk does not take it, or it cannot be read at all.
    """
    with looked_at(folder):
        return fsck.repair(folder, CONVENTIONS)


def mention(note: Note) -> Mention:
    """Say what a note of a search speaks of (ValueError if it is none of its table)."""
    look = _LOOKS.get(note.table)
    if note.table == META and note.key == _SEARCH:
        look = _search
    try:
        return Mention() if look is None else look(note)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not what a search writes: {error!r}") from error


def _job(note: Note) -> Mention:
    job = job_of(note.value)
    if job.ticket != int(note.key):
        raise ValueError(f"it is job {job.ticket}")
    if isinstance(job, Planned):
        shown = (*job.context.parents, *job.context.inspirations)
        return Mention(sources=tuple((one.variant.id, one.variant.digest) for one in shown))
    if isinstance(job, Reflect):
        return Mention()
    return Mention(sources=((job.variant, job.digest if isinstance(job, Measure) else ""),))


def _shelved(note: Note) -> Mention:
    planned, _ = shelved_of(note.value)
    shown = (*planned.context.parents, *planned.context.inspirations)
    return Mention(sources=tuple((one.variant.id, one.variant.digest) for one in shown))


def _standing(note: Note) -> Mention:
    Standing(note.value)
    return Mention(notes=((SHELF, str(int(note.key))),))


def _progress(note: Note) -> Mention:
    job = ((JOBS, note.key),)
    if "variant" in note.value:
        return Mention((str(note.value["variant"]),), job)
    found = proposal_of(note.value)
    trials_of(note.value)
    return Mention(notes=job, texts=(found.source,) if isinstance(found, Proposal) else ())


def _running(note: Note) -> Mention:
    if not isinstance(note.value, str):
        raise ValueError("it names no source")
    return Mention(notes=((JOBS, str(int(note.key))),))


def _wish(note: Note) -> Mention:
    int(note.key)
    wish = wish_of(note.value)
    return Mention(sources=((wish.variant, wish.digest),))


def _search(note: Note) -> Mention:
    race = note.value.get("race")
    if not race or not race["duel"]:
        return Mention()
    without = {**note.value, "race": {**race, "duel": None}}
    return Mention((str(race["duel"]["contender"]),), otherwise=Note(META, _SEARCH, without))


def _promoted(note: Note) -> Mention:
    bool(note.value["late"])
    return Mention((note.key,))


_LOOKS: Mapping[str, Callable[[Note], Mention]] = {
    JOBS: _job,
    PROGRESS: _progress,
    RUNNING: _running,
    SHELF: _shelved,
    STANDING: _standing,
    WISHES: _wish,
    PROMOTED: _promoted,
}


def _settings(path: Path) -> None:
    """Read the settings of a run (ValueError if they cannot be used)."""
    try:
        settings.load(path, {})
    except InputError as error:
        raise ValueError(str(error)) from error


def _seed(path: Path) -> None:
    """Read the seed variant of a run."""
    path.read_text(encoding="utf-8-sig")


CONVENTIONS = Conventions(mention, NEEDED, {settings.FILE: _settings, SEED_FILE: _seed})
