"""Which names a source binds and which it uses, by line (pure).

A name of any scope counts, ``x`` for a variable and ``.x`` for an attribute. A string that could be a name
binds an attribute: ``register_buffer("x", ...)`` and the like make some.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from population.fingerprint import parse, pieces
from population.marks import LINE

_PIECES = 256  # pieces of sources whose names are kept at hand: a child has most of its parents'

_Placed = (
    ast.Name
    | ast.Attribute
    | ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.ClassDef
    | ast.arg
    | ast.ExceptHandler
    | ast.MatchAs
    | ast.MatchStar
    | ast.alias
    | ast.Constant
)
_PLACED = get_args(_Placed)

Places = Mapping[str, frozenset[int]]
"""The lines, from 0, that a name stands on."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a source: where each is bound, and where it is used."""

    bound: Places
    used: Places


def names(source: str) -> Names:
    """Return the names of a source.

    Raises:
        SyntaxError: the source is no Python.
    """
    bound: defaultdict[str, set[int]] = defaultdict(set)
    used: defaultdict[str, set[int]] = defaultdict(set)
    above = 0
    for piece in pieces(source):
        known = _names_of(piece)
        for found, there in ((bound, known.bound), (used, known.used)):
            for name, places in there.items():
                found[name].update(above + place for place in places)
        above += len(LINE.findall(piece))
    return Names(_frozen(bound), _frozen(used))


@lru_cache(maxsize=_PIECES)
def _names_of(piece: str) -> Names:
    """Return the names of a piece of a source."""
    bound: defaultdict[str, set[int]] = defaultdict(set)
    used: defaultdict[str, set[int]] = defaultdict(set)
    for node in _nodes(parse(piece)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used[node.id].add(node.lineno - 1)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            used[f".{node.attr}"].add((node.end_lineno or node.lineno) - 1)
        else:
            for name in _bound(node):
                bound[name].add(node.lineno - 1)
    return Names(_frozen(bound), _frozen(used))


def dangling(child: Names, parent: Names) -> set[str]:
    """Return the names that a child uses and does not bind, although its parent binds them."""
    return {name for name in child.used if name not in child.bound and name in parent.bound}


def idle(child: Names, parent: Names) -> set[str]:
    """Return the names that a child binds and does not use, although its parent uses them."""
    return {name for name in child.bound if name not in child.used and name in parent.used}


def _nodes(tree: ast.Module) -> Iterator[_Placed]:
    """Yield the nodes of a tree that have a place and may bind or use a name."""
    for node in ast.walk(tree):
        if isinstance(node, _PLACED):
            yield node


def _bound(node: _Placed) -> Iterator[str]:
    """Yield the names that a node binds by itself."""
    match node:
        case ast.Name(id=name):
            yield name
            yield f".{name}"  # in the body of a class
        case ast.Attribute(attr=name):
            yield f".{name}"
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
            yield f".{name}"
        case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.partition(".")[0]
        case ast.Constant(value=str(text)) if text.isidentifier():
            yield f".{text}"


def _frozen(places: Mapping[str, set[int]]) -> Places:
    return {name: frozenset(lines) for name, lines in places.items()}
