"""Programs compared and patched as lines (pure)."""

from __future__ import annotations

import difflib


def changes(source: str, child: str) -> list[tuple[list[str], list[str]]]:
    """Return what to look for and what to put there, as whole lines that stand at one place of ``source``."""
    before, after = _lines(source), _lines(child)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    found = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            start, stop = _unique(before, i1, i2)
            found.append((before[start:stop], [*before[start:i1], *after[j1:j2], *before[i2:stop]]))
    return found


def patched(source: str, unified: str) -> str | None:
    """Apply a unified diff whose end may be cut off; None when a hunk does not fit, or there is none."""
    lines = source.rstrip("\n").split("\n")
    applied = False
    for hunk in _hunks(unified):
        old = [line[1:] for line in hunk if line[:1] != "+"]
        new = [line[1:] for line in hunk if line[:1] != "-"]
        places = [i for i in range(len(lines) - len(old) + 1) if lines[i : i + len(old)] == old]
        if not old or len(places) != 1:
            return None
        lines[places[0] : places[0] + len(old)] = new
        applied = True
    return "\n".join(lines) + "\n" if applied else None


def _hunks(unified: str) -> list[list[str]]:
    """Return the hunks of a unified diff without their heads; one that is cut off is left out."""
    hunks: list[list[str]] = []
    for line in unified.split("\n"):
        if line.startswith("@@"):
            hunks.append([])
        elif line.startswith("(") and hunks:
            return hunks[:-1]
        elif hunks and (line[:1] in ("+", "-", " ") or not line):
            hunks[-1].append(line or " ")
    while hunks and hunks[-1] and hunks[-1][-1] == " ":
        hunks[-1].pop()  # blank lines before the end of the fence
    return hunks


def _unique(lines: list[str], start: int, stop: int) -> tuple[int, int]:
    """Widen a range of lines until its text stands at one place; an insertion takes the line before it."""
    whole = "".join(lines)
    while start == stop or whole.count("".join(lines[start:stop])) > 1:
        if start == 0 and stop == len(lines):
            break
        start, stop = max(0, start - 1), stop if start else stop + 1
    return start, stop


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.rstrip("\n").split("\n")]
