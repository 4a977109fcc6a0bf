"""Random edits of one source's structure; with libcst, so that comments and marks survive (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst
from numpy.random import Generator

from operators.edits import Edited, one_line

ESSENTIAL = frozenset(
    {"__init__", "append", "backward", "manual_seed", "register_buffer", "register_parameter", "report"}
    | {"setattr", "step", "train", "zero_grad"}
)
"""Calls that are not dropped: without them nothing trains at all, or nothing can be repeated."""


@dataclass(frozen=True, slots=True)
class Family:
    """Callables of one module that may stand for one another, given the same arguments.

    Args:
        modules: last names that the module goes by, such as ``F`` and ``functional``.
        names: the callables.
        positional: most positional arguments that mean the same to all of them.
        keywords: keyword arguments that mean the same to all of them.
    """

    modules: frozenset[str]
    names: tuple[str, ...]
    positional: int
    keywords: frozenset[str] = frozenset()


_FUNCTIONAL = frozenset({"F", "functional"})
_OPTIM = frozenset({"optim"})
FAMILIES = (
    Family(_FUNCTIONAL, ("relu", "gelu", "silu", "mish"), 1),
    Family(_FUNCTIONAL, ("layer_norm", "rms_norm"), 3, frozenset({"normalized_shape", "weight", "eps"})),
    Family(_FUNCTIONAL, ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss"), 2, frozenset({"reduction"})),
    Family(frozenset({"nn"}), ("ReLU", "GELU", "SiLU", "Mish"), 0),
    Family(frozenset({"nn"}), ("LayerNorm", "RMSNorm"), 1, frozenset({"eps", "elementwise_affine"})),
    Family(_OPTIM, ("AdamW", "NAdam", "RAdam"), 1, frozenset({"lr", "betas", "eps", "weight_decay"})),
    Family(
        frozenset({"init"}),
        ("xavier_uniform_", "xavier_normal_", "orthogonal_"),
        1,
        frozenset({"gain"}),
    ),
    Family(
        frozenset({"init"}), ("kaiming_uniform_", "kaiming_normal_"), 2, frozenset({"mode", "nonlinearity"})
    ),
)

_SQUARED = ("relu", "gelu", "silu")  # functions of F that ReLU² may stand for, and the other way


@dataclass(frozen=True, slots=True)
class _Swap:
    """A node, what may stand in its place, and how both are called."""

    node: cst.CSTNode
    other: cst.CSTNode
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class _Site:
    """A statement that may go: where it stands, in which function, and whether it does more when repeated."""

    block: cst.IndentedBlock
    index: int
    function: str
    rebinds: bool


def swap(source: str, rng: Generator) -> Edited | None:
    """Put an equivalent in the place of one call; None when the source holds no call known here."""
    module = parsed(source)
    if module is None:
        return None
    visitor = _Swaps()
    module.visit(visitor)
    if not visitor.found:
        return None
    here = visitor.found[int(rng.integers(len(visitor.found)))]
    chosen = here[int(rng.integers(len(here)))]
    child = module.deep_replace(chosen.node, chosen.other)
    return Edited(_code(child), one_line(f"swaps {chosen.old} for {chosen.new}"))


def drop(source: str, rng: Generator) -> Edited | None:
    """Take out one bare call, ``x = f(x)`` or ``x += y`` of a function; None when there is none."""
    return _restated(source, rng, "drops", 0)


def duplicate(source: str, rng: Generator) -> Edited | None:
    """Run one ``x = f(x)`` or ``x += y`` of a function twice; None when there is none."""
    return _restated(source, rng, "repeats", 2)


def parsed(source: str) -> cst.Module | None:
    """Return the syntax tree, or None when libcst cannot read the source."""
    try:
        return cst.parse_module(source)
    except (cst.ParserSyntaxError, RecursionError):
        return None


def _restated(source: str, rng: Generator, verb: str, times: int) -> Edited | None:
    """Write one drawn statement ``times`` times."""
    module = parsed(source)
    if module is None:
        return None
    visitor = _Sites()
    module.visit(visitor)
    sites = [site for site in visitor.found if (site.rebinds if times else len(site.block.body) > 1)]
    if not sites:
        return None
    site = sites[int(rng.integers(len(sites)))]
    body = site.block.body
    statement = body[site.index]
    copies = [statement, *[_uncommented(statement)] * (times - 1)] if times else []
    block = site.block.with_changes(body=[*body[: site.index], *copies, *body[site.index + 1 :]])
    said = f"{verb} `{_shown(statement)}` in `{site.function}`"
    return Edited(_code(module.deep_replace(site.block, block)), one_line(said))


class _Swaps(cst.CSTVisitor):
    """Collects, for every call known here, what may stand in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[_Swap]] = []

    def visit_Call(self, node: cst.Call) -> bool:  # noqa: N802 -- libcst's name
        squared = _squared_relu(node)
        if squared is not None:
            self.found.append([_Swap(node, _renamed(squared, n), "relu²", n) for n in _SQUARED])
            return False
        here = [
            _Swap(node, _renamed(node, other), name, other)
            for family in FAMILIES
            if (name := _member(node, family))
            for other in family.names
            if other != name
        ]
        if _member(node, FAMILIES[0]) in _SQUARED:
            square = cst.Call(cst.Attribute(_renamed(node, "relu"), cst.Name("square")))
            here.append(_Swap(node, square, _last(node.func), "relu²"))
        if here:
            self.found.append(here)
        return True

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> bool:  # noqa: N802 -- libcst's name
        squared = _squared_relu(node)
        if squared is None:
            return True
        self.found.append([_Swap(node, _renamed(squared, n), "relu²", n) for n in _SQUARED])
        return False


class _Sites(cst.CSTVisitor):
    """Collects the statements in function bodies without which every name stays bound."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Site] = []
        self._functions: list[str] = []

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:  # noqa: N802 -- libcst's name
        self._functions.append(node.name.value)

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:  # noqa: N802 -- libcst's name
        self._functions.pop()

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:  # noqa: N802 -- libcst's name
        if not self._functions:
            return
        for i, line in enumerate(node.body):
            if (rebinds := _rebinds(line)) or _is_call(line):
                self.found.append(_Site(node, i, self._functions[-1], rebinds))


def _rebinds(statement: cst.BaseStatement) -> bool:
    """Say whether a statement is ``x = f(x)`` or ``x += y``; a counter is none, since loops hang on it."""
    match _small(statement):
        case cst.AugAssign(value=value):
            return not isinstance(value, cst.Integer)
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
            return not isinstance(value, cst.Name) and name in names_in(value)
    return False


def _is_call(statement: cst.BaseStatement) -> bool:
    """Say whether a statement is a bare call, and not one that all else hangs on."""
    match _small(statement):
        case cst.Expr(value=cst.Call(func=function)):
            return _last(function) not in ESSENTIAL
    return False


def _small(statement: cst.BaseStatement) -> cst.BaseSmallStatement | None:
    """Return the one simple statement on a line; None for anything else."""
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        return statement.body[0]
    return None


def names_in(node: cst.CSTNode) -> frozenset[str]:
    """Return every variable's name that stands anywhere in a node: no attributes, no keywords."""
    visitor = _Names()
    node.visit(visitor)
    return frozenset(visitor.found)


class _Names(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802 -- libcst's name
        self.found.add(node.value)

    def visit_Attribute(self, node: cst.Attribute) -> bool:  # noqa: N802 -- libcst's name
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:  # noqa: N802 -- libcst's name
        node.value.visit(self)
        return False


def _member(call: cst.Call, family: Family) -> str:
    """Return the name under which a call belongs to a family; empty when it does not."""
    if not isinstance(call.func, cst.Attribute) or _last(call.func.value) not in family.modules:
        return ""
    plain = [arg for arg in call.args if arg.keyword is None]
    named = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    fits = (
        len(plain) <= family.positional
        and named <= family.keywords
        and not any(arg.star for arg in call.args)
    )
    name = call.func.attr.value
    return name if fits and name in family.names else ""


def _squared_relu(node: cst.BaseExpression) -> cst.Call | None:
    """Return the call of relu inside ``F.relu(x).square()`` or ``F.relu(x) ** 2``."""
    match node:
        case cst.Call(func=cst.Attribute(value=cst.Call() as inner, attr=cst.Name("square")), args=[]):
            pass
        case cst.BinaryOperation(left=cst.Call() as inner, operator=cst.Power(), right=cst.Integer("2")):
            pass
        case _:
            return None
    return inner if _member(inner, FAMILIES[0]) == "relu" else None


def _renamed(call: cst.Call, name: str) -> cst.Call:
    """Return a call of another member of the same module."""
    return call.with_deep_changes(cst.ensure_type(call.func, cst.Attribute).attr, value=name)


def _last(node: cst.BaseExpression) -> str:
    """Return the last name of a dotted name; empty for anything else."""
    match node:
        case cst.Attribute(attr=cst.Name(value=name)) | cst.Name(value=name):
            return str(name)
    return ""


def _uncommented(statement: cst.BaseStatement) -> cst.BaseStatement:
    return cst.ensure_type(statement, cst.SimpleStatementLine).with_changes(leading_lines=())


def _shown(statement: cst.BaseStatement, width: int = 60) -> str:
    """Return a statement's code on one line, for a hypothesis."""
    bare = cst.ensure_type(statement, cst.SimpleStatementLine).body[0]
    code = " ".join(cst.Module([]).code_for_node(bare).split())
    return code if len(code) <= width else code[: width - 1] + "…"


def _code(node: cst.CSTNode) -> str:
    return cst.ensure_type(node, cst.Module).code
