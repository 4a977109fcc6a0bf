"""Islands: independent lineages in one population, and migration between them (pure)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from population.ledger import Event
from population.ranking import Ranking
from population.variant import Variant

MIGRATION = "migration"
"""Kind of the event that makes a variant a member of one more island."""

AFTER = "after"
"""In its data: how many members there were, on all islands together, when it took place."""


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
    """Who lives on which island, and how they rank, kept up to date one variant at a time.

    Only variants with a score live anywhere. A seed (a variant without parents) lives on every island; a
    child on the one it was born on, and on those it migrated to. Should a run go on with fewer islands,
    their numbers wrap around.
    """

    def __init__(self, islands: Islands) -> None:
        self.everybody = Ranking()
        self._order: list[list[str]] = [[] for _ in range(islands.count)]
        self._rankings = [Ranking() for _ in range(islands.count)]

    def add(self, variant: Variant, key: float) -> None:
        """Let a variant live where it was born; a second time, give it another place in the rankings.

        Args:
            variant: has a score.
            key: smaller is better, see ``selection.rank_key``.
        """
        known = variant.id in self.everybody
        self.everybody.set(variant.id, key)
        if not known:
            for island in [variant.island] if variant.parents else range(len(self._order)):
                self._join(variant.id, island)
            return
        for ranking in self._rankings:
            if variant.id in ranking:
                ranking.set(variant.id, key)

    def note(self, event: Event) -> None:
        """Follow a migration; any other event changes nothing, nor does that of a variant without a score."""
        if event.kind == MIGRATION and event.data["variant"] in self.everybody:
            self._join(event.data["variant"], event.data["island"])

    def on(self, island: int) -> Sequence[str]:
        """Return the ids of those who live on an island, in the order of their coming (do not change it)."""
        return self._order[island % len(self._order)]

    def ranking(self, island: int) -> Ranking:
        """Return the ranking of those who live on an island (do not change it)."""
        return self._rankings[island % len(self._rankings)]

    def lives_on(self, variant: str, island: int) -> bool:
        """Say whether a variant lives on an island."""
        return variant in self.ranking(island)

    def _join(self, variant: str, island: int) -> None:
        if not self.lives_on(variant, island):
            self.ranking(island).set(variant, self.everybody.key(variant))
            self._order[island % len(self._order)].append(variant)


def members(
    islands: Islands, scored: Iterable[tuple[Variant, float]], migrations: Iterable[Event]
) -> Members:
    """Return who lives on which island, everybody in the order in which they came there.

    Args:
        islands: the settings.
        scored: variants with their rank keys, in the order in which they got their scores.
        migrations: in order, each after as many members as it says, or after all;
            other events are passed over.
    """
    known = Members(islands)
    left = deque(event for event in migrations if event.kind == MIGRATION)
    for variant, key in scored:
        while left and left[0].data.get(AFTER, math.inf) <= len(known.everybody):
            known.note(left.popleft())
        known.add(variant, key)
    for event in left:
        known.note(event)
    return known


def migrants(islands: Islands, child: int, population: Members, at: float) -> list[Event]:
    """Return the migrations due after child number ``child``: each island's best goes on to the next.

    The islands form a ring (Whitley, Rana & Heckendorn, The Island Model Genetic Algorithm, 1999).
    Who lives on the next island already, or ranks at +inf, stays.

    Args:
        islands: the settings.
        child: how many children there have been.
        population: who lives where now; not changed (record the events, then ``note`` each).
        at: unix time, seconds.
    """
    if not islands.migrates(child):
        return []
    after = len(population.everybody)
    events: list[Event] = []
    for island in range(islands.count):
        ranking, target = population.ranking(island), islands.island_of(island + 1)
        for best in ranking.best(1):
            if ranking.key(best) < math.inf and not population.lives_on(best, target):
                text = f"{best} goes from island {island} to island {target}"
                data = {"variant": best, "island": target, AFTER: after}
                events.append(Event(MIGRATION, text, at, data))
    return events
