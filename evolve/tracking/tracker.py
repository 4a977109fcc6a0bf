"""What a tracker is told, and which trackers there are."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evolve.errors import InputError


@dataclass(frozen=True, slots=True)
class Told:
    """What a tracker is told of a search before anything else.

    Args:
        id: names the search for good: a resumed one goes on in the same run of the tracker.
        folder: of the run.
        metric: its name.
        direction: ``minimize`` or ``maximize``.
        settings: those that differ from the defaults, in words.
    """

    id: str
    folder: str
    metric: str
    direction: str
    settings: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return Path(self.folder).name


class Tracker(Protocol):
    """One run of a tracker. It may raise whatever it likes, and take its time: nobody waits for it."""

    def numbers(self, evaluations: float, values: Mapping[str, float]) -> None:
        """Keep numbers as they are after so many bursts."""

    def champion(self, evaluations: float, variant: str, source: str, hypothesis: str) -> None:
        """Keep the source of a new champion."""

    def close(self) -> None:
        """Keep what is not kept yet: the search has ended, and may be resumed."""


def check(names: Sequence[str]) -> None:
    """Refuse trackers whose package is not installed.

    Raises:
        InputError: there is one.
    """
    for name in names:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:  # a folder of that name, such as wandb leaves, is none
            raise InputError(f"--track {name} needs a package: pip install 'evolve-train[{name}]'")
