"""SEARCH/REPLACE blocks: found in a reply, and applied to a source line by line (pure)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

_SEARCH = re.compile(r"\s*<{5,9} ?SEARCH\s*$")
_DIVIDER = re.compile(r"\s*={7}\s*$")
_REPLACE = re.compile(r"\s*>{5,9} ?REPLACE\s*$")
_FENCE = re.compile(r"\s*(```+|~~~+)\w*\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines to look for, and the lines to put there."""

    search: tuple[str, ...]
    replace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Torn:
    """A block that begins and does not end; why, in one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Missed:
    """A block that has no single place in the source; why, in one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a block fits: ``[start, stop)``, and the lines to put there."""

    start: int
    stop: int
    lines: tuple[str, ...]


def find_blocks(reply: str) -> tuple[Block, ...] | Torn:
    """Return the blocks of a reply in order; text and code fences around them do not matter."""
    blocks: list[Block] = []
    search: list[str] = []
    replace: list[str] = []
    section: list[str] | None = None
    for line in reply.replace("\r\n", "\n").split("\n"):
        if _SEARCH.match(line):
            if section is not None:
                return Torn(f"block {len(blocks) + 1} has no REPLACE line before the next block begins")
            search, replace = [], []
            section = search
        elif section is search and section is not None and _DIVIDER.match(line):
            section = replace
        elif section is replace and section is not None and _REPLACE.match(line):
            blocks.append(Block(_unfenced(search), _unfenced(replace)))
            section = None
        elif section is not None:
            section.append(line)
    if section is not None:
        missing = "=======" if section is search else ">>>>>>> REPLACE"
        return Torn(f"block {len(blocks) + 1} is cut off: it has no {missing} line")
    return tuple(blocks)


def apply_block(source: str, block: Block) -> str | Missed:
    """Put one block into the source.

    The search must name one place: exactly, else up to trailing blanks, else up to one indentation for
    the whole block (the replacement is then shifted by as much), else without blank lines around it.
    """
    lines = source.split("\n")
    for candidate in (block, Block(_trimmed(block.search), _trimmed(block.replace))):
        for fits in (_exact, _rstripped, _shifted):
            places = fits(lines, candidate)
            if len(places) > 1:
                return Missed(f"its search text is found {len(places)} times, at lines {_numbers(places)}")
            if places:
                place = places[0]
                return "\n".join([*lines[: place.start], *place.lines, *lines[place.stop :]])
    return Missed(f"its search text is not in the parent{_nearest(lines, block.search)}")


def _exact(lines: Sequence[str], block: Block) -> list[_Place]:
    """Return the places where the search stands letter by letter."""
    return [_Place(i, i + len(block.search), block.replace) for i in _windows(lines, block.search)]


def _rstripped(lines: Sequence[str], block: Block) -> list[_Place]:
    """Return the places where the search stands up to blanks at line ends."""
    bare = [line.rstrip() for line in lines]
    wanted = [line.rstrip() for line in block.search]
    return [_Place(i, i + len(wanted), block.replace) for i in _windows(bare, wanted)]


def _shifted(lines: Sequence[str], block: Block) -> list[_Place]:
    """Return the places where the search stands when all of it is indented by more or by less."""
    wanted_margin = _margin(block.search)
    wanted = _without(block.search, wanted_margin)
    bare = [line.strip() for line in lines]
    places = []
    for start in _windows(bare, [line.strip() for line in block.search]):
        window = lines[start : start + len(wanted)]
        margin = _margin(window)
        if _without(window, margin) == wanted:
            moved = tuple(_moved(line, wanted_margin, margin) for line in block.replace)
            places.append(_Place(start, start + len(wanted), moved))
    return places


def _windows(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return where ``wanted`` begins in ``lines``; nowhere when it is empty."""
    if not wanted:
        return []
    last = len(lines) - len(wanted)
    fits = (i for i in range(last + 1) if lines[i] == wanted[0])
    return [i for i in fits if list(lines[i : i + len(wanted)]) == list(wanted)]


def _margin(lines: Sequence[str]) -> str:
    """Return the indentation that all lines with text share."""
    indents = [line[: len(line) - len(line.lstrip())] for line in lines if line.strip()]
    shortest = min(indents, key=len, default="")
    while not all(indent.startswith(shortest) for indent in indents):
        shortest = shortest[:-1]  # tabs against blanks
    return shortest


def _without(lines: Sequence[str], margin: str) -> list[str]:
    return [line[len(margin) :].rstrip() if line.strip() else "" for line in lines]


def _moved(line: str, old: str, new: str) -> str:
    """Return a line with the margin ``old`` changed to ``new``, as far as it has that margin."""
    if not line.strip():
        return line
    if line.startswith(old):
        return new + line[len(old) :]
    indent = len(line) - len(line.lstrip())
    return " " * max(0, indent + len(new) - len(old)) + line.lstrip()


def _trimmed(lines: Sequence[str]) -> tuple[str, ...]:
    """Return lines without the blank ones at both ends."""
    full = [i for i, line in enumerate(lines) if line.strip()]
    return tuple(lines[full[0] : full[-1] + 1]) if full else ()


def _unfenced(lines: Sequence[str]) -> tuple[str, ...]:
    """Return a section without the code fence that some models put around its lines."""
    bare = _trimmed(lines)
    if len(bare) >= 2 and _FENCE.match(bare[0]) and bare[-1].strip() in ("```", "~~~"):
        return bare[1:-1]
    return tuple(lines)


def _numbers(places: Sequence[_Place]) -> str:
    shown = ", ".join(str(place.start + 1) for place in places[:5])
    return shown + (", ..." if len(places) > 5 else "")


def _nearest(lines: Sequence[str], search: Sequence[str]) -> str:
    """Return a clause that shows the place most like the search; empty when nothing is like it."""
    bare = [line.strip() for line in lines]
    wanted = [line.strip() for line in _trimmed(search)]
    run = difflib.SequenceMatcher(lambda line: not line, bare, wanted, autojunk=False).find_longest_match()
    if run.size:
        start = max(0, run.a - run.b)
    else:
        close = difflib.get_close_matches(wanted[0], bare, n=1)
        if not close:
            return ""
        start = bare.index(close[0])
    return f"; the nearest is line {start + 1}: {bare[start][:80]!r}"
