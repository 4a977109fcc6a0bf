"""Reading a journal that may be damaged: every whole line is kept, and the rest is named.

A commit counts whole or not at all, as in ``journal``: of a line whose checksum fails nothing is believed.
Where a line only lost its end, or something was written into the file between two lines, the whole ones are
found by what a line begins with.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

from population import disk, layout
from population.errors import NotARun, PopulationError
from population.layout import Line, Place, Tables

_BEGINNING = re.compile(re.escape(layout.PREFIX))
_COPIED = 1 << 20  # bytes copied at once


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a file of lines that are none of its lines.

    Args:
        line: number of the line, from 1.
        offset: where they begin in the file.
        length: how many they are.
        why: what is wrong with them, in a few words.
    """

    line: int
    offset: int
    length: int
    why: str = ""

    @property
    def place(self) -> dict[str, int]:
        """The line and the offset, as the quarantine names them."""
        return {"line": self.line, "offset": self.offset}


class Salvage:
    """What can be read of a journal, as its whole lines leave it.

    Args:
        path: the file.

    Attributes:
        tables: where documents lie, as in ``Journal``; may be changed.
        lines: how many commits were read.
        damages: what was left out, in the order of the file; the torn tail is not among them.
        torn: what follows the last whole line, as a crash in the middle of an append leaves it.
        joined: numbers of lines that are whole but for their end.
        headed: whether the first line is the header.

    Raises:
        NotARun: there is no such file.
        Corrupt: it is a journal of another version.
        PopulationError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tables: Tables = {}
        self.lines = 0
        self.damages: list[Damage] = []
        self.torn: Damage | None = None
        self.joined: list[int] = []
        self.headed = False
        self._file = _opened(path)
        try:
            self._read_all()
        except BaseException:
            self.close()
            raise

    def text(self, place: Place) -> bytes:
        """Return the JSON text of a document."""
        if isinstance(place, bytes):
            return place
        return self.raw(*layout.span(place))

    def raw(self, offset: int, length: int) -> bytes:
        """Return bytes of the file."""
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_all(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        for line in layout.lines(self._file, size):
            for piece in _pieces(line):
                self._read(piece, last=piece.offset + len(piece.data) >= size)

    def _read(self, piece: Line, last: bool) -> None:
        """Take in one line, or what may be one."""
        whole = _whole(piece, last)
        if whole is None and last and not piece.data.endswith(b"\n"):
            self.torn = _damage(piece, "was cut short by a crash")
        elif whole is None:
            self.damages.append(_damage(piece, "is not what was written: its checksum fails"))
        elif not self._carried_out(whole):
            self.damages.append(_damage(piece, "is whole but holds no changes"))
        elif whole is not piece:
            self.joined.append(piece.number)

    def _carried_out(self, line: Line) -> bool:
        """Carry out the changes of a whole line; return whether it holds any, or is the header."""
        body = line.body
        assert body is not None
        if line.data == layout.header():
            first = not (self.headed or self.lines or self.damages)
            self.headed = self.headed or first
            return first
        try:
            changes = list(layout.placed(body, line.at))
        except ValueError:
            if line.offset == 0:
                layout.check_header(line, self.path)
            return False
        self.lines += 1
        for table, number, place, text in changes:
            layout.take(self.tables, table, number, place, text)
        return True


def _pieces(line: Line) -> Iterator[Line]:
    """Yield a whole line as it is; a damaged one in pieces, where others seem to begin inside it."""
    begins = [0]
    if line.body is None:
        begins += [found.start() for found in _BEGINNING.finditer(line.data) if found.start()]
    for begin, end in zip(begins, [*begins[1:], len(line.data)], strict=True):
        yield Line(line.number, line.offset + begin, line.data[begin:end])


def _whole(piece: Line, last: bool) -> Line | None:
    """Return a line as it was written, also if only its end is missing or changed; None if it is damaged.

    The end of the last line is missing as long as it is being written.
    """
    if piece.body is not None:
        return piece
    ended = [piece.data[:-1] + b"\n", *([] if last else [piece.data + b"\n"])]
    lines = (replace(piece, data=data) for data in ended)
    return next((line for line in lines if line.body is not None), None)


def _damage(piece: Line, why: str) -> Damage:
    return Damage(piece.number, piece.offset, len(piece.data), why)


def _opened(path: Path) -> IO[bytes]:
    try:
        return os.fdopen(disk.open_file(path, os.O_RDONLY), "rb", buffering=_COPIED)
    except (FileNotFoundError, NotADirectoryError):
        raise NotARun(path, "no population here") from None
    except OSError as error:
        raise PopulationError(path, f"cannot be read: {error.strerror}") from error


def rewrite(path: Path, salvage: Salvage) -> Path:
    """Put a journal of what stands in the place of the old one; return where the old one is kept.

    At every moment there is a whole file under the journal's name: the old one or the new one.

    Raises:
        StoreFull, StoreFailed: the disk did not take it; the old file stays in place.
    """
    new, kept = path.with_name(path.name + disk.TEMPORARY), aside(path)
    try:
        _keep(path, kept)
        with new.open("wb", buffering=_COPIED) as file:
            file.write(layout.header())
            for changes in layout.standing(salvage.tables, salvage.text):
                file.write(layout.commit_line(changes))
            file.flush()
            os.fsync(file.fileno())
        disk.sync_folder(path.parent)
        new.replace(path)
    except OSError as error:
        for unfinished in (new, kept):
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        raise disk.refused(path, "not repaired, and still as it was", error) from error
    try:
        disk.sync_folder(path.parent)
    except (
        OSError
    ) as error:  # a power cut may bring back the old file, and what was added since would be lost
        raise disk.refused(path, "repaired, but its folder could not be written", error) from error
    return kept


def aside(path: Path) -> Path:
    """Return a free name beside a file, for what it was before a repair."""
    number = 1
    while os.path.lexists(found := path.with_name(f"{path.name}.before-repair-{number}")):
        number += 1
    return found


def _keep(path: Path, kept: Path) -> None:
    """Give a file a second name, or a copy where the disk knows no second names."""
    try:
        os.link(path, kept)
    except OSError:
        with path.open("rb") as old, kept.open("xb") as new:
            while data := old.read(_COPIED):
                new.write(data)
            new.flush()
            os.fsync(new.fileno())
