"""A run as the page sees it: read once, then only what is new, and worked out again when something is."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.finding import is_running, opened
from evolve.page.data import overview
from evolve.page.detail import detail
from evolve.report.terminal import to_json

SHORTEST = 1.0  # seconds between two looks
_REST = 2.0  # times as long as it took is a view left alone before it is worked out again


@dataclass(frozen=True, slots=True)
class View:
    """A run at one moment.

    Args:
        version: counts the views of a run up from 1.
        packed: what the page shows of it, as gzipped JSON.
        running: whether a search writes it.
    """

    version: int
    packed: bytes
    running: bool


class Followed:
    """One run that is looked at, by several threads perhaps.

    Args:
        folder: its folder.
        clock: seconds that pass.

    Raises:
        InputError: the folder is no run.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._population = opened(folder)
        self._running = is_running(folder)
        self._due = 0.0
        self._view = self._looked(1)

    def view(self) -> View:
        """Return the run as it is, or was a moment ago."""
        with self._lock:
            if self._clock() >= self._due:
                running = is_running(self.folder)
                if self._population.refresh() or running != self._running:
                    self._running = running
                    self._view = self._looked(self._view.version + 1)
                else:
                    self._due = self._clock() + SHORTEST
            return self._view

    def variant(self, name: str) -> dict[str, Any]:
        """Return what the page shows of a variant.

        Raises:
            InputError: the run holds no such variant.
        """
        with self._lock:
            self._population.refresh()
            return detail(self._population, name)

    def _looked(self, version: int) -> View:
        begun = self._clock()
        data = {"version": version, **overview(self._population, self._running)}
        packed = gzip.compress(to_json(data).encode(), compresslevel=3, mtime=0)
        took = self._clock() - begun
        self._due = self._clock() + max(SHORTEST, _REST * took)
        return View(version, packed, self._running)
