"""A program read as statements, each with its scope: what stays when formatting and comments change.

Nothing here runs a program or imports more than the standard library, so that a peer's interpreter can use
it.
"""

from __future__ import annotations

import ast
import builtins
import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_GIVEN = frozenset(dir(builtins)) | {"__name__", "__file__"}
_OF_MODULES = frozenset(
    {"training", "parameters", "named_parameters", "modules", "children", "register_buffer"}
)


@dataclass(frozen=True)
class Statement:
    """One simple statement, or the head of a compound one.

    Args:
        scope: where it stands, such as ``MLP.forward``; empty at module level.
        text: its code as ``ast.unparse`` writes it.
        first: its first line, from 1.
        last: its last line; for the head of a compound statement the same as ``first``.
    """

    scope: str
    text: str
    first: int
    last: int


def parsed(source: str) -> ast.Module:
    """Parse a program.

    Raises:
        SyntaxError: it is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from None


@functools.lru_cache(maxsize=4096)
def statements(source: str) -> tuple[Statement, ...]:
    """Return all statements of a program in order; docstrings and ``if __name__`` are left out.

    Raises:
        SyntaxError: it is no Python.
    """
    return tuple(_within(parsed(source).body, "", source.split("\n")))


def normal(code: str) -> str:
    """Return one statement's code as ``statements`` would give it."""
    return ast.unparse(ast.parse(code))


def literal(statement: Statement) -> tuple[str, float] | None:
    """Return name and number of a module-level ``NAME = number``; None for any other statement."""
    if statement.scope:
        return None
    name, equals, value = statement.text.partition(" = ")
    if not equals or not name.isidentifier():
        return None
    try:
        return name, float(value)
    except ValueError:
        return None


def undefined(tree: ast.Module) -> str:
    """Return what Python would say of a name or ``self`` attribute that is bound nowhere; else nothing."""
    nodes = list(ast.walk(tree))
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in bound | _GIVEN:
            return f"NameError: name '{node.id}' is not defined"
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return next((said for one in classes if (said := _lacking(one))), "")


def _lacking(owner: ast.ClassDef) -> str:
    """Say which attribute of ``self`` a class reads and never sets."""
    own = [
        node
        for node in ast.walk(owner)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    ]
    known = {node.attr for node in own if not isinstance(node.ctx, ast.Load)} | _OF_MODULES
    known |= {node.name for node in owner.body if isinstance(node, ast.FunctionDef)}
    missing = next((node.attr for node in own if node.attr not in known), None)
    return f"AttributeError: '{owner.name}' object has no attribute '{missing}'" if missing else ""


def _within(body: list[ast.stmt], scope: str, lines: list[str]) -> Iterator[Statement]:
    for place, node in enumerate(body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and place == 0:
            continue  # a docstring
        last = node.end_lineno or node.lineno
        inner = scope
        match node:
            case ast.FunctionDef():
                inner = f"{scope}.{node.name}" if scope else node.name
                head = f"def ({ast.unparse(node.args)})"
            case ast.ClassDef():
                inner = f"{scope}.{node.name}" if scope else node.name
                head = f"class ({', '.join(map(ast.unparse, node.bases))})"
            case ast.For():
                head = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
            case ast.While():
                head = f"while {ast.unparse(node.test)}"
            case ast.If() if not scope and "__name__" in ast.unparse(node.test):
                continue
            case _:
                yield Statement(scope, _unparsed(node, lines[node.lineno - 1 : last]), node.lineno, last)
                continue
        yield Statement(inner, head, node.lineno, node.lineno)
        yield from _within(node.body, inner, lines)


_known: dict[tuple[str, int, int | None], str] = {}


def _unparsed(node: ast.stmt, lines: list[str]) -> str:
    """Return a statement's normal text; it is written anew only for lines that were never seen."""
    key = ("\n".join(lines), node.col_offset, node.end_col_offset)
    if key not in _known:
        _known[key] = ast.unparse(node)
    return _known[key]
