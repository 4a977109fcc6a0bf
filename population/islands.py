"""Islands: lineages that live side by side in one population, each founded by some variant (pure)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence

from population.ledger import Event
from population.ranking import Ranking
from population.variant import Variant

FOUNDED = "founded"
"""Kind of the event that makes a variant a member of one more island, the first one there."""

AFTER = "after"
"""In its data: how many members there were, on all islands together, when it took place."""


class Members:
    """Who lives on which island, and how they rank, kept up to date one variant at a time.

    Only variants with a score live anywhere. A seed (a variant without parents) lives on every island that
    there is from the start; a child on the one it was born on; a founder on the one it founded, too.

    Args:
        count: islands that there are from the start, 1 or more.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"there must be 1 island or more, got {count}")
        self.everybody = Ranking()
        self._first = count
        self._order: dict[int, list[str]] = {}
        self._rankings: dict[int, Ranking] = {}
        self._homes: dict[str, list[int]] = {}

    def add(self, variant: Variant, key: float) -> None:
        """Let a variant live where it was born; a second time, give it another place in the rankings.

        Args:
            variant: has a score.
            key: smaller is better, see ``selection.rank_key``.
        """
        known = variant.id in self.everybody
        self.everybody.set(variant.id, key)
        if not known:
            for island in [variant.island] if variant.parents else range(self._first):
                self._join(variant.id, island)
            return
        for island in self._homes[variant.id]:
            self._rankings[island].set(variant.id, key)

    def remove(self, variant: str) -> None:
        """Let a variant live nowhere any more; one that lives nowhere stays so."""
        for island in self._homes.pop(variant, []):
            self._rankings[island].remove(variant)
            self._order[island].remove(variant)
        if variant in self.everybody:
            self.everybody.remove(variant)

    def note(self, event: Event) -> None:
        """Follow a founding; any other event changes nothing, nor does that of a variant without a score."""
        if event.kind == FOUNDED and event.data["variant"] in self.everybody:
            self._join(event.data["variant"], event.data["island"])

    def on(self, island: int) -> Sequence[str]:
        """Return the ids of those who live on an island, in the order of their coming (do not change it)."""
        return self._order.get(island, [])

    def ranking(self, island: int) -> Ranking:
        """Return the ranking of those who live on an island (do not change it)."""
        return self._rankings.get(island) or Ranking()

    def lives_on(self, variant: str, island: int) -> bool:
        """Say whether a variant lives on an island."""
        return variant in self.ranking(island)

    def _join(self, variant: str, island: int) -> None:
        if not self.lives_on(variant, island):
            self._rankings.setdefault(island, Ranking()).set(variant, self.everybody.key(variant))
            self._order.setdefault(island, []).append(variant)
            self._homes.setdefault(variant, []).append(island)


def members(count: int, scored: Iterable[tuple[Variant, float]], foundings: Iterable[Event]) -> Members:
    """Return who lives on which island, everybody in the order in which they came there.

    Args:
        count: islands that there are from the start.
        scored: variants with their rank keys, in the order in which they got their scores.
        foundings: in order, each after as many members as it says, or after all;
            other events are passed over.
    """
    known = Members(count)
    left = deque(event for event in foundings if event.kind == FOUNDED)
    for variant, key in scored:
        while left and left[0].data.get(AFTER, math.inf) <= len(known.everybody):
            known.note(left.popleft())
        known.add(variant, key)
    for event in left:
        known.note(event)
    return known
