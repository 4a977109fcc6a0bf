"""An append-only file of document changes: one line per commit, on the disk before the commit returns.

Each line is JSON, ``{"crc32": "8 hex digits", "changes": [...]}``, the checksum being that of the text of
the changes; the first line is a header in the same form. A change is ``[table, document id, document]``;
``null`` for the document removes it. ``null`` for the id speaks of the whole table: ``{}`` makes it exist and
be empty, ``null`` drops it.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from population.errors import AlreadyExists, Corrupt, NotARun, PopulationError, ReadOnly, StoreFull

Document = dict[str, Any]
Tables = dict[str, dict[str, Document]]
Change = tuple[str, int | None, Document | None]

FORMAT = "evolve population"
VERSION = 1
_PREFIX = b'{"crc32":"'
_MIDDLE = b'","changes":'
_BODY = len(_PREFIX) + 8 + len(_MIDDLE)
_END = b"}\n"


@dataclass(frozen=True, slots=True)
class Replay:
    """What a journal holds.

    Args:
        tables: the documents of each table by id, as all commits leave them.
        length: bytes up to the end of the last whole commit.
        torn: one sentence on a record left out because a crash cut it short; empty if there is none.
    """

    tables: Tables
    length: int
    torn: str


def encode(changes: list[Change]) -> bytes:
    """Return the JSON text of changes, one line of ASCII (TypeError or ValueError if it cannot be JSON)."""
    return json.dumps(changes, separators=(",", ":")).encode()


def apply(tables: Tables, text: bytes) -> None:
    """Carry out encoded changes."""
    for table, number, document in json.loads(text):
        if number is not None and document is not None:
            tables.setdefault(table, {})[str(number)] = document
        elif number is not None:
            tables[table].pop(str(number), None)
        elif document is not None:
            tables[table] = {}
        else:
            tables.pop(table, None)


def create(path: Path) -> None:
    """Make an empty journal, whole or not at all.

    Raises:
        AlreadyExists: the file is there.
        StoreFull: the disk did not take it.
    """
    if path.exists():
        raise AlreadyExists(path, "there is a population already")
    write_whole(path, _line(json.dumps([FORMAT, VERSION]).encode()))


def replay(path: Path) -> Replay:
    """Read a journal; a commit still being written, or torn by a crash, counts as not made.

    Raises:
        NotARun: there is no such file.
        Corrupt: a line other than the last is damaged, or the file is no journal.
    """
    try:
        # In one go: a file that grows while it is read line by line shows a line in two parts.
        lines = list(io.BytesIO(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise NotARun(path, "no population here") from None
    except OSError as error:
        raise PopulationError(path, f"cannot be read: {error.strerror}") from error
    header = _body(lines[0]) if lines else None
    if header is None:
        raise Corrupt(path, "line 1 is not the header of a population")
    if json.loads(header) != [FORMAT, VERSION]:
        raise Corrupt(path, f"line 1 says {header.decode()}, expected {FORMAT}, version {VERSION}")
    tables: Tables = {}
    length = len(lines[0])
    for number, line in enumerate(lines[1:], start=2):
        body = _body(line)
        if body is None and number < len(lines):
            before = f"to go on without what came after, copy the file and keep its first {number - 1} lines"
            raise Corrupt(path, f"line {number} of {len(lines)} is damaged; {before}")
        if body is None:
            torn = f"line {number} ({len(line)} bytes) was cut short by a crash and is left out"
            return Replay(tables, length, torn)
        apply(tables, body)
        length += len(line)
    return Replay(tables, length, "")


class Journal:
    """Appends commits to a journal file; only one process may (see ``lock``).

    Args:
        path: the file.
        length: bytes that hold whole commits; what comes after is cut off.
    """

    def __init__(self, path: Path, length: int) -> None:
        self.path = path
        self._good = length
        self._sound = True
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if os.fstat(self._file).st_size > length:
            self._cut_back()

    def append(self, body: bytes) -> None:
        """Write encoded changes to the disk, whole or not at all, before returning.

        Raises:
            StoreFull: the disk did not take them; the journal is as it was before.
            ReadOnly: the journal has been closed.
        """
        if self._file is None:
            raise ReadOnly(self.path, "the population has been closed")
        if not self._sound:
            self._cut_back()
        line = _line(body)
        self._sound = False  # also when a signal interrupts us half-way
        try:
            _write_all(self._file, line, self._good)
            os.fsync(self._file)
        except OSError as error:
            reason = f"not recorded, the disk said: {error.strerror}; nothing recorded before is lost"
            try:
                self._cut_back()
            except StoreFull:
                reason += " (the next record will try to repair the file first)"
            raise StoreFull(self.path, reason) from error
        self._good += len(line)
        self._sound = True

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _cut_back(self) -> None:
        """Remove what follows the last whole commit."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._good)
            os.fsync(self._file)
        except OSError as error:
            raise StoreFull(self.path, f"cannot be repaired, the disk said: {error.strerror}") from error
        self._sound = True


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in place by temporary file, fsync and rename: after a crash it is whole or absent.

    Raises:
        StoreFull: the disk did not take it.
    """
    temporary = path.with_name(path.name + ".tmp")
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
        raise StoreFull(path, f"not written, the disk said: {error.strerror}") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that a crash does not take them back.

    Raises:
        StoreFull: the disk did not take it.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise StoreFull(folder, f"cannot be made: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a crash."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _line(body: bytes) -> bytes:
    return _PREFIX + b"%08x" % zlib.crc32(body) + _MIDDLE + body + _END


def _body(line: bytes) -> bytes | None:
    """Return the text of the changes on a line, None if the line is not what was written."""
    body = line[_BODY : -len(_END)]
    return body if line == _line(body) else None


def _write_all(file: int, data: bytes, at: int) -> None:
    """Write at an offset; a disk that fills up in the middle is an OSError."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
