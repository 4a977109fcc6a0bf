"""The lessons of a run: at most a few lines that every prompt shows, in a file that a person may edit.

What a model condensed stands in the events of the run, so that a search that was killed goes on with it; the
file shows it. Its first line holds a checksum: a file that does not match it was edited, and holds from then
on, until the next condensation, which is told of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from operators.reflect import LINES, cut
from population.disk import open_file, write_whole
from population.errors import StoreFailed
from population.ledger import Event

FILE = "lessons.md"
LEARNED = "lessons"
"""Kind of the event that tells of new lessons, or that there are none."""

KEPT = "!"
"""What a line of a person's begins with that no condensation replaces."""

_MOST = 2 * LINES  # lines that are read
_BYTES = 1 << 16
_COMMENT = "<!--"
_HEAD = (
    "Lessons of this search, for the models that it asks. Edit them freely, that counts at once: one line "
    f'each, at most {_MOST}. Lines that begin with "{KEPT}" are yours and stay; the others are rewritten now '
    "and then."
)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the file held at the last look: which file it was, and its text if a person edited it."""

    stamp: tuple[int, int, int]
    edited: str | None


class Lessons:
    """The lessons of one run.

    Args:
        folder: the run folder; None for a run without the file.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / FILE
        self._own: tuple[str, ...] = ()
        self._base = ""
        self._unwritten = False
        self._last: _Look | None = None

    def heed(self, event: Event) -> None:
        """Take in an event, if it tells of new lessons."""
        if event.kind == LEARNED and "lines" in event.data:
            self._own = tuple(map(str, event.data["lines"]))
            self._base = str(event.data["base"])
            self._unwritten = True

    def lines(self) -> tuple[str, ...]:
        """Return the lessons that hold now: a person's, if the file was edited."""
        edited = self._edited()
        return self._own if edited is None else lines_of(edited)

    def kept(self) -> tuple[str, ...]:
        """Return those that a person wants to be kept."""
        return tuple(line for line in self.lines() if line.startswith(KEPT))

    def base(self) -> str:
        """Return a mark of the text that a condensation begins with; empty for our own."""
        edited = self._edited()
        return "" if edited is None else _mark(edited)

    def publish(self) -> None:
        """Write new lessons to the file, unless somebody edited it after they were asked for.

        A file that cannot be written for another reason than room is left: what counts is on record.

        Raises:
            StoreFull: the disk did not take it.
        """
        if not self._unwritten or self._file is None:
            return
        if self.base() in ("", self._base):
            with suppress(StoreFailed):
                write_whole(self._file, written(self._own).encode())
        self._unwritten = False

    def _edited(self) -> str | None:
        """Return the text of the file if a person edited it; it is read again only when it has changed."""
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return None
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._last is None or self._last.stamp != stamp:
            text = _read(self._file)
            self._last = _Look(stamp, None if text is None or is_own(text) else text)
        return self._last.edited


def written(lines: Sequence[str]) -> str:
    """Return what the file holds for these lessons."""
    body = "".join(f"{line if line.startswith(KEPT) else f'- {line}'}\n" for line in lines)
    return f"{_COMMENT} {_HEAD} ({_mark(body)}) -->\n\n{body}"


def is_own(text: str) -> bool:
    """Say whether a file stands as we wrote it."""
    head, _, body = text.partition("\n\n")
    return head.startswith(_COMMENT) and head.endswith(f"({_mark(body)}) -->")


def lines_of(text: str) -> tuple[str, ...]:
    """Return the lessons in a file that a person edited."""
    bare = (line.strip() for line in text.splitlines())
    told = (
        line.removeprefix("- ").removeprefix("* ") for line in bare if not line.startswith((_COMMENT, "#"))
    )
    return tuple(cut(line) for line in told if line.strip("-*! "))[:_MOST]


def _read(file: Path) -> str | None:
    """Return the beginning of a text file; None where it cannot be read."""
    with suppress(OSError):
        number = open_file(file, os.O_RDONLY)
        try:
            return os.read(number, _BYTES).decode("utf-8-sig", "replace")
        finally:
            os.close(number)
    return None


def _mark(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
