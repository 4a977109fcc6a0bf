"""What is left of a program when its numbers are taken out: whether two differ in more than these (pure)."""

from __future__ import annotations

import ast
import copy

from population.fingerprint import fingerprint, parse
from population.genome import parse_tunables
from population.variant import Value


def same_structure(one: str, other: str) -> bool:
    """Say whether two sources differ in nothing but the values of what either marks as tunable.

    Raises:
        TuneError, SyntaxError: as in ``parse_tunables``.
    """
    names = {tunable.name for source in (one, other) for tunable in parse_tunables(source)}
    return _masked(one, names) == _masked(other, names)


def shared_values(source: str, other: str) -> dict[str, Value]:
    """Return the other's values of those tunables of both that differ (errors as above)."""
    theirs = {tunable.name: tunable.value for tunable in parse_tunables(other)}
    own = {tunable.name: tunable.value for tunable in parse_tunables(source)}
    return {name: theirs[name] for name, value in own.items() if name in theirs and theirs[name] != value}


def _masked(source: str, names: set[str]) -> str:
    """Return the fingerprint of a source without the literals that these names are assigned."""
    body = [_without_literal(statement, names) for statement in parse(source).body]
    return fingerprint(ast.unparse(ast.Module(body, [])))


def _without_literal(statement: ast.stmt, names: set[str]) -> ast.stmt:
    """Return a statement, or a copy without its literal if it assigns that to one of the names."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not _literal(statement.value):
        return statement
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name) or targets[0].id not in names:
        return statement
    masked = copy.copy(statement)  # the tree may be another caller's, too
    masked.value = ast.Constant(None)
    return masked


def _literal(value: ast.expr | None) -> bool:
    """Say whether an expression is a literal, perhaps with a sign."""
    return isinstance(value.operand if isinstance(value, ast.UnaryOp) else value, ast.Constant)
