"""The form of a journal: one commit a line, and where in it each document lies.

Each line is JSON, ``{"crc32": "8 hex digits", "changes": [...]}``, the checksum being that of the text of
the changes; the first line is a header in the same form. A change is ``[table, document id, document]``;
``null`` for the document removes it. ``null`` for the id speaks of the whole table: ``{}`` makes it exist and
be empty, ``null`` drops it.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from population.errors import Corrupt

Document = dict[str, Any]
Change = tuple[str, int | None, bytes | None]
"""Table, document id, and the JSON text of the document (see above for what None says)."""
Place = int | bytes
"""Where a document lies: offset and length in the file, packed into one int; or its text, not yet written."""
Tables = dict[str, dict[int, Place]]

FORMAT = "evolve population"
VERSION = 1
EMPTY = b"{}"
PREFIX = b'{"crc32":"'  # what every line begins with
_MIDDLE = b'","changes":'
BODY = len(PREFIX) + 8 + len(_MIDDLE)
_END = b"}\n"
_LENGTH = 32  # low bits of a place that hold the length
_PORTION = 1 << 14  # bytes of one line of a snapshot, about: what one bad byte may cost
_CHANGES = msgspec.json.Decoder(list[tuple[str, int | None, msgspec.Raw]])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal: its number from 1, where it begins, its bytes, and whether it ends in LF."""

    number: int
    offset: int
    data: bytes

    @property
    def at(self) -> int:
        """Where the text of the changes begins in the file."""
        return self.offset + BODY

    @property
    def body(self) -> bytes | None:
        """The text of the changes, None if the line is not what was written."""
        body = self.data[BODY : -len(_END)]
        return body if self.data == _line(body) else None


def header() -> bytes:
    """Return the first line of a journal."""
    return _line(msgspec.json.encode([FORMAT, VERSION]))


def lines(file: IO[bytes], size: int) -> Iterator[Line]:
    """Yield the lines of the first ``size`` bytes; a file may grow meanwhile."""
    number = offset = 0
    while offset < size and (data := file.readline(size - offset)):
        number += 1
        yield Line(number, offset, data)
        offset += len(data)


def check_header(line: Line | None, path: Path) -> None:
    """Raise Corrupt unless a line is the header of a journal of this version."""
    body = line.body if line is not None else None
    if line is None or body is None:
        raise Corrupt(path, "line 1 is not the header of a population; `evolve fsck` says more")
    if line.data != header():
        said = f"line 1 says {body.decode('utf-8', 'replace')!r}, expected {FORMAT}, version {VERSION}"
        raise Corrupt(path, f"{said}; use the evolve that wrote it")


def placed(body: bytes, at: int) -> Iterator[tuple[str, int | None, Place | None, bytes]]:
    """Yield each change in the text of a commit that begins at ``at``, with the place of its document."""
    at += 1
    for table, number, raw in _CHANGES.decode(body):
        at += _before(table, number)
        text = bytes(raw)
        place = None if number is not None and text == b"null" else at << _LENGTH | len(text)
        yield table, number, place, text
        at += len(text) + 2


def standing(tables: Tables, text: Callable[[Place], bytes]) -> Iterator[list[Change]]:
    """Yield all that stands, in portions."""
    for table, rows in tables.items():
        portion: list[Change] = [(table, None, EMPTY)]
        size = 0
        for number, place in rows.items():
            found = text(place)
            portion.append((table, number, found))
            size += len(found)
            if size >= _PORTION:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion


def commit_line(changes: Iterable[Change]) -> bytes:
    """Return changes as one line of a journal."""
    return _line(_text(changes))


def take(tables: Tables, table: str, number: int | None, place: Place | None, text: bytes | None) -> None:
    """Carry out one change, of a document that lies at ``place`` (see the head of this file)."""
    if number is not None and place is not None:
        rows = tables.get(table)
        if rows is None:
            rows = tables[table] = {}
        rows[number] = place
    elif number is not None:
        tables.setdefault(table, {}).pop(number, None)
    elif text == EMPTY:
        tables[table] = {}
    else:
        tables.pop(table, None)


def span(place: int) -> tuple[int, int]:
    """Return the offset and the length that are packed into a place."""
    return place >> _LENGTH, length(place)


def length(place: Place) -> int:
    """Return the bytes of a document."""
    return len(place) if isinstance(place, bytes) else place & ((1 << _LENGTH) - 1)


def _text(changes: Iterable[Change]) -> bytes:
    """Return the text of a commit, one line of UTF-8."""
    parts = (
        b"[%s,%s,%s]" % (_name(table), _number(number), b"null" if text is None else text)
        for table, number, text in changes
    )
    return b"[" + b",".join(parts) + b"]"


def places(changes: Iterable[Change], at: int) -> list[Place | None]:
    """Return where the documents of a commit lie whose text begins at ``at``; None for those removed."""
    found: list[Place | None] = []
    at += 1
    for table, number, text in changes:
        at += _before(table, number)
        size = len(b"null" if text is None else text)
        found.append(None if text is None else at << _LENGTH | size)
        at += size + 2
    return found


def _before(table: str, number: int | None) -> int:
    """Return the bytes of a change that come before its document."""
    return len(_name(table)) + len(_number(number)) + 3


@functools.cache
def _name(table: str) -> bytes:
    return msgspec.json.encode(table)


def _number(number: int | None) -> bytes:
    return b"null" if number is None else b"%d" % number


def _line(body: bytes) -> bytes:
    return PREFIX + b"%08x" % zlib.crc32(body) + _MIDDLE + body + _END
