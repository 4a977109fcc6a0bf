"""What can go wrong with a stored population; each says one sentence that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class PopulationError(Exception):
    """A population cannot be read or written.

    ::

        PopulationError
        ├── NotARun        there is no population in the folder
        ├── AlreadyExists  there is one already
        ├── Locked         another process writes it
        ├── ReadOnly       it was opened for reading, or closed
        ├── Corrupt        what is stored is not what was written
        ├── StoreFull      the disk has no room; what was recorded before is safe
        └── StoreFailed    the disk refused for another reason; what was recorded before is safe
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class NotARun(PopulationError):
    """There is no population in the folder."""

    exit_code = 2


class AlreadyExists(PopulationError):
    """There is a population in the folder already."""

    exit_code = 2


class Locked(PopulationError):
    """Another process writes the population; ``pid`` is its id, None when it cannot be told."""

    exit_code = 2

    def __init__(self, path: Path, pid: int | None) -> None:
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(path, f"{who} is writing this population; only one can, so end that one first")
        self.args = (path, pid)
        self.pid = pid


class ReadOnly(PopulationError):
    """The population was opened for reading, or has been closed."""


class Corrupt(PopulationError):
    """What is stored is not what was written."""


class StoreFull(PopulationError):
    """The disk has no room for a record, and nothing of it was kept; earlier records are safe."""


class StoreFailed(PopulationError):
    """The disk did not take a record, for another reason than room; earlier records are safe."""
