"""A population as a plain TinyDB file, for whoever wants it without this package."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from population.database import encode
from population.disk import TEMPORARY, refused, sync_folder
from population.journal import Journal
from population.layout import Place, Tables
from population.records import NOTES
from population.store import JOURNAL

_BUFFER = 1 << 20  # bytes written at once


def export(folder: Path, target: Path, *, every: bool = False) -> dict[str, int]:
    """Write the documents of a run as JSON that ``tinydb.TinyDB(target)`` opens, with the same document ids.

    They are those of one moment, also while a search runs; and they are written one by one, so that none but
    the one at hand is in memory. What was there under that name is replaced once the file is whole.

    Args:
        folder: the run folder.
        target: the file to write.
        every: also the tables that hold a search's own bookkeeping.

    Returns:
        how many documents there are of each table.

    Raises:
        NotARun, Corrupt: as in ``Population.open``.
        StoreFull, StoreFailed: the disk did not take it; nothing is left behind.
    """
    opened = Journal(folder / JOURNAL)
    tables = {name: rows for name, rows in opened.tables.items() if every or not name.startswith(NOTES)}
    unfinished = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY}")
    try:
        with unfinished.open("xb", buffering=_BUFFER) as file:
            file.writelines(_parts(tables, opened.text))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise refused(target, "not written", error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    with suppress(OSError):
        sync_folder(target.parent)
    return {name: len(rows) for name, rows in tables.items()}


def _parts(tables: Tables, text: Callable[[Place], bytes]) -> Iterator[bytes]:
    """Yield a TinyDB file piece by piece: an object of tables, each an object of documents by id."""
    for first, (name, rows) in enumerate(tables.items()):
        yield b"%s\n%s:{" % (b"," if first else b"{", _ascii(encode(name)))
        for second, (number, place) in enumerate(rows.items()):
            yield b'%s\n"%d":%s' % (b"," if second else b"", number, _ascii(text(place)))
        yield b"}"
    yield b"}\n" if tables else b"{}\n"


def _ascii(text: bytes) -> bytes:
    """Return JSON in ASCII: TinyDB reads a file in whatever encoding the machine is set to."""
    return text if text.isascii() else json.dumps(json.loads(text)).encode()
