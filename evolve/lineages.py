"""Lineages as arms: which island has the next child, which are given up, and who founds a new one.

A bandit across lineages pays, and so does halving a portfolio of them as the budget goes (arXiv 2605.29268;
arXiv 2607.18235, which halves 12 to 5, 2 and 1 at each quarter). A lineage without a gain for long is given
up, and another begins from the seed or from an elite unlike the others (restarts: Luke, GECCO 2001).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.random import Generator

from population.bandit import Bandit, Tally
from population.islands import AFTER, FOUNDED, Members
from population.ledger import Event

ENDED, STAGNATION = "ended", "stagnation"
"""Kinds of the events that give a lineage up, and that change what models are asked for."""

LEVELS = 3
"""What models may be asked for: a refinement, another mechanism, to think again."""

_ASKED = ("one refinement", "another mechanism", "a new start from what was learnt")
_HALVED = 0.42  # of the lineages are left after each quarter of the budget


@dataclass(frozen=True, slots=True)
class Keeping:
    """How many lineages there are, and for how long.

    Args:
        count: lineages that a search begins with, 1 or more.
        patience: children without a gain after which a lineage is given up; 0 for never.
        stagnation: children without a gain anywhere after which models are asked for something else; 0 for
            never.
    """

    count: int = 1
    patience: int = 0
    stagnation: int = 0

    def surviving(self, used: float) -> int:
        """Return how many lineages there may be when this share of the budget is used."""
        return max(1, round(self.count * _HALVED ** int(4.0 * min(used, 0.999))))


@dataclass(slots=True)
class Lineage:
    """A lineage that is alive.

    Args:
        best: id of the best of its variants, as far as the noise lets one tell; empty before it has any.
        children: that it has had.
        barren: children since the last gain.
    """

    best: str = ""
    children: int = 0
    barren: int = 0


@dataclass(slots=True)
class Lineages:
    """The lineages that are alive, and what came of each.

    Args:
        keeping: how many there are, and for how long.
        bandit: chooses among them.
        alive: by number of their island.
        tallies: what came of each.
        founded: number of the next island.
        barren: children of all lineages since the last gain.
        level: how far what models are asked for has been moved (see ``Context.level``).
    """

    keeping: Keeping
    bandit: Bandit = field(default_factory=Bandit)
    alive: dict[int, Lineage] = field(default_factory=dict)
    tallies: Mapping[int, Tally] = field(default_factory=dict)
    founded: int = 0
    barren: int = 0
    level: int = 0

    def __post_init__(self) -> None:
        self.alive = {island: Lineage() for island in range(self.keeping.count)}
        self.founded = self.keeping.count

    def state(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        alive = [[island, one.best, one.children, one.barren] for island, one in self.alive.items()]
        tallies = [[island, t.gain, t.squares, t.cost] for island, t in self.tallies.items()]
        return {
            "alive": alive,
            "tallies": tallies,
            "founded": self.founded,
            "barren": self.barren,
            "level": self.level,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state`` returned."""
        self.alive = {int(island): Lineage(*rest) for island, *rest in state["alive"]}
        self.tallies = {int(island): Tally(*sums) for island, *sums in state["tallies"]}
        self.founded, self.barren, self.level = (int(state[k]) for k in ("founded", "barren", "level"))

    def choose(self, rng: Generator) -> int:
        """Choose the lineage that has the next child; those without any come first."""
        new = [island for island, one in self.alive.items() if not one.children]
        island = new[0] if new else self.bandit.choose(self.tallies, list(self.alive), {}, rng)
        self.alive[island].children += 1
        return island

    def learn(self, island: int, best: str, gain: float, cost: float) -> None:
        """Learn what came of a child.

        Args:
            island: where it was born.
            best: id of the best variant there, now that the child is known.
            gain: improvement over the best one before it.
            cost: in bursts.
        """
        one = self.alive.get(island)
        if one is None:
            return
        gained = best != one.best
        one.barren = 0 if gained else one.barren + 1
        self.barren = 0 if gained else self.barren + 1
        one.best = best
        self.tallies = self.bandit.updated(self.tallies, island, gain, cost)

    def settle(
        self, members: Members, used: float, founder: Callable[[int, Sequence[str]], str], at: float
    ) -> list[Event]:
        """Give up lineages that the budget has no room for, or that are barren; found others for the latter.

        Args:
            members: who lives where; it follows the events that are returned.
            used: share of the budget that is used, 0 to 1.
            founder: chooses who founds an island (its number) beside lineages with these best variants.
            at: unix time, seconds.
        """
        allowed = self.keeping.surviving(used)
        worst = sorted(self.alive, key=lambda one: _standing(members, one))[allowed:]
        events = [self._end(island, "the budget goes to better lineages", at) for island in worst]
        barren = [one for one, lineage in self.alive.items() if self._is_barren(lineage)]
        if len(self.alive) == 1:
            barren = []  # the last one is what the search stands on: it goes on, and asks for something else
        for island in barren:
            told = f"no gain in {self.alive[island].barren} children"
            events.append(self._end(island, told, at))
            events.append(self._found(members, founder, at))
        return events + self._shifted(at)

    def _shifted(self, at: float) -> list[Event]:
        """Return the event of a change of level, if there is one."""
        every = self.keeping.stagnation
        level = min(LEVELS - 1, self.barren // every) if every else 0
        if level == self.level:
            return []
        before, self.level = self.level, level
        told = f"no gain in {self.barren} children" if level > before else "a gain"
        text = f"{told}: models are asked for {_ASKED[level]}"
        return [Event(STAGNATION, text, at, {"level": level, "before": before})]

    def _is_barren(self, lineage: Lineage) -> bool:
        return 0 < self.keeping.patience <= lineage.barren

    def _end(self, island: int, reason: str, at: float) -> Event:
        ended = self.alive.pop(island)
        text = f"lineage {island} is given up: {reason}"
        return Event(ENDED, text, at, {"island": island, "best": ended.best, "children": ended.children})

    def _found(self, members: Members, founder: Callable[[int, Sequence[str]], str], at: float) -> Event:
        island, self.founded = self.founded, self.founded + 1
        others = [one.best for one in self.alive.values() if one.best]
        name = founder(island, others)
        self.alive[island] = Lineage(name)
        data = {"variant": name, "island": island, AFTER: len(members.everybody)}
        event = Event(FOUNDED, f"{name} founds lineage {island}", at, data)
        members.note(event)
        return event


def _standing(members: Members, island: int) -> float:
    """Return the key of an island's best variant; +inf while nobody lives there."""
    ranking = members.ranking(island)
    return min((ranking.key(one) for one in ranking.best(1)), default=math.inf)
