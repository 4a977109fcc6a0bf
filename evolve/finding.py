"""Where a run is: whether a folder is one, whether a search writes to it, and which is the newest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolve.errors import InputError
from population.errors import NotARun, PopulationError
from population.lock import holder
from population.store import JOURNAL, LOCK, Population

USUAL = Path("runs")
"""Where runs lie of somebody who gives no folder."""


def opened(folder: Path) -> Population:
    """Open a run for reading.

    Raises:
        InputError: the folder is no run.
    """
    with looked_at(folder):
        return Population.open(folder)


@contextmanager
def looked_at(folder: Path) -> Iterator[None]:
    """Tell a user who names a folder without a population in it that it is no run.

    Raises:
        InputError: what is done under it finds none.
    """
    try:
        yield
    except NotARun as error:
        raise InputError(f"{folder} is not a run folder: it has no population in it") from error


def is_run(folder: Path) -> bool:
    """Say whether a folder holds a run."""
    try:
        Population.open(folder).close()
    except NotARun:
        return False
    except PopulationError:  # one that cannot be read is one
        return True
    return True


def is_running(folder: Path) -> bool:
    """Say whether a search writes to this run now."""
    return holder(folder / LOCK) is not None


def newest(root: Path = USUAL) -> Path:
    """Return the run that was written to last.

    Raises:
        InputError: there is none.
    """
    written = {path.parent: path.stat().st_mtime for path in root.glob(f"*/{JOURNAL}")}
    if not written:
        raise InputError(f"there is no run in {root}/; give the folder of one")
    return max(written, key=lambda folder: written[folder])
