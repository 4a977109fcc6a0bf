"""Islands: independent lineages in one population, and migration between them (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from population.ledger import Event
from population.variant import Variant

MIGRATION = "migration"
"""Kind of the event that makes a variant a member of one more island."""


@dataclass(frozen=True, slots=True)
class Islands:
    """How many islands there are, and how often their best move on.

    Args:
        count: number of islands, 1 or more.
        migration_every: children between two migrations; 0 for none.

    Raises:
        ValueError: a setting is out of its range.
    """

    count: int = 1
    migration_every: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"there must be 1 island or more, got {self.count}")
        if self.migration_every < 0:
            raise ValueError(
                f"children between migrations must be 0 (never) or more, got {self.migration_every}"
            )

    def island_of(self, child: int) -> int:
        """Return the island that child number ``child`` is born on: each in turn."""
        return child % self.count

    def migrates(self, child: int) -> bool:
        """Say whether a migration is due after child number ``child`` (counted from 1)."""
        return self.count > 1 and self.migration_every > 0 and child > 0 and child % self.migration_every == 0


class Members:
    """Who lives on which island, kept up to date one variant at a time.

    A seed (a variant without parents) lives on every island; a child on the one it was born on, and on
    those it migrated to. Should a run go on with fewer islands, their numbers wrap around.
    """

    def __init__(self, islands: Islands) -> None:
        self._count = islands.count
        self._members: list[dict[str, None]] = [{} for _ in range(islands.count)]
        self._order: list[list[str]] = [[] for _ in range(islands.count)]

    def add(self, variant: Variant) -> None:
        """Let a variant live where it was born; a second time changes nothing."""
        for island in [variant.island] if variant.parents else range(self._count):
            self._join(variant.id, island)

    def note(self, event: Event) -> None:
        """Follow a migration; any other event changes nothing."""
        if event.kind == MIGRATION:
            self._join(event.data["variant"], event.data["island"])

    def on(self, island: int) -> Sequence[str]:
        """Return the ids of those who live on an island, in the order of their coming (do not change it)."""
        return self._order[island % self._count]

    def lives_on(self, variant: str, island: int) -> bool:
        """Say whether a variant lives on an island."""
        return variant in self._members[island % self._count]

    def _join(self, variant: str, island: int) -> None:
        if not self.lives_on(variant, island):
            self._members[island % self._count][variant] = None
            self._order[island % self._count].append(variant)


def members(islands: Islands, variants: Iterable[Variant], events: Iterable[Event]) -> Members:
    """Return who lives on which island, from everything recorded so far."""
    known = Members(islands)
    for variant in variants:
        known.add(variant)
    for event in events:
        known.note(event)
    return known


def migrants(
    islands: Islands, child: int, population: Members, key: Callable[[str], float], at: float
) -> list[Event]:
    """Return the migrations due after child number ``child``: each island's best goes on to the next.

    The islands form a ring (Whitley, Rana & Heckendorn, The Island Model Genetic Algorithm, 1999).
    Who lives on the next island already, or has no score (key +inf), stays.

    Args:
        islands: the settings.
        child: how many children there have been.
        population: who lives where now; not changed (record the events, then ``note`` each).
        key: smaller is better, see ``selection.rank_key``.
        at: unix time, seconds.
    """
    if not islands.migrates(child):
        return []
    events: list[Event] = []
    for island in range(islands.count):
        best = min(population.on(island), key=key, default=None)
        target = islands.island_of(island + 1)
        if best is None or key(best) == math.inf or population.lives_on(best, target):
            continue
        text = f"{best} goes from island {island} to island {target}"
        events.append(Event(MIGRATION, text, at, {"variant": best, "island": target}))
    return events
