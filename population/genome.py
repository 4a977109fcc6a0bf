"""Source text as a genome: its ``# tune:`` numbers, how to set them, and what identifies it (pure).

A tunable is a module-level line ``NAME = literal  # tune: SPEC``, where SPEC is one of

    a..b                    a float
    log a..b                a float, on a logarithmic scale
    int a..b [step s]       a whole number
    int log a..b            a whole number, on a logarithmic scale
    choice a b c            one of these; typed like the literal (str, int, float or bool)

Words after a second ``#`` are a comment for people.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeVar

from population.fingerprint import RECENT, fingerprint, parse, pieces
from population.marks import LINE, marks
from population.variant import Value

__all__ = [
    "Tunable",
    "TuneError",
    "UnknownTunableError",
    "digest",
    "fingerprint",
    "parse",
    "parse_tunables",
    "rounded",
    "values_of",
    "with_values",
]

_FORMS = "`a..b`, `log a..b`, `int a..b [step s]`, `int log a..b` or `choice a b c`"
_DIGITS = 6
_TUNED = 1024  # pieces of sources whose tunables are kept at hand

Number = TypeVar("Number", int, float)


class TuneError(ValueError):
    """A ``# tune:`` comment that cannot be understood: its line, and what to write instead."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(line, message)
        self.line = line
        self.message = message

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class UnknownTunableError(KeyError):
    """A value was given for a name that is no tunable of the source."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"{self.name} is no tunable of this source, which has {', '.join(self.known) or 'none'}"


@dataclass(frozen=True, slots=True)
class Tunable:
    """A number (or a choice) that may be set from outside.

    Args:
        name: the module-level name.
        kind: ``float``, ``int`` or ``choice``.
        low: smallest value; 0 for a choice.
        high: largest value, on the grid of ``step``; 0 for a choice.
        log: whether its scale is logarithmic.
        step: distance between two values of an int; 1 for the other kinds.
        choices: what a choice may be; empty for the other kinds.
        value: what stands in the source.
        line: line in the source, from 1.
    """

    name: str
    kind: Literal["float", "int", "choice"]
    low: float
    high: float
    log: bool
    step: int
    choices: tuple[Value, ...]
    value: Value
    line: int


@dataclass(frozen=True, slots=True)
class _Literal:
    """An assigned literal and where it stands: line from 1, columns in UTF-8 bytes."""

    name: str
    value: Value
    line: int
    start: int
    end: int


@functools.lru_cache(maxsize=RECENT)
def parse_tunables(source: str) -> tuple[Tunable, ...]:
    """Return the tunables of a source, in order.

    Raises:
        TuneError: a ``# tune:`` comment is malformed.
        SyntaxError: the source is no Python.
    """
    return tuple(tunable for tunable, _ in _located(source))


def values_of(source: str) -> dict[str, Value]:
    """Return the value of each tunable of a source (errors as in ``parse_tunables``)."""
    return {tunable.name: tunable.value for tunable in parse_tunables(source)}


def with_values(source: str, values: Mapping[str, Value]) -> str:
    """Return the source with these tunables set, everything else byte for byte as it was.

    What is written is ``rounded(tunable, value)``; ``values_of`` the result gives exactly that.

    Raises:
        UnknownTunableError: a name is no tunable of the source.
        ValueError: a value is no number, or not among the choices.
        TuneError, SyntaxError: as in ``parse_tunables``.
    """
    located = _located(source)
    names = tuple(tunable.name for tunable, _ in located)
    for name in values:
        if name not in names:
            raise UnknownTunableError(name, names)
    lines = LINE.findall(source)
    for tunable, literal in located:
        if tunable.name not in values:
            continue
        value = rounded(tunable, values[tunable.name])
        if value != tunable.value:
            raw = lines[literal.line - 1].encode()
            raw = raw[: literal.start] + _spelled(value).encode() + raw[literal.end :]
            lines[literal.line - 1] = raw.decode()
    return "".join(lines)


def rounded(tunable: Tunable, value: Value) -> Value:
    """Return what ``with_values`` would write: in range, on the grid, floats to 6 significant digits.

    The value that stands in the source already is kept as it is. Rounding twice changes nothing.

    Raises:
        ValueError: the value is no number, or not among the choices.
    """
    if tunable.kind == "choice":
        for choice in tunable.choices:
            if choice == value and isinstance(choice, str) == isinstance(value, str):
                return choice
        raise ValueError(f"{tunable.name} is one of {_listed(tunable.choices)}, got {value!r}")
    if isinstance(value, str) or math.isnan(value):
        raise ValueError(f"{tunable.name} is a number, got {value!r}")
    if value == tunable.value:
        return tunable.value
    low, high = tunable.low, tunable.high
    if not low < value < high:
        value = low if value <= low else high
    elif tunable.kind == "float":
        value = min(max(float(f"{value:.{_DIGITS}g}"), low), high)
    if tunable.kind == "float":
        return float(value)
    return int(low) + round((value - low) / tunable.step) * tunable.step


def digest(source: str) -> str:
    """Return the content hash of a source: the first 32 hex digits of its SHA-256."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _located(source: str) -> list[tuple[Tunable, _Literal]]:
    """Return each tunable with the literal that holds its value."""
    found: list[tuple[Tunable, _Literal]] = []
    seen: dict[str, int] = {}
    above = 0
    for piece in pieces(source):
        for tunable, literal in _tuned(piece, above) if "tune:" in piece else ():
            if literal.name in seen:
                told = f"{literal.name} has a `# tune:` on line {seen[literal.name]} already"
                raise TuneError(literal.line, told)
            seen[literal.name] = literal.line
            found.append((tunable, literal))
        above += len(LINE.findall(piece))
    return found


@functools.lru_cache(maxsize=_TUNED)
def _tuned(piece: str, above: int) -> tuple[tuple[Tunable, _Literal], ...]:
    """Return the tunables of a piece of a source, and their literals; ``above`` it are so many lines."""
    tree = parse(piece)
    located = ((_literal_on(tree, line, above), spec) for line, spec in marks(piece, tree))
    return tuple((_tunable(literal, spec), literal) for literal, spec in located)


def _literal_on(tree: ast.Module, line: int, above: int) -> _Literal:
    """Return the literal that is assigned to a module-level name on this line of a piece."""
    whole = line + above
    there = [node for node in tree.body if node.lineno <= line <= (node.end_lineno or node.lineno)]
    if not there:
        raise TuneError(whole, "a `# tune:` comment ends a line `NAME = literal`; this one stands alone")
    statement = there[0]
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        raise TuneError(whole, "only a module-level `NAME = literal` can be tuned; move it out of its block")
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    target, node = targets[0], statement.value
    if len(there) > 1 or len(targets) > 1 or not isinstance(target, ast.Name) or node is None:
        raise TuneError(
            whole, "write one assignment to one name on a tuned line: `NAME = literal  # tune: ...`"
        )
    value = _literal_value(node)
    if value is None or node.end_col_offset is None:
        raise TuneError(
            whole, f"{target.id} is no literal; write a number, a string or True/False before `# tune:`"
        )
    if not node.lineno == node.end_lineno == line:
        raise TuneError(whole, f"write {target.id}, its value and its `# tune:` comment on one line")
    return _Literal(target.id, value, whole, node.col_offset, node.end_col_offset)


def _literal_value(node: ast.expr) -> Value | None:
    """Return what a literal stands for; None when the node is no literal that can be tuned."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _literal_value(node.operand)
        if isinstance(node.operand, ast.UnaryOp) or isinstance(value, str | bool) or value is None:
            return None
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    return None


def _tunable(literal: _Literal, spec: str) -> Tunable:
    """Return the tunable that a literal and its SPEC make."""
    words = re.sub(r"\s*\.\.\s*", "..", spec).split()
    if words and words[0] == "choice":
        return _choice(literal, words[1:])
    scale = set()
    while words and words[0] in {"int", "log"}:
        scale.add(words.pop(0))
    step = None
    if len(words) == 3 and words[1] == "step" and scale == {"int"}:
        step = words[2]
        words = words[:1]
    if len(words) != 1 or words[0].count("..") != 1 or "..." in words[0]:
        raise TuneError(literal.line, f"cannot read `# tune: {spec}` of {literal.name}; write {_FORMS}")
    low, high = words[0].split("..")
    if "int" in scale:
        return _int(literal, low, high, step or "1", "log" in scale)
    return _float(literal, low, high, "log" in scale)


def _float(literal: _Literal, low_text: str, high_text: str, log: bool) -> Tunable:
    """Return the float that a literal and its range make."""
    low, high = (_number(float, text, literal) for text in (low_text, high_text))
    value = literal.value
    if isinstance(value, str | bool):
        _mistyped(literal, "a number")
    if isinstance(value, int) and low.is_integer() and high.is_integer():
        raise TuneError(
            literal.line,
            f"{literal.name} = {value} is an int but its range is a float's; "
            f"write `int {low_text}..{high_text}`, or the value as {float(value)!r}",
        )
    _check_range(literal, value, low, high, log)
    return Tunable(literal.name, "float", low, high, log, 1, (), float(value), literal.line)


def _int(literal: _Literal, low_text: str, high_text: str, step_text: str, log: bool) -> Tunable:
    """Return the int that a literal, its range and its step make."""
    low, high, step = (_number(int, text, literal) for text in (low_text, high_text, step_text))
    value = literal.value
    if not isinstance(value, int) or isinstance(value, bool):
        _mistyped(literal, "a whole number")
    if step < 1:
        raise TuneError(literal.line, f"the step of {literal.name} must be 1 or more, got {step}")
    _check_range(literal, value, low, high, log)
    if (value - low) % step:
        raise TuneError(
            literal.line, f"{literal.name} = {value} is not on its grid {low}, {low + step}, ... up to {high}"
        )
    top = high - (high - low) % step
    return Tunable(literal.name, "int", low, top, log, step, (), value, literal.line)


def _choice(literal: _Literal, words: list[str]) -> Tunable:
    """Return the choice that a literal and its words make."""
    choices = tuple(_typed(word.strip(",").strip("'\""), literal) for word in words)
    if len(choices) < 2 or len(set(choices)) < len(choices):
        raise TuneError(literal.line, f"the choices of {literal.name} must be two or more different words")
    if literal.value not in choices:
        raise TuneError(
            literal.line, f"{literal.name} = {literal.value!r} is not among its choices {_listed(choices)}"
        )
    return Tunable(literal.name, "choice", 0, 0, False, 1, choices, literal.value, literal.line)


def _typed(word: str, literal: _Literal) -> Value:
    """Return a choice, typed like the literal."""
    if isinstance(literal.value, str):
        return word
    if isinstance(literal.value, bool):
        if word not in {"True", "False"}:
            raise TuneError(
                literal.line, f"{literal.name} is True or False, but its choice {word} is neither"
            )
        return word == "True"
    return _number(type(literal.value), word, literal)


def _check_range(literal: _Literal, value: float, low: float, high: float, log: bool) -> None:
    """Refuse a range that is none, or that does not hold the value."""
    if not low < high:
        raise TuneError(literal.line, f"the range of {literal.name} must go up, got {low}..{high}")
    if log and low <= 0:
        raise TuneError(literal.line, f"the log range of {literal.name} must start above 0, got {low}")
    if not low <= value <= high:
        raise TuneError(literal.line, f"{literal.name} = {value} lies outside its range {low}..{high}")


def _number(make: type[Number], text: str, literal: _Literal) -> Number:
    """Read a number of a SPEC."""
    try:
        number = make(text)
    except ValueError:
        number = None
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        kind = "a whole number" if make is int else "a number"
        raise TuneError(literal.line, f"{text or 'nothing'} is not {kind} in the `# tune:` of {literal.name}")
    return number


def _mistyped(literal: _Literal, wanted: str) -> NoReturn:
    """Refuse a literal of another type than its SPEC."""
    raise TuneError(
        literal.line, f"{literal.name} = {literal.value!r} is not {wanted}, as its `# tune:` asks"
    )


def _listed(choices: tuple[Value, ...]) -> str:
    return ", ".join(map(str, choices))


def _spelled(value: Value) -> str:
    """Write a value as Python."""
    if isinstance(value, str) and not {'"', "\\"} & set(value) and value.isprintable():
        return f'"{value}"'
    return repr(value)
