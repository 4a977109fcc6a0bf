"""An append-only file of document changes: one line per commit, on the disk before the commit returns.

Each line is JSON, ``{"crc32": "8 hex digits", "changes": [...]}``, the checksum being that of the text of
the changes; the first line is a header in the same form. A change is ``[table, document id, document]``;
``null`` for the document removes it. ``null`` for the id speaks of the whole table: ``{}`` makes it exist and
be empty, ``null`` drops it.

What is in memory of a document is where it lies in the file. Once most of the file is outdated, a snapshot of
what still stands takes its place, as a new file in the same form; a reader keeps the file that it opened.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from population.errors import (
    AlreadyExists,
    Corrupt,
    NotARun,
    PopulationError,
    ReadOnly,
    StoreFailed,
    StoreFull,
)

Document = dict[str, Any]
Change = tuple[str, int | None, bytes | None]
"""Table, document id, and the JSON text of the document (see above for what None says)."""
Place = int | bytes
"""Where a document lies: offset and length in the file, packed into one int; or its text, not yet written."""
Tables = dict[str, dict[int, Place]]

FORMAT = "evolve population"
VERSION = 1
TEMPORARY = ".tmp"  # what the name of a file that is being written ends with
EMPTY = b"{}"
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SNAPSHOT_FROM = 8 << 20  # bytes below which a file is not worth a snapshot
PREFIX = b'{"crc32":"'  # what every line begins with
_MIDDLE = b'","changes":'
_BODY = len(PREFIX) + 8 + len(_MIDDLE)
_END = b"}\n"
_LENGTH = 32  # low bits of a place that hold the length
_CHUNK = 1 << 20  # bytes read or written at once
_LINE = 1 << 16  # bytes of one line of a snapshot
_CHANGES = msgspec.json.Decoder(list[tuple[str, int | None, msgspec.Raw]])
_HEADER = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Replay:
    """What a journal holds.

    Args:
        tables: where the documents of each table lie, by id, as all commits leave them.
        length: bytes up to the end of the last whole commit.
        torn: one sentence on a record left out because a crash cut it short; empty if there is none.
    """

    tables: Tables
    length: int
    torn: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal: its number from 1, where it begins, its bytes, and whether it ends in LF."""

    number: int
    offset: int
    data: bytes

    @property
    def at(self) -> int:
        """Where the text of the changes begins in the file."""
        return self.offset + _BODY

    @property
    def body(self) -> bytes | None:
        """The text of the changes, None if the line is not what was written."""
        body = self.data[_BODY : -len(_END)]
        return body if self.data == _line(body) else None


def create(path: Path) -> None:
    """Make an empty journal, whole or not at all.

    Raises:
        AlreadyExists: the file is there.
        StoreFull, StoreFailed: the disk did not take it.
    """
    if path.exists():
        raise AlreadyExists(path, "there is a population already")
    write_whole(path, header())


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


def replay(file: IO[bytes], path: Path) -> Replay:
    """Read a journal from its beginning; a commit being written, or torn by a crash, counts as not made.

    Raises:
        Corrupt: a line other than the last is damaged, or the file is no journal.
    """
    tables: Tables = {}
    size = os.fstat(file.fileno()).st_size
    every = lines(file, size)
    check_header(next(every, None), path)
    length = 0
    for line in every:
        length = line.offset
        body = line.body
        if body is None and line.offset + len(line.data) < size:
            raise Corrupt(path, f"line {line.number} is damaged; `evolve fsck --repair` keeps all others")
        if body is None:
            torn = f"line {line.number} ({len(line.data)} bytes) was cut short by a crash and is left out"
            return Replay(tables, length, torn)
        for table, number, place, text in placed(body, line.at):
            take(tables, table, number, place, text)
    return Replay(tables, size, "")


def check_header(line: Line | None, path: Path) -> None:
    """Raise Corrupt unless a line is the header of a journal of this version."""
    body = line.body if line is not None else None
    if body is None:
        raise Corrupt(path, "line 1 is not the header of a population")
    if _HEADER.decode(body) != [FORMAT, VERSION]:
        raise Corrupt(path, f"line 1 says {body.decode()}, expected {FORMAT}, version {VERSION}")


def placed(body: bytes, at: int) -> Iterator[tuple[str, int | None, Place | None, bytes]]:
    """Yield each change in the text of a commit that begins at ``at``, with the place of its document."""
    at += 1
    for table, number, raw in _CHANGES.decode(body):
        at += _before(table, number)
        text = bytes(raw)
        place = None if number is not None and text == b"null" else at << _LENGTH | len(text)
        yield table, number, place, text
        at += len(text) + 2


class Journal:
    """The documents of one journal file; only one process may write it (see ``lock``).

    Args:
        path: the file.
        write: whether it is to be written; a torn tail is then cut off.

    Raises:
        NotARun: there is no such file.
        Corrupt: see ``replay``.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self.path = path
        self._write = write
        self._pending: list[Change] = []
        self._closing: Callable[[], object] | None = None
        self._open()
        with open(self._file, "rb", buffering=_CHUNK, closefd=False) as file:
            found = replay(file, path)
        self.tables, self.torn, self._size = found.tables, found.torn, found.length
        self._live = sum(_length(place) for rows in self.tables.values() for place in rows.values())
        self._sound = os.fstat(self._file).st_size == self._size
        self._named = True
        self._next_snapshot = SNAPSHOT_FROM
        if write:
            self._temporary().unlink(missing_ok=True)
            if not self._sound:
                self._cut_back()

    def text(self, place: Place) -> bytes:
        """Return the JSON text of a document."""
        if isinstance(place, bytes):
            return place
        offset, length = span(place)
        text = os.pread(self._file, length, offset)
        while len(text) < length:
            more = os.pread(self._file, length - len(text), offset + len(text))
            if not more:
                raise Corrupt(self.path, f"the document at byte {offset} is gone: the file has been cut")
            text += more
        return text

    def append(self, changes: Sequence[Change]) -> None:
        """Make changes, and those that were staged, on the disk before returning: all or none.

        Raises:
            StoreFull, StoreFailed: the disk did not take them; these changes are not made, staged ones wait.
            ReadOnly: the journal was opened for reading, or has been closed.
        """
        every = [*self._pending, *changes]
        places = self._written(every)
        self._pending = []
        self._apply(every, places)
        self._snapshot_if_due()

    def stage(self, changes: Sequence[Change]) -> None:
        """Make changes in memory; they reach the disk, together, with the next ``append``.

        Raises:
            ReadOnly: as in ``append``.
        """
        self._writable()
        self._pending += changes
        self._apply(changes, [text for _, _, text in changes])

    @property
    def staged(self) -> bool:
        """Say whether changes wait to be written."""
        return bool(self._pending)

    def snapshot(self) -> None:
        """Put a file in place that holds what stands, and nothing else.

        Raises:
            StoreFull, StoreFailed: the disk did not take it; the old file stays.
        """
        if self._pending:
            self.append([])
        target = self._temporary()
        try:
            tables, size = self._write_snapshot(target)
            target.replace(self.path)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise refused(self.path, "the snapshot was not written", error) from error
        self._open()
        self.tables, self._size = tables, size
        self._named = False
        self._keep_name()

    def _write_snapshot(self, target: Path) -> tuple[Tables, int]:
        """Write a file that holds what stands; return where its documents lie, and its length."""
        tables: Tables = {}
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            size = _write_all(file, header(), 0)
            for changes in standing(self.tables, self.text):
                for (table, number, text), place in zip(changes, _places(changes, size + _BODY), strict=True):
                    take(tables, table, number, place, text)
                size = _write_all(file, commit_line(changes), size)
            os.fsync(file)
        finally:
            os.close(file)
        return tables, size

    def _keep_name(self) -> None:
        """See to it that a power cut does not bring back the file before the snapshot."""
        try:
            sync_folder(self.path.parent)
        except OSError as error:
            raise refused(self.path, "its folder could not be written", error) from error
        self._named = True

    def close(self) -> None:
        """Close the file for writing; what it holds stays readable. A second time does nothing."""
        self._write = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        """Open the file that is in place now; the one before is closed, and the last with this object."""
        before = self._closing
        self._file = _opened(self.path, self._write)
        self._closing = weakref.finalize(self, os.close, self._file)
        if before is not None:
            before()

    def _writable(self) -> None:
        if not self._write:
            raise ReadOnly(self.path, "the population was opened for reading only, or has been closed")

    def _written(self, changes: Sequence[Change]) -> list[Place | None]:
        """Write changes as one line, durably; return where their documents lie."""
        self._writable()
        if not changes:
            return []
        if not self._named:
            self._keep_name()
        if not self._sound:
            self._cut_back()
        line = commit_line(changes)
        self._sound = False  # also when a signal interrupts us half-way
        try:
            _write_all(self._file, line, self._size)
            os.fdatasync(self._file)
        except OSError as error:
            with contextlib.suppress(PopulationError):  # else the next append tries to
                self._cut_back()
            reason = "not recorded; nothing recorded before is lost"
            raise refused(self.path, reason, error) from error
        places = _places(changes, self._size + _BODY)
        self._size += len(line)
        self._sound = True
        return places

    def _apply(self, changes: Sequence[Change], places: Sequence[Place | None]) -> None:
        """Carry changes out in memory."""
        for (table, number, text), place in zip(changes, places, strict=True):
            rows = self.tables.get(table, {})
            outdated = rows.values() if number is None else [rows[number]] if number in rows else []
            self._live -= sum(map(_length, outdated))
            self._live += _length(place) if number is not None and place is not None else 0
            take(self.tables, table, number, place, text)

    def _snapshot_if_due(self) -> None:
        """Write a snapshot once half of the file is outdated; what the disk refuses is tried again later."""
        if self._size < self._next_snapshot or self._size < 2 * self._live:
            return
        try:
            self.snapshot()
        except (StoreFull, StoreFailed):
            self._next_snapshot = self._size + SNAPSHOT_FROM
        else:
            self._next_snapshot = SNAPSHOT_FROM

    def _cut_back(self) -> None:
        """Remove what follows the last whole commit."""
        try:
            os.ftruncate(self._file, self._size)
            os.fdatasync(self._file)
        except OSError as error:
            raise refused(self.path, "cannot be repaired", error) from error
        self._sound = True

    def _temporary(self) -> Path:
        return self.path.with_name(self.path.name + TEMPORARY)


def standing(tables: Tables, text: Callable[[Place], bytes]) -> Iterator[list[Change]]:
    """Yield all that stands, in portions."""
    for table, rows in tables.items():
        portion: list[Change] = [(table, None, EMPTY)]
        size = 0
        for number, place in rows.items():
            found = text(place)
            portion.append((table, number, found))
            size += len(found)
            if size >= _LINE:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion


def commit_line(changes: Iterable[Change]) -> bytes:
    """Return changes as one line of a journal."""
    return _line(_body(changes))


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in place by temporary file, fsync and rename: after a crash it is whole or absent.

    Raises:
        StoreFull, StoreFailed: the disk did not take it.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _write_all(file, data, 0)
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise refused(path, "not written", error) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that a crash does not take them back.

    Raises:
        StoreFull, StoreFailed: the disk did not take it.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise refused(folder, "cannot be made", error) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a crash."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def refused(path: Path, what: str, error: OSError) -> StoreFull | StoreFailed:
    """Return what to raise when the disk refuses something: whether there may be room later, or not."""
    kind = StoreFull if error.errno in NO_ROOM else StoreFailed
    return kind(path, f"{what}, the disk said: {error.strerror}")


def _opened(path: Path, write: bool) -> int:
    try:
        return os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise NotARun(path, "no population here") from None
    except OSError as error:
        raise PopulationError(path, f"cannot be read: {error.strerror}") from error


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
    return place >> _LENGTH, _length(place)


def _length(place: Place) -> int:
    return len(place) if isinstance(place, bytes) else place & ((1 << _LENGTH) - 1)


def _body(changes: Iterable[Change]) -> bytes:
    """Return the text of a commit, one line of UTF-8."""
    parts = (
        b"[%s,%s,%s]" % (_name(table), _number(number), b"null" if text is None else text)
        for table, number, text in changes
    )
    return b"[" + b",".join(parts) + b"]"


def _places(changes: Iterable[Change], at: int) -> list[Place | None]:
    """Return where the documents of a commit lie whose text begins at ``at``; None for those removed."""
    places: list[Place | None] = []
    at += 1
    for table, number, text in changes:
        at += _before(table, number)
        length = len(b"null" if text is None else text)
        places.append(None if text is None else at << _LENGTH | length)
        at += length + 2
    return places


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


def _write_all(file: int, data: bytes, at: int) -> int:
    """Write at an offset, return the one behind; a disk that fills up in the middle is an OSError."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
    return at
