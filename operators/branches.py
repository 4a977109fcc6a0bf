"""What a parent changed since an ancestor, written for a model: a diff by steps, with their gains (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from operators.edits import one_line
from operators.proposal import Branch, Change, Origin
from population.genome import TuneError, parse_tunables
from population.statements import lines_in

STEP_LENGTH = 2000  # characters of the changes of one step
_AROUND = 2  # lines of the ancestor shown above and below a change


def told(ancestor: str, parent: str, branch: Branch, length: int) -> str:
    """Return the hunks of a branch by steps, the largest gain first, cut near ``length``.

    Every hunk is a change of the ancestor by itself; its head says whose it is.

    Args:
        ancestor: its source.
        parent: the source that the branch leads to.
        branch: how the two differ.
        length: in characters; past this, steps are left out.
    """
    old, new = lines_in(ancestor), lines_in(parent)
    changes = sorted([*branch.changes, *_of_values(ancestor, parent, branch)], key=lambda one: one.start)
    order = sorted(range(len(branch.origins)), key=lambda at: _rank(branch.origins[at]))
    shown: list[str] = []
    size = 0
    for place, at in enumerate(order):
        mine = [change for change in changes if change.origin == at]
        text = _cut(list(_hunks(old, new, mine, branch.origins[at])), STEP_LENGTH)
        if shown and size + len(text) > length:
            left = len(order) - place
            shown.append(f"({left} more step{'s' * (left != 1)})")
            break
        shown.append(text)
        size += len(text)
    return "\n".join(filter(None, shown))


def gained(origin: Origin) -> str:
    """Say what a step gained."""
    if origin.gain is None:
        return "gain not measured"
    error = "" if math.isnan(origin.standard_error) else f" ± {origin.standard_error:.4f}"
    return f"gain {origin.gain:+.4f}{error}"


def _rank(origin: Origin) -> tuple[bool, float]:
    return origin.gain is None, -(origin.gain or 0.0)


def _of_values(ancestor: str, parent: str, branch: Branch) -> Iterator[Change]:
    """Yield the lines whose tunables have other values and that are the same otherwise."""
    before, after = _places(ancestor), _places(parent)
    for name, origin in branch.values.items():
        if name in before and name in after:
            start, at = before[name], after[name]
            if not any(one.at <= at < one.stop for one in branch.changes):
                yield Change(start, start + 1, at, at + 1, origin)


def _places(source: str) -> Mapping[str, int]:
    """Return the line of each tunable, from 0."""
    try:
        return {one.name: one.line - 1 for one in parse_tunables(source)}
    except (SyntaxError, TuneError):
        return {}


def _hunks(
    old: Sequence[str], new: Sequence[str], changes: Sequence[Change], origin: Origin
) -> Iterator[str]:
    """Yield the lines of the hunks that one step made; changes that lie close together are in one hunk."""
    said = f"{', '.join(origin.variants)}, {gained(origin)}" if origin.variants else "origin not known"
    for place, change in enumerate(changes):
        above = changes[place - 1] if place else None
        if above is None or change.start - above.end > 2 * _AROUND:
            idea = f": {one_line(origin.idea)}" if above is None and origin.idea else ""
            yield f"@@ -{change.start + 1} +{change.at + 1} @@ {said}{idea}"
            yield from _marked(" ", old[max(0, change.start - _AROUND) : change.start])
        else:
            yield from _marked(" ", old[above.end : change.start])
        yield from _marked("-", old[change.start : change.end])
        yield from _marked("+", new[change.at : change.stop])
        below = changes[place + 1] if place + 1 < len(changes) else None
        if below is None or below.start - change.end > 2 * _AROUND:
            yield from _marked(" ", old[change.end : change.end + _AROUND])


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    return (mark + line.rstrip() for line in lines)


def _cut(lines: Sequence[str], length: int) -> str:
    """Join lines, cut at a line end near ``length`` characters."""
    kept, size = 0, 0
    while kept < len(lines) and (not kept or size + len(lines[kept]) < length):
        size += len(lines[kept]) + 1
        kept += 1
    rest = [f"({len(lines) - kept} more lines)"] if kept < len(lines) else []
    return "\n".join([*lines[:kept], *rest])
