"""The log of a run: what happened, a line each, also while it goes on."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from evolve.finding import is_running, opened
from population.ledger import Event
from population.store import Population

_EVERY = 0.5  # seconds between two looks at a run that goes on


def chosen(population: Population, kinds: Collection[str], last: int) -> Sequence[Event]:
    """Return the last events (0: all of them), of some kinds or of any."""
    events = population.events_of(*kinds) if kinds else population.events
    return events[-last:] if last else events


def followed(folder: Path, kinds: Collection[str], last: int) -> Iterator[Event]:
    """Yield the last events of a run and then each that comes, until no search writes to it any more.

    Raises:
        InputError: the folder is no run.
    """
    with opened(folder) as population:
        known = max(0, len(chosen(population, kinds, 0)) - last) if last else 0
        while True:
            running = is_running(folder)  # before the last look, so that nothing is missed
            population.refresh()
            found = chosen(population, kinds, 0)
            yield from found[known:]
            known = len(found)
            if not running:
                return
            time.sleep(_EVERY)
