"""A TinyDB that writes what changed, instead of everything, at each change.

TinyDB's own storages rewrite the whole database for every insert. Here a table hands its updater a view
that remembers which documents it touched, and only those go to the journal. All of TinyDB's calls
work as ever. Overrides internals of TinyDB 4 (``Table._update_table``).
"""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, cast

import msgspec
import tinydb
from tinydb.storages import Storage
from tinydb.table import Table

from population.journal import Journal
from population.layout import EMPTY, Change, Document
from population.lock import Lock


class Rows(Mapping[str, Document]):
    """A table as TinyDB reads it; each look at a document reads it anew from the journal."""

    def __init__(self, journal: Journal, table: str) -> None:
        self._journal = journal
        self._places = journal.tables.get(table, {})

    def __getitem__(self, number: str) -> Document:
        if number not in self:
            raise KeyError(number)
        return _DOCUMENT.decode(self._journal.text(self._places[int(number)]))

    def __contains__(self, number: object) -> bool:
        return isinstance(number, str) and number.isdecimal() and int(number) in self._places

    def __iter__(self) -> Iterator[str]:
        return map(str, self._places)

    def __len__(self) -> int:
        return len(self._places)


class JournalStorage(Storage):
    """Keeps documents in a journal, and in memory where they lie.

    Args:
        journal: open; changes are refused if it was opened for reading.
        lock: given back when the storage is closed.
    """

    def __init__(self, journal: Journal, lock: Lock | None = None) -> None:
        super().__init__()
        self.journal = journal
        self._lock = lock

    def read(self) -> dict[str, Mapping[str, Document]]:  # type: ignore[override]
        """Return the tables."""
        return {name: Rows(self.journal, name) for name in self.journal.tables}

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Make the tables be these (TinyDB calls it to drop tables)."""
        changes: list[Change] = [(name, None, None) for name in self.journal.tables if name not in data]
        for name, rows in data.items():
            if not isinstance(rows, Rows):
                changes.append((name, None, EMPTY))
                changes.extend((name, int(number), encode(document)) for number, document in rows.items())
        self.append(changes)

    def append(self, changes: Sequence[Change]) -> None:
        """Make changes, durably, all or none (see ``Journal.append``)."""
        self.journal.append(changes)

    def close(self) -> None:
        """Let another process write; the documents stay readable. A second time does nothing."""
        self.journal.close()
        if self._lock is not None:
            self._lock.release()


class Draft(MutableMapping[int, Document]):
    """A table as an updater sees it, remembering what the updater did; the table itself stays as it is."""

    def __init__(self, rows: Mapping[str, Document]) -> None:
        self._rows = rows
        self._seen: dict[int, Document] = {}  # documents handed out, or replacements
        self._gone: set[int] = set()
        self._added: dict[int, Document] = {}

    def __getitem__(self, number: int) -> Document:
        if number in self._added:
            return self._added[number]
        if not self._stands(number):
            raise KeyError(number)
        if number not in self._seen:
            self._seen[number] = self._rows[str(number)]
        return self._seen[number]

    def __setitem__(self, number: int, document: Document) -> None:
        (self._seen if self._stands(number) else self._added)[number] = document

    def __delitem__(self, number: int) -> None:
        if number in self._added:
            del self._added[number]
        elif self._stands(number):
            self._gone.add(number)
            self._seen.pop(number, None)
        else:
            raise KeyError(number)

    def __contains__(self, number: object) -> bool:
        return number in self._added or self._stands(number)

    def __iter__(self) -> Iterator[int]:
        return itertools.chain((n for n in map(int, self._rows) if n not in self._gone), self._added)

    def __len__(self) -> int:
        return len(self._rows) - len(self._gone) + len(self._added)

    def clear(self) -> None:
        """Remove every document."""
        self._seen.clear()
        self._added.clear()
        self._gone.update(map(int, self._rows))

    def changes(self, table: str, exists: bool) -> list[Change]:
        """Return what the updater did to the table; every updater makes a table exist.

        Raises:
            TypeError, ValueError: a document cannot be written as JSON.
        """
        made: list[Change] = []
        if not exists or (self._rows and len(self._gone) == len(self._rows)):
            made.append((table, None, EMPTY))
        else:
            made.extend((table, number, None) for number in self._gone)
        for number, document in self._seen.items():
            text = encode(document)
            if text != encode(self._rows[str(number)]):
                made.append((table, number, text))
        made.extend((table, number, encode(document)) for number, document in self._added.items())
        return made

    def _stands(self, number: object) -> bool:
        return number not in self._gone and str(number) in self._rows


class JournalTable(Table):
    """A TinyDB table whose updates cost what they change; every document it returns is read anew."""

    def __init__(self, storage: Storage, name: str, cache_size: int = 0) -> None:
        super().__init__(storage, name, cache_size)  # a cached document is one that others have in hand

    def next_id(self) -> int:
        """Take the next free document id."""
        return cast(int, self._get_next_id())  # type: ignore[no-untyped-call]

    def _update_table(self, updater: Callable[[dict[int, Any]], None]) -> None:
        storage = cast(JournalStorage, self._storage)
        draft = Draft(Rows(storage.journal, self.name))
        updater(cast(dict[int, Any], draft))
        storage.append(draft.changes(self.name, exists=self.name in storage.journal.tables))


class JournalDB(tinydb.TinyDB):
    """A TinyDB on a journal."""

    table_class = JournalTable  # type: ignore[assignment]  # it says no more than its value

    def __init__(self, storage: JournalStorage) -> None:
        super().__init__(storage=lambda: storage)


def encode(document: Any) -> bytes:
    """Return a document as JSON text, one line of UTF-8.

    Half a surrogate pair, which is no text, is written as a question mark; an infinite or undefined number
    as null.

    Raises:
        TypeError, ValueError: it holds what JSON cannot.
    """
    try:
        return _ENCODER.encode(document)
    except UnicodeEncodeError:
        return _ENCODER.encode(_mended(msgspec.to_builtins(document, enc_hook=_plain)))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_mended(key): _mended(inner) for key, inner in value.items()}
    return [_mended(inner) for inner in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    """Return what a number or a text of another library stands for (numpy's, say)."""
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"cannot be recorded: {value!r}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
_DOCUMENT = msgspec.json.Decoder(dict[str, Any])
