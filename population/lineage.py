"""Who descends from whom (pure; no recursion, so a lineage may be as deep as it likes)."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from population.variant import Variant


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A variant in the tree, under its first parent.

    Args:
        variant: who it is.
        others: its further parents, which do not show above it.
        children: those whose first parent it is, in the order of their coming.
    """

    variant: Variant
    others: tuple[str, ...]
    children: list[Node] = field(default_factory=list, repr=False)


def children_index(variants: Iterable[Variant]) -> dict[str, list[str]]:
    """Return the children of each parent, in the order given; a child of two parents stands under both."""
    index: dict[str, list[str]] = {}
    for variant in variants:
        for parent in dict.fromkeys(variant.parents):
            index.setdefault(parent, []).append(variant.id)
    return index


def ancestors(variants: Mapping[str, Variant], variant: str) -> list[str]:
    """Return all that a variant descends from, nearest generation first (KeyError for an unknown id)."""
    return _reachable(variants[variant].id, lambda one: variants[one].parents if one in variants else ())


def descendants(
    variants: Mapping[str, Variant], variant: str, children: Mapping[str, Sequence[str]] | None = None
) -> list[str]:
    """Return all that descend from a variant, nearest generation first.

    Args:
        variants: the population, by id.
        variant: whose descendants; KeyError when unknown.
        children: ``children_index`` of the population, if it is at hand.
    """
    index = children_index(variants.values()) if children is None else children
    return _reachable(variants[variant].id, lambda one: index.get(one, ()))


def descent(variants: Mapping[str, Variant], variant: str) -> list[str]:
    """Return the line of first parents that leads to a variant: the seed first, the variant last."""
    line: dict[str, None] = {}
    here: str | None = variants[variant].id
    while here is not None and here in variants and here not in line:
        line[here] = None
        here = next(iter(variants[here].parents), None)
    return list(reversed(line))


def meeting(
    variants: Mapping[str, Variant], one: str, other: str, limit: int = 1000
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the ways down to two variants from the nearest variant that both descend from, or are.

    Each way begins with that common ancestor and ends with the variant, along first parents where there is a
    choice. The youngest generation is looked at first, so that the cost is bounded by what lies between. None
    if nothing in common is found.

    Args:
        variants: the population, by id.
        one: KeyError when unknown, as for ``other``.
        other: the second variant.
        limit: how many variants are looked at.
    """
    below: tuple[set[str], set[str]] = ({one}, {other})  # what each of them descends from, or is
    queue = [(-variants[name].generation, name) for name in {one, other}]
    heapq.heapify(queue)
    seen: list[str] = []
    while queue and len(seen) < limit:
        name = heapq.heappop(queue)[1]
        if name in below[0] and name in below[1]:
            leading = _leading(variants, name, reversed(seen))
            ways = _way(variants, one, name, leading), _way(variants, other, name, leading)
            return ways if all(ways) else None
        seen.append(name)
        for parent in variants[name].parents:
            if parent in variants and parent not in below[0] and parent not in below[1]:
                heapq.heappush(queue, (-variants[parent].generation, parent))
            for side in below:
                if name in side:
                    side.add(parent)
    return None


def apart(variants: Mapping[str, Variant], one: str, other: str) -> bool:
    """Say whether two variants have a common ancestor and neither of them is it; costs as of ``meeting``."""
    ways = meeting(variants, one, other)
    return ways is not None and min(map(len, ways)) > 1


def _leading(variants: Mapping[str, Variant], top: str, oldest_first: Iterable[str]) -> set[str]:
    """Return a variant, and those of the others that descend from it."""
    leading = {top}
    for name in oldest_first:
        if not leading.isdisjoint(variants[name].parents):
            leading.add(name)
    return leading


def _way(variants: Mapping[str, Variant], name: str, top: str, leading: Collection[str]) -> tuple[str, ...]:
    """Return the way down from ``top`` to a variant, through those that lead there; empty if none does."""
    way = [name]
    while way[-1] != top:
        parent = next((one for one in variants[way[-1]].parents if one in leading), "")
        if not parent or parent in way:
            return ()  # its generations are not what they should be
        way.append(parent)
    return tuple(reversed(way))


def tree(variants: Iterable[Variant]) -> list[Node]:
    """Return the roots of the tree; a variant whose first parent is not among the variants is one."""
    nodes = {variant.id: Node(variant, variant.parents[1:]) for variant in variants}
    roots: list[Node] = []
    for node in nodes.values():
        first = next(iter(node.variant.parents), None)
        above = roots if first is None or first not in nodes else nodes[first].children
        above.append(node)
    return roots


def walk(roots: Sequence[Node]) -> Iterator[tuple[int, Node]]:
    """Yield each node of the tree with its depth, a parent before its children."""
    stack = [(0, node) for node in reversed(roots)]
    while stack:
        depth, node = stack.pop()
        yield depth, node
        stack.extend((depth + 1, child) for child in reversed(node.children))


def _reachable(start: str, step: Callable[[str], Iterable[str]]) -> list[str]:
    """Return what can be reached from a variant, breadth first, itself left out."""
    seen = {start}
    found: list[str] = []
    queue = deque([start])
    while queue:
        for one in step(queue.popleft()):
            if one not in seen:
                seen.add(one)
                found.append(one)
                queue.append(one)
    return found
