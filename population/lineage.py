"""Who descends from whom (pure; no recursion, so a lineage may be as deep as it likes)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
