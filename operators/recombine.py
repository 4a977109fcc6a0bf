"""Random recombination of two sources: top-level definitions and tunables' values (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst
from numpy.random import Generator

from operators.edits import Edited, differing_values, one_line, spelled
from operators.rewrites import names_in, parsed
from population.genome import with_values
from population.variant import Value

Definition = cst.FunctionDef | cst.ClassDef


def recombine(first: str, second: str, rng: Generator) -> Edited | None:
    """Put a drawn part of what differs in ``second`` into ``first``; None when nothing comparable differs.

    What may come over: functions and classes of the same name with another body, together with the
    module-level names that they need and that ``first`` lacks; and values of tunables of the same name.
    """
    one, two = parsed(first), parsed(second)
    if one is None or two is None:
        return None
    values = differing_values(first, second)
    others = _definitions(two)
    pairs = {
        name: (mine, others[name])
        for name, mine in _definitions(one).items()
        if name in others and not mine.deep_equals(others[name])
    }
    taken = _drawn([*pairs, *values], rng)
    if not taken:
        return None
    changed: dict[str, Value] = {name: values[name][1] for name in taken if name in values}
    source = with_values(first, changed) if changed else first
    bodies = {name: pairs[name][1] for name in taken if name in pairs}
    if bodies:
        source = _with_definitions(source, two, bodies)
    said = [f"`{name}`" for name in bodies] + [
        f"{name} {spelled(values[name][0])} -> {spelled(values[name][1])}" for name in changed
    ]
    return Edited(source, one_line(f"takes {', '.join(said)} from the second parent"))


def _drawn(names: list[str], rng: Generator) -> list[str]:
    """Return each name with chance one half: at least one, and not all unless there is one only."""
    if len(names) < 2:
        return names
    taken = rng.random(len(names)) < 0.5
    if taken.all() or not taken.any():
        turned = int(rng.integers(len(names)))
        taken[turned] = not taken[turned]
    return [name for name, mine in zip(names, taken, strict=True) if mine]


def _with_definitions(source: str, two: cst.Module, bodies: dict[str, Definition]) -> str:
    """Return ``source`` with these definitions of ``two``, and what they need, in place of its own."""
    module = cst.parse_module(source)
    needed = _needed(bodies.values(), two, known=_bound(module.body))
    body: list[cst.SimpleStatementLine | cst.BaseCompoundStatement] = []
    for statement in module.body:
        if isinstance(statement, Definition) and statement.name.value in bodies:
            body += needed
            needed = []
            body.append(bodies[statement.name.value])
        else:
            body.append(statement)
    return module.with_changes(body=body).code


def _needed(
    bodies: Iterable[Definition], two: cst.Module, known: set[str]
) -> list[cst.SimpleStatementLine | cst.BaseCompoundStatement]:
    """Return the statements of ``two`` that bind what the bodies name and ``known`` lacks, in order."""
    wanted = set().union(*(names_in(body) for body in bodies)) - known
    chosen: list[cst.SimpleStatementLine | cst.BaseCompoundStatement] = []
    for statement in reversed(two.body):  # what a needed statement needs stands above it
        if _bound([statement]) & wanted:
            chosen.insert(0, statement)
            wanted |= names_in(statement) - known
    return chosen


def _definitions(module: cst.Module) -> dict[str, Definition]:
    return {node.name.value: node for node in module.body if isinstance(node, Definition)}


def _bound(statements: Iterable[cst.CSTNode]) -> set[str]:
    """Return the names that module-level statements bind: definitions, plain assignments, imports."""
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, Definition):
            names.add(statement.name.value)
        elif isinstance(statement, cst.SimpleStatementLine):
            for small in statement.body:
                names |= _bound_by(small)
    return names


def _bound_by(statement: cst.BaseSmallStatement) -> set[str]:
    match statement:
        case cst.Assign(targets=targets):
            return set().union(*(names_in(target.target) for target in targets))
        case cst.AnnAssign(target=cst.Name(value=name)):
            return {str(name)}
        case cst.Import(names=aliases) | cst.ImportFrom(names=[*aliases]):
            return {alias.evaluated_alias or alias.evaluated_name.split(".")[0] for alias in aliases}
    return set()
