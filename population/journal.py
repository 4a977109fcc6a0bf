"""An append-only file of document changes (see ``layout`` for its form), on the disk before a commit returns.

What is in memory of a document is where it lies in the file. Once most of the file is outdated, a snapshot of
what still stands takes its place, as a new file in the same form; a reader keeps the file that it opened.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import msgspec

from population.disk import TEMPORARY, keep_name, open_file, refused, write_all, write_whole
from population.errors import (
    AlreadyExists,
    Corrupt,
    NotARun,
    PopulationError,
    ReadOnly,
    StoreFailed,
    StoreFull,
)
from population.layout import (
    BODY,
    Change,
    Place,
    Tables,
    check_header,
    commit_line,
    header,
    length,
    lines,
    placed,
    places,
    span,
    standing,
    take,
)

SNAPSHOT_FROM = 8 << 20  # bytes below which a file is not worth a snapshot
_CHUNK = 1 << 20  # bytes read at once


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


def create(path: Path) -> None:
    """Make an empty journal, whole or not at all.

    Raises:
        AlreadyExists: the file is there.
        StoreFull, StoreFailed: the disk did not take it.
    """
    if path.exists():
        raise AlreadyExists(path, "there is a population already")
    write_whole(path, header())


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
        try:
            for table, number, place, text in placed(body, line.at):
                take(tables, table, number, place, text)
        except msgspec.DecodeError as error:
            raise Corrupt(path, f"line {line.number} holds no changes: {error}") from error
    return Replay(tables, size, "")


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
        self._take_up(_opened(path, write))
        with open(self._file, "rb", buffering=_CHUNK, closefd=False) as file:
            found = replay(file, path)
        self.tables, self.torn, self._size = found.tables, found.torn, found.length
        self._live = sum(length(place) for rows in self.tables.values() for place in rows.values())
        self._sound = os.fstat(self._file).st_size == self._size
        self._named = False  # whoever wrote it before may have been killed after a snapshot
        self._next_snapshot = SNAPSHOT_FROM
        if write:
            self._temporary().unlink(missing_ok=True)
            if not self._sound:
                self._cut_back()

    def catch_up(self) -> list[Change] | None:
        """Take in what was committed since, and return it; None where a snapshot took the place of the file.

        For a journal that was opened for reading. A commit that is being written counts as not made.

        Raises:
            Corrupt: see ``replay``.
        """
        here = os.fstat(self._file)
        try:
            if not os.path.samestat(here, self.path.stat()):
                return None
        except FileNotFoundError:
            return []  # what was read stays readable
        found: list[Change] = []
        with open(self._file, "rb", buffering=_CHUNK, closefd=False) as file:
            file.seek(self._size)
            start = self._size
            for line in lines(file, here.st_size - start):
                body = line.body
                if body is None and start + line.offset + len(line.data) < here.st_size:
                    raise Corrupt(self.path, f"byte {start + line.offset} begins a damaged line")
                if body is None:
                    break
                for table, number, place, text in placed(body, start + line.at):
                    take(self.tables, table, number, place, text)
                    found.append((table, number, None if number is not None and place is None else text))
                self._size = start + line.offset + len(line.data)
        return found

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
        written = self._written(every)
        self._pending = []
        self._apply(every, written)
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
        file = -1
        try:
            file = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            tables, size = self._write_snapshot(file)
            target.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)
            if file >= 0:
                os.close(file)
            raise refused(self.path, "the snapshot was not written", error) from error
        self._take_up(file)  # from now on this is the file, whatever else fails
        self.tables, self._size = tables, size
        self._named = False
        self._keep_name()

    def _write_snapshot(self, file: int) -> tuple[Tables, int]:
        """Write what stands into a file; return where its documents lie, and its length."""
        tables: Tables = {}
        size = write_all(file, header(), 0)
        for changes in standing(self.tables, self.text):
            for (table, number, text), place in zip(changes, places(changes, size + BODY), strict=True):
                take(tables, table, number, place, text)
            size = write_all(file, commit_line(changes), size)
        os.fsync(file)
        return tables, size

    def _keep_name(self) -> None:
        """See to it that a power cut does not bring back the file before the snapshot."""
        keep_name(self.path)
        self._named = True

    def close(self) -> None:
        """Close the file for writing; what it holds stays readable. A second time does nothing."""
        self._write = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_up(self, file: int) -> None:
        """Let this be the file; the one before is closed, and the last with this object."""
        before = self._closing
        self._file = file
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
            write_all(self._file, line, self._size)
            os.fdatasync(self._file)
        except OSError as error:
            with contextlib.suppress(PopulationError):  # else the next append tries to
                self._cut_back()
            reason = "not recorded; nothing recorded before is lost"
            raise refused(self.path, reason, error) from error
        found = places(changes, self._size + BODY)
        self._size += len(line)
        self._sound = True
        return found

    def _apply(self, changes: Sequence[Change], written: Sequence[Place | None]) -> None:
        """Carry changes out in memory."""
        for (table, number, text), place in zip(changes, written, strict=True):
            rows = self.tables.get(table, {})
            outdated = rows.values() if number is None else [rows[number]] if number in rows else []
            self._live -= sum(map(length, outdated))
            self._live += length(place) if number is not None and place is not None else 0
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


def _opened(path: Path, write: bool) -> int:
    try:
        return open_file(path, os.O_RDWR if write else os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        raise NotARun(path, "no population here") from None
    except OSError as error:
        raise PopulationError(path, f"cannot be read: {error.strerror}") from error
