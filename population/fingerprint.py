"""A hash of what a source does: formatting, comments, docstrings and names of locals left out (pure)."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

RECENT = 128  # sources of which what was found is kept at hand: a parent is asked about at each birth
_TREES = 8  # parsed texts kept at hand: a child is admitted, examined and read for tunables in one go
_PIECES = 1024  # pieces of sources of which what was found is kept at hand
_LINES = 64  # lines that look like the start of a statement and may stand in one string
_LONG = 50_000  # characters; of longer sources nothing is kept at hand
_START = re.compile(r"^(?<!\\\n)(?=[^\s#)\]}])(?!(?:else|elif|except|finally)\b)", re.MULTILINE)
"""Where a statement of the module may begin."""

_BY_NAME_AT_RUN_TIME = frozenset({"locals", "vars", "dir", "eval", "exec"})
"""A program that calls one of these can see the names of its locals, so they count."""

_VARIABLE_FIELD: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}
_NOT_IN_EVERY_PYTHON = frozenset({"type_comment", "type_params", "kind"})
_BODY_INSIDE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True, eq=False)
class _Scope:
    """One block of names, as the Python reference calls it (Execution model, section 4.2)."""

    kind: Literal["module", "class", "function", "comprehension"]
    outer: _Scope | None
    number: int
    params: frozenset[str] = frozenset()
    bound: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    order: dict[str, int] = field(default_factory=dict)


@functools.lru_cache(maxsize=_TREES)
def parse(source: str) -> ast.Module:
    """Parse a source; whatever keeps it from being Python is a SyntaxError.

    The tree may be another caller's too: it is read, never changed.

    Raises:
        SyntaxError: the source is no Python: also for null bytes, lone surrogates and absurd nesting,
            for which ``ast.parse`` raises other errors.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a variant is not our user's business
            return ast.parse(source)
    except ValueError as error:
        raise SyntaxError(str(error)) from None
    except (RecursionError, MemoryError):
        raise SyntaxError("nested too deeply to be parsed") from None


@functools.lru_cache(maxsize=RECENT)
def fingerprint(source: str) -> str:
    """Return a hash (32 hex digits) that two sources share when they are the same program.

    Comments, formatting, docstrings and the names of function locals (comprehension variables and local
    imports, functions and classes too) do not matter. Parameters, globals, attributes, every constant
    and the order of statements do. ``3e-3`` and ``0.003`` are one constant; ``1``, ``1.0`` and ``True``
    are three.

    Raises:
        SyntaxError: the source is no Python.
    """
    parts = pieces(source)
    kept = len(source) <= _LONG
    spelled, renaming = (_spelled, _renames) if kept else (_spelled.__wrapped__, _renames.__wrapped__)
    renames = all(map(renaming, parts))
    statements: list[bytes] = []
    documented, scopes = False, 0
    for piece in parts:
        spelling = spelled(piece, scopes, renames)
        documented |= not statements and spelling.documented
        statements += spelling.statements
        scopes += spelling.scopes
    if documented:
        statements = statements[1:] or [b"Pass\n"]
    whole = b"Module\n[%d\n%b[0\n" % (len(statements), b"".join(statements))
    return hashlib.sha256(whole).hexdigest()[:32]


def pieces(source: str) -> list[str]:
    """Cut a source between statements of the module; a child has most of its pieces from its parents.

    A long source stays in one piece.

    Raises:
        SyntaxError: the source is no Python.
    """
    found: list[str] = []
    piece, tries = "", 0
    for line in _START.split(source) if len(source) <= _LONG else [source]:
        piece, tries = piece + line, tries + 1
        if _is_whole(piece):
            found.append(piece)
            piece, tries = "", 0
        elif tries == _LINES:
            break
    if piece:
        parse(source)
        return [source]
    return found


@functools.lru_cache(maxsize=_PIECES)
def _is_whole(piece: str) -> bool:
    """Say whether a piece is Python by itself, and so does not end within a string or a statement."""
    try:
        parse(piece)
    except SyntaxError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Spelling:
    """A piece of a module, spelled out.

    Args:
        statements: the spelling of each.
        scopes: how many are opened in it.
        documented: it begins with a string, which is a docstring where a module begins with it.
    """

    statements: tuple[bytes, ...]
    scopes: int
    documented: bool


@functools.lru_cache(maxsize=_PIECES)
def _spelled(piece: str, before: int, renames: bool) -> _Spelling:
    """Spell a piece out; ``before`` is how many scopes are opened in the pieces before it."""
    tree = parse(piece)
    scopes = _scopes(tree, before)
    statements = ("\n".join([*_tokens(one, scopes, scopes[tree], renames), ""]) for one in tree.body)
    documented = ast.get_docstring(tree, clean=False) is not None
    return _Spelling(tuple(map(str.encode, statements)), len(scopes) - 1, documented)


@functools.lru_cache(maxsize=_PIECES)
def _renames(piece: str) -> bool:
    """Say whether the names of locals can be left out of a program with this piece without changing it."""
    for node in ast.walk(parse(piece)):
        if isinstance(node, ast.Name) and node.id in _BY_NAME_AT_RUN_TIME:
            return False
        if getattr(node, "type_params", None) or type(node).__name__ == "TypeAlias":
            return False  # they open scopes of their own, from Python 3.12 on
    return True


def _scopes(tree: ast.Module, before: int) -> dict[ast.AST, _Scope]:
    """Return the scope that each node opens, with the names bound in it; numbered from ``before`` on."""
    module = _Scope("module", None, 0)
    scopes: dict[ast.AST, _Scope] = {tree: module}
    stack: list[tuple[object, _Scope]] = [(tree, module)]
    while stack:
        item, scope = stack.pop()
        if isinstance(item, list):
            stack.extend((element, scope) for element in reversed(item))
        elif isinstance(item, ast.AST):
            inner = _opened(item, scope, before + len(scopes))
            if inner is not None:
                scopes[item] = inner
            _bind(item, scope)
            if isinstance(item, ast.NamedExpr):
                stack.append((item.value, scope))  # its target is bound already, perhaps further out
            else:
                stack.extend(reversed(_parts(item, scope, inner or scope)))
    return scopes


def _opened(node: ast.AST, outer: _Scope, number: int) -> _Scope | None:
    """Return the scope that a node opens, if it opens one."""
    if isinstance(node, _FUNCTIONS):
        arguments = node.args
        params = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        params += [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
        return _Scope("function", outer, number, frozenset(param.arg for param in params))
    if isinstance(node, ast.ClassDef):
        return _Scope("class", outer, number)
    if isinstance(node, _COMPREHENSIONS):
        return _Scope("comprehension", outer, number)
    return None


def _bind(node: ast.AST, scope: _Scope) -> None:
    """Note the names that a node binds or declares in its scope."""
    if isinstance(node, ast.Global):
        scope.globals.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        scope.nonlocals.update(node.names)
    elif isinstance(node, ast.NamedExpr):
        while scope.kind == "comprehension" and scope.outer is not None:
            scope = scope.outer  # PEP 572: the target belongs to the block around the comprehension
        scope.bound.add(node.target.id)
    elif isinstance(node, ast.alias):
        scope.bound.add(_bound_by(node))
    elif not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        name = getattr(node, _VARIABLE_FIELD.get(type(node), ""), None)
        if name is not None:
            scope.bound.add(name)


def _bound_by(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def _parts(node: ast.AST, outer: _Scope, inner: _Scope) -> list[tuple[object, _Scope]]:
    """Return the parts of a node in order, each with the scope that its names are looked up in."""
    if isinstance(node, _COMPREHENSIONS):
        return _comprehension_parts(node, outer, inner)
    parts: list[tuple[object, _Scope]] = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, _BODY_INSIDE):
            parts.append((_without_docstring(node), inner))
        elif name == "body" and isinstance(node, ast.Module):
            parts.append((_without_docstring(node), outer))
        elif name != _VARIABLE_FIELD.get(type(node)) and name not in _NOT_IN_EVERY_PYTHON:
            parts.append((value, outer))
    return parts


def _comprehension_parts(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, outer: _Scope, inner: _Scope
) -> list[tuple[object, _Scope]]:
    """Return the parts of a comprehension: its first iterable alone is looked up outside."""
    parts: list[tuple[object, _Scope]] = []
    for number, loop in enumerate(node.generators):
        parts.append((loop.target, inner))
        parts.append((loop.iter, inner if number else outer))
        parts += [(loop.ifs, inner), (loop.is_async, inner)]
    if isinstance(node, ast.DictComp):
        return [*parts, (node.key, inner), (node.value, inner)]
    return [*parts, (node.elt, inner)]


def _without_docstring(
    node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda,
) -> object:
    """Return the body of a block, its docstring left out."""
    if isinstance(node, ast.Lambda) or ast.get_docstring(node, clean=False) is None:
        return node.body
    return node.body[1:] or [ast.Pass()]


def _tokens(
    statement: ast.stmt, scopes: dict[ast.AST, _Scope], module: _Scope, renames: bool
) -> Iterator[str]:
    """Spell a statement out, in order: node types, constants and names, locals by number."""
    stack: list[tuple[object, _Scope]] = [(statement, module)]
    while stack:
        item, scope = stack.pop()
        if isinstance(item, list):
            yield f"[{len(item)}"
            stack.extend((element, scope) for element in reversed(item))
        elif isinstance(item, ast.Constant):
            yield _constant(item.value)
        elif isinstance(item, ast.alias):
            submodule = item.asname is None and "." in item.name  # ``import a.b`` binds a, not a.b
            yield f"alias {item.name} {submodule} {_resolved(_bound_by(item), scope, renames)}"
        elif isinstance(item, ast.Nonlocal):
            yield " ".join(["Nonlocal", *(_resolved(name, scope, renames) for name in item.names)])
        elif isinstance(item, ast.AST):
            yield type(item).__name__
            name = getattr(item, _VARIABLE_FIELD.get(type(item), ""), None)
            if name is not None:
                yield _resolved(name, scope, renames)
            stack.extend(reversed(_parts(item, scope, scopes.get(item, scope))))
        else:
            yield repr(item)


def _constant(value: object) -> str:
    """Spell a constant so that equal spelling means equal value and type."""
    if type(value) is int:
        return f"int {value:x}"  # the decimal form of a huge one is refused by Python
    return f"{type(value).__name__} {value!r}"


def _resolved(name: str, scope: _Scope, renames: bool) -> str:
    """Spell a name: a function's local by scope and order of appearance, any other as it is."""
    here: _Scope | None = scope
    while renames and here is not None and here.kind != "module":
        if here.kind == "class" and here is not scope:
            here = here.outer  # a class body's names are not seen by the functions in it
            continue
        if name in here.globals or name in here.params:
            break
        if name in here.bound and name not in here.nonlocals:
            if here.kind == "class" or name.startswith("__"):
                break  # an attribute, or a name that Python would mangle
            return f"{here.number}:{here.order.setdefault(name, len(here.order))}"
        here = here.outer
    return repr(name)
