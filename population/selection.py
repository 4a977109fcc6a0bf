"""Choosing parents and inspirations from the population (pure; the generator is an argument)."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from numpy.random import Generator

from population.fitness import Fitness
from population.variant import Direction

Lines = frozenset[tuple[str, int]]
"""A source as a bag of lines: each with the number of times it stood before."""

POOL = 16
"""How many of the best are looked at for ``diverse``."""


def rank_key(fitness: Fitness | None, direction: Direction) -> float:
    """Return a number that is smaller for better variants.

    This is the one place that ranks failures: a variant without a fitness is +inf, below every scored
    one, whichever way the metric is better.
    """
    if fitness is None or math.isnan(fitness.mean):
        return math.inf
    return direction.key(fitness.mean)


def tournament(
    ids: Sequence[str], key: Callable[[str], float], size: int, pressure: float, rng: Generator
) -> str:
    """Return the winner of one tournament (Miller & Goldberg, Complex Systems 9, 1995).

    ``size`` different variants enter (all of them, if there are fewer). The best wins with probability
    ``pressure``, else the second best with the same probability, and so on; the last takes what is left.
    The cost does not depend on the number of ids.

    Args:
        ids: who may enter; not empty.
        key: smaller is better, see ``rank_key``.
        size: how many enter, 1 or more.
        pressure: in (0.5, 1]; 1 lets the best of the tournament always win.
        rng: draws who enters, and breaks ties.

    Raises:
        ValueError: nobody to choose from, or a setting out of its range.
    """
    if not ids:
        raise ValueError("a tournament needs at least one variant, got none")
    if size < 1:
        raise ValueError(f"the tournament size must be 1 or more, got {size}")
    if not 0.5 < pressure <= 1.0:
        raise ValueError(f"the tournament pressure must be in (0.5, 1], got {pressure}")
    entering = entrants(ids, size, rng)
    ties = rng.random(len(entering))
    order = sorted(range(len(entering)), key=lambda index: (key(entering[index]), ties[index]))
    for index in order[:-1]:
        if rng.random() < pressure:
            return entering[index]
    return entering[order[-1]]


def entrants(ids: Sequence[str], size: int, rng: Generator) -> list[str]:
    """Return ``size`` different variants, or all of them if there are fewer."""
    return [ids[index] for index in _sample(len(ids), min(size, len(ids)), rng)]


def diverse(
    ids: Iterable[str],
    key: Callable[[str], float],
    distance: Callable[[str, str], float],
    count: int,
    apart_from: Sequence[str] = (),
    pool: int = POOL,
) -> list[str]:
    """Return up to ``count`` variants that are good and unlike each other, best first.

    Of the ``pool`` best scored ones, each next choice is the one farthest from its nearest among those
    chosen and ``apart_from`` (farthest-point choice, Gonzalez, Theoretical Computer Science 38, 1985).
    The better of two equally far ones is taken, so the best comes first when ``apart_from`` is empty.

    Args:
        ids: the candidates.
        key: smaller is better; a variant at +inf (no score) is never chosen.
        distance: how unlike two variants are; called at most ``pool * (count + len(apart_from))`` times.
        count: how many are wanted.
        apart_from: variants to stay away from, such as the parents; never returned.
        pool: how many of the best are looked at.
    """
    scored = ((key(one), one) for one in ids if one not in apart_from)
    best = [one for _, one in heapq.nsmallest(pool, (x for x in scored if x[0] < math.inf), lambda x: x[0])]
    gaps = [min((distance(one, other) for other in apart_from), default=math.inf) for one in best]
    chosen: list[int] = []
    while len(chosen) < min(count, len(best)):
        farthest = max((index for index in range(len(best)) if index not in chosen), key=gaps.__getitem__)
        chosen.append(farthest)
        gaps = [min(gap, distance(best[farthest], one)) for gap, one in zip(gaps, best, strict=True)]
    return [best[index] for index in sorted(chosen)]


def lines_of(source: str) -> Lines:
    """Return the lines of a source, wherever they stand."""
    before: Counter[str] = Counter()
    found = []
    for line in source.splitlines():
        found.append((line, before[line]))
        before[line] += 1
    return frozenset(found)


def line_distance(one: Lines, other: Lines) -> float:
    """Return the share of lines that two sources do not have in common, 0 to 1, wherever they stand."""
    both = len(one) + len(other)
    return 1.0 - 2.0 * len(one & other) / both if both else 0.0


def _sample(population: int, size: int, rng: Generator) -> list[int]:
    """Draw ``size`` different indices in O(size) (Floyd; Bentley, Programming Pearls, CACM 30(9), 1987)."""
    drawn: dict[int, None] = {}
    for last in range(population - size, population):
        index = int(rng.integers(last + 1))
        drawn[last if index in drawn else index] = None
    return list(drawn)
