"""What a parent changed since an ancestor, written for a model: step by step, with the gains (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from operators.edits import one_line, spelled
from operators.proposal import Branch, Change, Origin
from population.genome import TuneError, values_of
from population.statements import lines_in
from population.variant import Value

STEP_LENGTH = 2000  # characters of the changes of one step
_AROUND = 2  # unchanged lines shown above and below a change


def told(ancestor: str, parent: str, branch: Branch, length: int) -> str:
    """Return the steps of a branch with their changes, the largest gain first, cut near ``length``.

    Args:
        ancestor: its source.
        parent: the source that the branch leads to.
        branch: how the two differ.
        length: in characters; past this, steps are left out.
    """
    order = sorted(range(len(branch.origins)), key=lambda at: _rank(branch.origins[at]))
    shown: list[str] = []
    size = 0
    for place, at in enumerate(order):
        lines = [_headline(branch.origins[at]), *_lines(ancestor, parent, branch, at)]
        text = _cut(lines, STEP_LENGTH)
        if shown and size + len(text) > length:
            left = len(order) - place
            shown.append(f"({left} more step{'s' * (left != 1)})")
            break
        shown.append(text)
        size += len(text)
    return "\n".join(shown)


def gained(origin: Origin) -> str:
    """Say what a step gained."""
    if origin.gain is None:
        return "gain not measured"
    error = "" if math.isnan(origin.standard_error) else f" ± {origin.standard_error:.4f}"
    return f"gain {origin.gain:+.4f}{error}"


def _rank(origin: Origin) -> tuple[bool, float]:
    return origin.gain is None, -(origin.gain or 0.0)


def _headline(origin: Origin) -> str:
    """Say whose a step is, what it gained and what was its idea."""
    if not origin.variants:
        return "@@ origin not known"
    return f"@@ {', '.join(origin.variants)}, {gained(origin)}: {one_line(origin.idea)}"


def _lines(ancestor: str, parent: str, branch: Branch, at: int) -> Iterator[str]:
    """Yield what one step changed, as lines of a diff."""
    old, new = lines_in(ancestor), lines_in(parent)
    done = 0
    for change in branch.changes:
        if change.origin == at:
            yield from _change(old, new, change, done)
            done = change.stop + _AROUND
    before, after = _values(ancestor), _values(parent)
    for name, origin in branch.values.items():
        if origin == at and name in before and name in after:
            yield f"{name} {spelled(before[name])} -> {spelled(after[name])}"


def _change(old: list[str], new: list[str], change: Change, done: int) -> Iterator[str]:
    """Yield one change with a few lines around it, as far as these were not shown before."""
    for line in new[max(change.at - _AROUND, done, 0) : change.at]:
        yield f" {line.rstrip()}"
    for line in old[change.start : change.end]:
        yield f"-{line.rstrip()}"
    for line in new[change.at : change.stop]:
        yield f"+{line.rstrip()}"
    for line in new[change.stop : change.stop + _AROUND]:
        yield f" {line.rstrip()}"


def _values(source: str) -> dict[str, Value]:
    try:
        return values_of(source)
    except (SyntaxError, TuneError):
        return {}


def _cut(lines: list[str], length: int) -> str:
    """Join lines, cut at a line end near ``length`` characters."""
    kept, size = 0, 0
    while kept < len(lines) and (not kept or size + len(lines[kept]) < length):
        size += len(lines[kept]) + 1
        kept += 1
    rest = [f"({len(lines) - kept} more lines)"] if kept < len(lines) else []
    return "\n".join([*lines[:kept], *rest])
