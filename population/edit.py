"""What an edit does to its parent, as a signature by which the same idea is known again (pure).

Lines are compared as the fingerprint compares programs: comments, docstrings, blanks and line breaks inside
brackets do not matter, ``3e-3`` and ``0.003`` are one number. A line counts by the definition that it stands
in, not by its place there, so that an edit keeps its signature on another parent.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

_TOKEN = re.compile(
    r"""
    (?P<string>[rRbBuUfF]{0,2}(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}
        |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<blank>[^\S\n]+|\\\n|\#[^\n]*)
    |(?P<end>\n)
    |(?P<number>0[xX][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    |(?P<name>\w+)
    |(?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_TOP = re.compile(
    r"^(?=(?:async +)?def |class )", re.MULTILINE
)  # what is alike from here on is not looked at
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_BLOCKS = frozenset({"def", "class"})
_SHORTEST = 3  # tokens of a line that says something when it comes back; ``else :`` does not
_MOST = 64  # removed lines that are kept of one edit
_PLACES = 6  # names of definitions that are kept of one edit
_MARK = 4  # bytes of the hash of a line
_NAME = 60  # characters of such a name


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line of a program.

    Args:
        place: the definitions around it, such as ``Block.forward``; empty at the top level.
        text: its tokens.
        masked: the same with every number as ``0``.
    """

    place: str
    text: str
    masked: str


class Edit(msgspec.Struct, frozen=True, gc=False):
    """The signature of one edit.

    Args:
        exact: hash of the lines that it adds and removes.
        loose: the same with all numbers masked; empty when nothing but numbers changes.
        removed: marks of the lines removed (see ``marks``), but for those too short to say anything.
        places: the definitions that it touches.
        added: marks of the lines added; not kept on record.
    """

    exact: str
    loose: str
    removed: bytes
    places: tuple[str, ...]
    added: bytes = b""

    def written(self) -> dict[str, Any]:
        """Return as plain JSON what is kept of it."""
        removed, places = self.removed.hex(), [*self.places]
        return {"exact": self.exact, "loose": self.loose, "removed": removed, "places": places}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Self:
        """Return what ``written`` kept."""
        removed, places = bytes.fromhex(written["removed"]), tuple(map(sys.intern, written["places"]))
        return cls(written["exact"], written["loose"], removed, places)


def edit(parent: str, child: str) -> Edit | None:
    """Return what was done to a parent; None when no line changes, but for comments and order."""
    old, new = Counter(_TOP.split(parent)), Counter(_TOP.split(child))
    before, after = _lines_of(old - new), _lines_of(new - old)
    added, removed = after - before, before - after
    if not added and not removed:
        return None
    loosely = _signed(_masked(added) - _masked(removed), _masked(removed) - _masked(added))
    return Edit(
        exact=_hash(_signed(_spelled(added), _spelled(removed))),
        loose=_hash(loosely) if loosely else "",
        removed=_marked(removed, _MOST),
        places=tuple(dict.fromkeys(line.place[-_NAME:] for line in (*removed, *added)))[:_PLACES],
        added=_marked(added, added.total()),
    )


def marks(packed: bytes) -> frozenset[bytes]:
    """Return the marks of lines that an edit holds, one by one."""
    return frozenset(packed[at : at + _MARK] for at in range(0, len(packed), _MARK))


def lines(source: str) -> Iterator[Line]:
    """Yield the logical lines of a program, docstrings left out; any text will do."""
    around: list[tuple[int, str]] = []
    for column, tokens in _logical(source):
        while around and around[-1][0] >= column:
            around.pop()
        words = [text for _, text in tokens]
        if len(tokens) > 1 or tokens[0][0] != "string":
            place = ".".join(name for _, name in around)
            masked = ("0" if kind == "number" else text for kind, text in tokens)
            yield Line(place, " ".join(words), " ".join(masked))
        block = next((at for at, word in enumerate(words[:2]) if word in _BLOCKS), None)
        if block is not None and len(words) > block + 1:
            around.append((column, words[block + 1]))


def places(source: str) -> list[str]:
    """Return the definitions of a program that hold lines of their own, in order."""
    return list(dict.fromkeys(line.place for line in lines(source)))


def _lines_of(parts: Counter[str]) -> Counter[Line]:
    return Counter(line for part in parts.elements() for line in lines(part))


def _logical(source: str) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield each logical line: its column, and the kinds and texts of its tokens."""
    tokens: list[tuple[str, str]] = []
    column = start = depth = 0
    for found in _TOKEN.finditer(source.replace("\r", "")):
        kind, text = str(found.lastgroup), found[0]
        if kind == "end":
            start = found.end()
            if tokens and depth <= 0:
                yield column, tokens
                tokens, depth = [], 0
        elif kind != "blank":
            first = found.start() == start
            if tokens and first and text in _BLOCKS:  # a bracket that is never closed ends here
                yield column, tokens
                tokens, depth = [], 0
            if not tokens:
                column = found.start() - start
            depth += (text in _OPENING) - (text in _CLOSING)
            tokens.append((kind, _number(text) if kind == "number" else text))
    if tokens:
        yield column, tokens


def _number(text: str) -> str:
    """Spell a number so that equal ones are spelled alike."""
    try:
        whole = text[:2] in ("0x", "0X") or not set(".eE") & set(text)
        return str(int(text, 0)) if whole else repr(float(text))
    except ValueError:
        return text


def _spelled(side: Counter[Line]) -> Counter[str]:
    return Counter(f"{line.place}: {line.text}" for line in side.elements())


def _masked(side: Counter[Line]) -> Counter[str]:
    return Counter(f"{line.place}: {line.masked}" for line in side.elements())


def _signed(added: Counter[str], removed: Counter[str]) -> list[str]:
    """Return both sides of an edit in one order, whatever order they came in."""
    return [
        *(f"+{line}" for line in sorted(added.elements())),
        *(f"-{line}" for line in sorted(removed.elements())),
    ]


def _hash(signed: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(signed).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _marked(side: Counter[Line], most: int) -> bytes:
    """Return the marks of the lines that say something, at most so many, in one order."""
    telling = [f"{line.place}: {line.text}" for line in side if line.text.count(" ") >= _SHORTEST - 1]
    encoded = (text.encode("utf-8", "surrogatepass") for text in telling[:most])
    return b"".join(sorted(hashlib.blake2b(text, digest_size=_MARK).digest() for text in encoded))
