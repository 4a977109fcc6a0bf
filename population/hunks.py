"""The change from one text to another, cut into hunks that can be left out or applied by themselves (pure).

Lines are compared by ``difflib``; each contiguous change is a hunk. Within a change, lines with a ``# tune:``
comment that set the same name correspond one to one, and each pair is a hunk of its own. Hunks that give
a program only together, such as the two ends of a statement, are joined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from population.fingerprint import fingerprint, parse
from population.statements import lines_in

LONGEST = 4  # hunks joined into one at most; past that a hunk stays one that no program can do without

_TUNED = re.compile(r"(?P<name>[^\W\d]\w*)\s*(?::[^=#]+)?=[^=].*#\s*tune:")


@dataclass(frozen=True, slots=True)
class Edit:
    """One contiguous change: lines ``start`` to ``end`` (from 0, half open) of the old text become ``new``.

    Args:
        start: first line of the old text that goes.
        end: line after the last one that goes; ``start`` for an insertion.
        old: the lines that go, with their ends.
        new: the lines that come instead, with their ends.
        at: where ``new`` begins in the new text, from 0.
    """

    start: int
    end: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Hunk:
    """Edits that are made together.

    Args:
        edits: one or more, from top to bottom.
        cosmetic: whether the program is the same with and without it: comments, docstrings, whitespace.
    """

    edits: tuple[Edit, ...]
    cosmetic: bool = False


def cut(old: str, new: str, sound: Callable[[str], bool] | None = None) -> tuple[Hunk, ...]:
    """Return the change from ``old`` to ``new`` as hunks, from top to bottom.

    ``apply`` with all of them gives ``new``, with none ``old``, whatever the two texts are.

    Args:
        old: the text before, such as the seed's.
        new: the text after, such as the champion's.
        sound: says whether a text can be run at all; by default, whether it is Python.
    """
    sound = sound or _parses
    hunks = [Hunk((edit,)) for edit in _edits(lines_in(old), lines_in(new))]
    hunks = _joined(old, hunks, sound)
    return tuple(replace(hunk, cosmetic=_cosmetic(old, hunks, at)) for at, hunk in enumerate(hunks))


def apply(old: str, hunks: Sequence[Hunk], chosen: Collection[int]) -> str:
    """Return the old text with those hunks applied whose places in ``hunks`` are chosen."""
    lines = lines_in(old)
    edits = [edit for at in chosen for edit in hunks[at].edits]
    made: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        made += lines[done : edit.start]
        made += edit.new
        done = edit.end
    return "".join(made + lines[done:])


def counted(hunks: Sequence[Hunk]) -> list[int]:
    """Return the places of the hunks that change the program."""
    return [at for at, hunk in enumerate(hunks) if not hunk.cosmetic]


def lines_of(hunk: Hunk) -> tuple[int, int]:
    """Return the first and the last line, from 1, that a hunk covers in the new text.

    A hunk that only deletes covers the line that now stands where the deleted ones were.
    """
    first, last = hunk.edits[0], hunk.edits[-1]
    return first.at + 1, max(first.at + 1, last.at + len(last.new))


def excerpt(hunk: Hunk) -> str:
    """Return the heart of a hunk in one line: ``old -> new`` for one line, else the first that changed."""
    old = [line for edit in hunk.edits for line in edit.old if _tells(line)]
    new = [line for edit in hunk.edits for line in edit.new if _tells(line)]
    if len(old) == len(new) == 1:
        return _replaced(old[0], new[0])
    more = len(old) + len(new) - 1
    first = f"+ {_code(new[0])}" if new else f"- {_code(old[0])}" if old else ""
    return f"{first}  (and {more} more)" if more > 0 else first


def _edits(old: list[str], new: list[str]) -> Iterator[Edit]:
    """Yield the contiguous changes, tuned lines by themselves."""
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "replace":
            yield from _apart(old, new, (i1, i2), (j1, j2))
        elif tag != "equal":
            yield Edit(i1, i2, tuple(old[i1:i2]), tuple(new[j1:j2]), j1)


def _apart(old: list[str], new: list[str], here: tuple[int, int], there: tuple[int, int]) -> Iterator[Edit]:
    """Yield the parts of one replaced block: each tuned line that both sides have, and what lies between."""
    before = [_name(old[at]) or ("old", at) for at in range(*here)]
    after = [_name(new[at]) or ("new", at) for at in range(*there)]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        i1, i2, j1, j2 = i1 + here[0], i2 + here[0], j1 + there[0], j2 + there[0]
        if tag != "equal":
            yield Edit(i1, i2, tuple(old[i1:i2]), tuple(new[j1:j2]), j1)
            continue
        for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
            if old[i] != new[j]:
                yield Edit(i, i + 1, (old[i],), (new[j],), j)


def _joined(old: str, hunks: list[Hunk], sound: Callable[[str], bool]) -> list[Hunk]:
    """Join each hunk that cannot stand alone with as few neighbours as make it one that can."""
    at = 0
    while at < len(hunks):
        span = None if _stands(old, hunks, at, at + 1, sound) else _span(old, hunks, at, sound)
        if span is None:
            at += 1
            continue
        first, last = span
        edits = tuple(edit for hunk in hunks[first:last] for edit in hunk.edits)
        hunks = [*hunks[:first], Hunk(edits), *hunks[last:]]
        at = first + 1
    return hunks


def _span(old: str, hunks: Sequence[Hunk], at: int, sound: Callable[[str], bool]) -> tuple[int, int] | None:
    """Return the shortest run of hunks around one that can be left out and applied as a whole."""
    for length in range(2, min(LONGEST, len(hunks) - 1) + 1):
        for first in range(max(0, at - length + 1), min(at, len(hunks) - length) + 1):
            if _stands(old, hunks, first, first + length, sound):
                return first, first + length
    return None


def _stands(old: str, hunks: Sequence[Hunk], first: int, last: int, sound: Callable[[str], bool]) -> bool:
    """Say whether a program is left without these hunks, and made by these alone."""
    inside = range(first, last)
    outside = [at for at in range(len(hunks)) if at not in inside]
    return sound(apply(old, hunks, outside)) and sound(apply(old, hunks, inside))


def _cosmetic(old: str, hunks: Sequence[Hunk], at: int) -> bool:
    """Say whether a hunk changes neither of the two programs."""
    everything = range(len(hunks))
    pairs = (
        (old, apply(old, hunks, [at])),
        (apply(old, hunks, everything), apply(old, hunks, [*everything[:at], *everything[at + 1 :]])),
    )
    try:
        return all(fingerprint(one) == fingerprint(other) for one, other in pairs)
    except SyntaxError:
        return False


def _parses(text: str) -> bool:
    """Say whether a text is Python."""
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def _name(line: str) -> str:
    """Return the name that a tuned line sets; empty for any other line."""
    found = _TUNED.match(line)
    return found["name"] if found else ""


def _tells(line: str) -> bool:
    """Say whether a line is more than space and comment."""
    return bool(_code(line))


def _code(line: str) -> str:
    """Return a line without its indentation, and without a comment after two spaces."""
    text = line.strip()
    return "" if text.startswith("#") else re.split(r"\s{2,}#", text)[0]


def _replaced(old: str, new: str) -> str:
    """Write one line's change; the name only once where it stays."""
    before, after = _code(old), _code(new)
    name, _, value = before.partition(" = ")
    other, _, now = after.partition(" = ")
    return f"{name} = {value} -> {now}" if value and now and name == other else f"{before} -> {after}"
