"""Cheap refusals first: a proposal must parse, keep the contract and say something new."""

from __future__ import annotations

import ast

from operators.proposal import Proposal, Refusal, RefusalKind
from population.fingerprint import fingerprint, parse
from population.genome import TuneError, digest, parse_tunables
from population.variant import Failure, FailureKind

LONGEST = 200_000  # bytes of source


def examine(source: str, entry: str | None) -> Failure | None:
    """Return why a source cannot be run at all, or None when it deserves a burst.

    Args:
        source: the text of a variant.
        entry: name of the function that it must define, empty when there is none; None when it need not be
            Python.
    """
    if len(source.encode("utf-8", "replace")) > LONGEST:
        return Failure(FailureKind.CONTRACT, f"the source is longer than {LONGEST} bytes")
    if entry is None:
        return None if source.strip() else Failure(FailureKind.CONTRACT, "the program is empty")
    try:
        tree = parse(source)
        compile(tree, "train.py", "exec")
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        return Failure(FailureKind.SYNTAX, f"{where}{error.msg}")
    if entry and not _defines(tree, entry):
        return Failure(FailureKind.CONTRACT, f"it defines no function {entry}(burst) at top level")
    try:
        parse_tunables(source)
    except TuneError as error:
        return Failure(FailureKind.CONTRACT, str(error))
    return None


def mark(source: str) -> str:
    """Return what duplicates are told by: the normalised source, or the text of one that does not parse."""
    try:
        return fingerprint(source)
    except SyntaxError:
        return f"text:{digest(source)}"


def copy_of(proposal: Proposal, twin: str) -> Refusal:
    """Return the refusal of a child that is a copy of ``twin``."""
    reason = f"the child is the same program as {twin}"
    name, model, said = proposal.operator, proposal.model, proposal.hypothesis
    return Refusal(RefusalKind.DUPLICATE, reason, name, model, said, proposal.dollars)


def _defines(tree: ast.Module, entry: str) -> bool:
    """Say whether the module has a top-level function of this name, the last one, that takes one argument."""
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            arguments = node.args
            needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
            return needed <= 1 and bool(arguments.posonlyargs or arguments.args or arguments.vararg)
    return False
