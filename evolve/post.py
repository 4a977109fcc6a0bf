"""Sees to it that a running search hears of orders, and of a changed ``program.md``, within a moment."""

from __future__ import annotations

import asyncio
import contextlib
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from evolve import admission, orders
from evolve.orders import Order
from population.genome import digest

PROGRAM = "program.md"
DIRECTIONS = "directions"
"""Kind of the event that tells of a changed ``program.md``."""

_EVERY = 0.5  # seconds between two looks
_NEVER = (-1, -1)  # what changes with a file, before any look


@dataclass(frozen=True, slots=True)
class Changed:
    """Other directions: the text, its content hash, whose the file is."""

    text: str
    digest: str
    by: str


class Post:
    """Looks into a run folder.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] | None = _NEVER
        self._lay: set[Path] = set()  # orders at the last look; one that cannot be removed rings no bell
        self.bell = asyncio.Event()
        """Set while something has come that was not taken."""

    async def watch(self) -> None:
        """Ring the bell whenever something has come; runs until it is cancelled."""
        while True:
            if self._stamp() != self._seen or self._lying() - self._lay:
                self.bell.set()
            await asyncio.sleep(_EVERY)

    def orders(self) -> list[tuple[Path, Order]]:
        """Return the orders that lie there, the oldest first."""
        self.bell.clear()
        self._lay = self._lying()
        return list(orders.waiting(self._folder))

    def done(self, path: Path) -> None:
        """Remove an order that is on record."""
        with contextlib.suppress(OSError):
            path.unlink()

    def directions(self) -> Changed | None:
        """Return what ``program.md`` says, None unless it has changed since the last look."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        path = self._folder / PROGRAM
        if stamp is None:
            return Changed("", digest(""), "somebody")
        try:
            text = path.read_text(encoding="utf-8-sig", errors="replace")[: admission.LONGEST]
            owner = path.stat().st_uid
        except OSError:
            return None
        try:
            by = pwd.getpwuid(owner).pw_name
        except KeyError:
            by = f"user {owner}"
        return Changed(text, digest(text), by)

    def _lying(self) -> set[Path]:
        return set((self._folder / orders.FOLDER).glob("*.json"))

    def _stamp(self) -> tuple[int, int] | None:
        """Return what changes with the file, None while there is none; a pipe would never end."""
        try:
            found = (self._folder / PROGRAM).stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None
