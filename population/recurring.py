"""Counts of what comes again, with the most frequent few at hand (pure)."""

from __future__ import annotations

from collections import Counter


class Frequent:
    """Counts keys, and knows the most frequent ones without looking at all of them.

    Args:
        size: how many are at hand.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts: Counter[str] = Counter()
        self._most: dict[str, str] = {}

    def add(self, key: str, said: str) -> None:
        """Count a key once more; ``said`` is what it is told by from now on."""
        self._counts[key] += 1
        self._most[key] = said
        order = sorted(self._most, key=lambda one: -self._counts[one])  # the older of equals first
        self._most = {one: self._most[one] for one in order[: self._size]}

    def drop(self, key: str) -> None:
        """Forget a key."""
        self._counts.pop(key, None)
        self._most.pop(key, None)

    def most(self, least: int) -> list[tuple[str, int]]:
        """Return the most frequent ones that came ``least`` times or more, and how often each did."""
        return [(said, self._counts[key]) for key, said in self._most.items() if self._counts[key] >= least]
