"""Exporting a run: where it may be written to."""

from __future__ import annotations

from pathlib import Path

from evolve.errors import InputError
from evolve.finding import looked_at
from population import export as tinydb_file


def export(folder: Path, target: Path, *, every: bool, force: bool) -> dict[str, int]:
    """Write a run's documents as a plain TinyDB file; return how many there are of each table.

    Args:
        folder: the run folder.
        target: the file to write.
        every: also the tables that hold a search's own bookkeeping.
        force: whether a file of that name may be replaced.

    Raises:
        InputError: the folder is no run, or the file cannot be one or must not be replaced.
        PopulationError: the run is damaged, or the disk does not take the file.
    """
    if target.is_dir() or (target.exists() and not target.is_file()):
        raise InputError(f"cannot write {target}: it is no file")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {target}: there is no folder {target.parent}")
    if target.exists() and not force:
        raise InputError(f"{target} exists; replace it by --force, or give another --to")
    if target.exists() and _belongs_to(target, folder):
        raise InputError(f"{target} belongs to the run itself; give another --to")
    with looked_at(folder):
        return tinydb_file.export(folder, target, every=every)


def _belongs_to(target: Path, folder: Path) -> bool:
    """Say whether a file is one of a run's own: all but JSON that lies beside them."""
    where, run = target.resolve(), folder.resolve()
    return where.is_relative_to(run) and not (where.parent == run and where.suffix == ".json")
