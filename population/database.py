"""A TinyDB that writes what changed, instead of everything, at each change.

TinyDB's own storages rewrite the whole database for every insert. Here a table hands its updater a view
that remembers which documents it touched, and only those go to the journal. All of TinyDB's calls
work as ever. Overrides internals of TinyDB 4 (``Table._update_table``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, cast

import tinydb
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document as Found
from tinydb.table import Table

from population.errors import ReadOnly
from population.journal import Change, Document, Journal, Tables, apply, encode


class JournalStorage(Storage):
    """Keeps all tables in memory and each change of them in a journal.

    Args:
        path: the journal file, for messages.
        tables: what it holds so far.
        journal: where changes go; None makes the database read-only.
    """

    def __init__(self, path: Path, tables: Tables, journal: Journal | None) -> None:
        super().__init__()
        self._path = path
        self._tables = tables
        self._journal = journal

    def read(self) -> Tables:
        """Return the tables; they are the storage's own and not to be changed."""
        return dict(self._tables)

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Make the tables be these (TinyDB calls it to drop tables)."""
        changes: list[Change] = [(name, None, None) for name in self._tables if name not in data]
        for name, rows in data.items():
            if rows is not self._tables.get(name):
                changes.append((name, None, {}))
                changes.extend((name, int(number), document) for number, document in rows.items())
        self.append(changes)

    def append(self, changes: list[Change]) -> None:
        """Make changes, durably, all or none.

        Raises:
            ReadOnly: the database was opened for reading, or has been closed.
            StoreFull: the disk did not take them; nothing has changed.
            TypeError, ValueError: a document cannot be written as JSON; nothing has changed.
        """
        if self._journal is None:
            raise ReadOnly(self._path, "the population was opened for reading only")
        if changes:
            body = encode(changes)
            self._journal.append(body)
            apply(self._tables, body)

    def rows(self, table: str) -> dict[str, Document]:
        """Return a table's documents by id; they are the storage's own and not to be changed."""
        return self._tables.get(table, {})

    def close(self) -> None:
        """Close the journal; the documents stay readable."""
        if self._journal is not None:
            self._journal.close()


class Draft(MutableMapping[int, Document]):
    """A table as an updater sees it, remembering what the updater did; the table itself stays as it is."""

    def __init__(self, rows: Mapping[str, Document]) -> None:
        self._rows = rows
        self._seen: dict[int, Document] = {}  # copies handed out, or replacements
        self._gone: set[int] = set()
        self._added: dict[int, Document] = {}

    def __getitem__(self, number: int) -> Document:
        if number in self._added:
            return self._added[number]
        if not self._stands(number):
            raise KeyError(number)
        if number not in self._seen:
            self._seen[number] = copied(self._rows[str(number)])
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
        """Return what the updater did to the table; every updater makes a table exist."""
        made: list[Change] = []
        if not exists or (self._rows and len(self._gone) == len(self._rows)):
            made.append((table, None, {}))
        else:
            made.extend((table, number, None) for number in self._gone)
        for number, document in self._seen.items():
            # By text: 1, 1.0 and True are equal, and are not the same document.
            if repr(document) != repr(self._rows[str(number)]):
                made.append((table, number, document))
        made.extend((table, number, document) for number, document in self._added.items())
        return made

    def _stands(self, number: object) -> bool:
        return number not in self._gone and str(number) in self._rows


class JournalTable(Table):
    """A TinyDB table whose updates cost what they change; what it returns are copies."""

    def search(self, cond: QueryLike) -> list[Found]:
        """Return the documents that match."""
        return [Found(copied(found), found.doc_id) for found in super().search(cond)]

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return one document, or those of several ids (see ``tinydb.table.Table.get``)."""
        found = super().get(*args, **kwargs)
        if isinstance(found, list):
            return [Found(copied(one), one.doc_id) for one in found]
        return found if found is None else Found(copied(found), found.doc_id)

    def __iter__(self) -> Iterator[Found]:
        return (Found(copied(found), found.doc_id) for found in super().__iter__())

    def next_id(self) -> int:
        """Take the next free document id."""
        return cast(int, self._get_next_id())  # type: ignore[no-untyped-call]

    def _update_table(self, updater: Callable[[dict[int, Any]], None]) -> None:
        storage = cast(JournalStorage, self._storage)
        draft = Draft(storage.rows(self.name))
        updater(cast(dict[int, Any], draft))
        storage.append(draft.changes(self.name, exists=self.name in storage.read()))
        self.clear_cache()


class JournalDB(tinydb.TinyDB):
    """A TinyDB on a journal."""

    table_class = JournalTable

    def __init__(self, storage: JournalStorage) -> None:
        super().__init__(storage=lambda: storage)


def copied(value: Any) -> Any:
    """Return a copy of plain JSON data, all the way down."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [copied(inner) for inner in value]
    return value
