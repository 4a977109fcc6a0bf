"""``# tune:`` marks for a program that has none: its module-level numbers, each with a range (pure)."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from operators.evolvable import END, START
from population.fingerprint import parse
from population.genome import TuneError, parse_tunables
from population.marks import LINE

FACTOR = 8
"""A float's range goes from its eighth to eight times of it; an int's from a quarter to four times."""

_FIXED = re.compile(
    r"seed|time|budget|second|minute|deadline|vocab|version|port|eval|log_|print|interval|device|gpu|rank",
    re.I,
)
"""In the name of a number that says how a program is run or judged, and not what it does."""
_RATE = re.compile(r"(^|_)(lr|rate|eps)($|_)", re.I)
_LARGEST, _TINIEST = 10**15, 1e-300  # beyond, a number is no setting, and its range no float
_GRID = 64  # the widest step of a size: 768 goes by 64


def marked(source: str) -> str:
    """Return a Python source with marks on its module-level numbers.

    Left alone are names that are bound more than once, names such as ``SEED`` and ``TIME_BUDGET``, numbers
    below zero, and what stands outside of EVOLVE-BLOCK marks. A source that has a mark, or that would not be
    sound with them, comes back as it is.

    Raises:
        SyntaxError: it is no Python.
    """
    if "tune:" in source:
        return source
    lines = LINE.findall(source)
    for number, end, spec in _places(source, lines):
        lines[number - 1] = _with_mark(lines[number - 1], end, spec)
    text = "".join(lines)
    try:
        parse_tunables(text)
    except (TuneError, SyntaxError):
        return source
    return text


def _places(source: str, lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the line, the end of the literal in bytes, and the range of each number to be marked."""
    tree = parse(source)
    bound = Counter(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    starts = Counter(node.lineno for node in tree.body)
    allowed = _evolvable(lines)
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target: ast.expr = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        else:
            continue
        literal, line = node.value, node.lineno
        if not isinstance(target, ast.Name) or not isinstance(literal, ast.Constant) or not allowed[line - 1]:
            continue
        if bound[target.id] > 1 or starts[line] > 1 or literal.end_lineno != line or _FIXED.search(target.id):
            continue
        spec = _spec(target.id, literal.value)
        if spec is not None and literal.end_col_offset is not None:
            yield line, literal.end_col_offset, spec


def _evolvable(lines: list[str]) -> list[bool]:
    """Say of each line whether it may change."""
    inside = not any(START in line for line in lines)
    found = []
    for line in lines:
        inside = inside and END not in line
        found.append(inside)
        inside = inside or START in line
    return found


def _with_mark(line: str, end: int, spec: str) -> str:
    """Return a line with a mark behind its literal, and before the comment that it has; or as it is."""
    body = line.rstrip("\r\n")
    raw = body.encode()
    rest = raw[end:].decode()
    comment = rest.strip()
    if comment and not comment.startswith("#"):
        return line
    tail = f"  {comment}" if comment else ""
    return f"{raw[:end].decode()}  # tune: {spec}{tail}{line[len(body) :]}"


def _spec(name: str, value: object) -> str | None:
    """Return the range of a number, None for one that has none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _whole(value)
    if not isinstance(value, float) or not math.isfinite(value * FACTOR) or value < 0:
        return None
    if value == 0:
        return "0.0..0.5" if name.isupper() else None
    if value < _TINIEST:
        return None
    if _RATE.search(name) or value >= 1:
        return f"log {value / FACTOR:.6g}..{value * FACTOR:.6g}"
    if value <= 0.25:
        return f"log {value / FACTOR:.6g}..{min(value * FACTOR, 1):.6g}"
    return f"{value / 2:.6g}..{(1 + value) / 2:.6g}"


def _whole(value: int) -> str | None:
    """Return the range of a whole number: a size keeps the powers of two that it is made of."""
    if not 2 <= value <= _LARGEST:
        return None
    twos = value & -value
    if value == twos and value >= 16:
        return f"choice {' '.join(str(value * 2**power // 4) for power in range(5))}"
    if value > twos >= 8:
        step = min(twos, _GRID)
        return f"int {max(step, value // 4 // step * step)}..{value * 4} step {step}"
    return f"int log {max(1, value // 4)}..{value * 4}"
