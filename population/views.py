"""The records of a population in memory, as decisions need them, kept up to date one document at a time.

Of a measurement only its ``Score`` is held, of events and calls only where they lie: a hundred thousand
variants fit in memory, and a document is read when somebody asks for it.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, overload

from population import records
from population.errors import Corrupt
from population.fitness import unchosen
from population.journal import Journal
from population.ledger import Call, Event, Paid
from population.noise import Replicates
from population.records import TABLES
from population.variant import Measurement, Score, Variant

T = TypeVar("T")


class Lazy(Sequence[T]):
    """Records that are read from the journal when they are looked at.

    Args:
        journal: where they lie.
        table: their table.
        numbers: their document ids, in order; may grow.
        decode: makes a record of a document's text.
    """

    def __init__(
        self, journal: Journal, table: str, numbers: Sequence[int], decode: Callable[[bytes], T]
    ) -> None:
        self._journal, self._table, self._numbers, self._decode = journal, table, numbers, decode

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._at(number) for number in self._numbers[index]]
        return self._at(self._numbers[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._at, self._numbers)

    def _at(self, number: int) -> T:
        return self._decode(self._journal.text(self._journal.tables[self._table][number]))


class Views:
    """Typed views of the documents of a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.variants: dict[str, Variant] = {}
        self.highest = -1
        self.scores: dict[str, list[Score]] = {}
        self.whole: dict[str, None] = {}
        self.by_fingerprint: dict[str, str] = {}
        self.replicates = Replicates()
        self.paid = Paid()
        self.notes: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self.places: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._measured: dict[str, list[int]] = {}
        self._calls: list[int] = []
        self._events: list[int] = []
        self._kinds: defaultdict[str, list[int]] = defaultdict(list)
        self._newest: dict[str, int] = {}

    def load(self) -> None:
        """Take in all that is stored.

        Raises:
            Corrupt: a document is no record.
        """
        known = [*TABLES.values(), *filter(records.holds_notes, self._journal.tables)]
        with _undisturbed():
            for table in known:
                for number, place in self._journal.tables.get(table, {}).items():
                    try:
                        self.add(table, number, self._journal.text(place))
                    except ValueError as error:
                        reason = f"document {number} of table {table}: {error}; `evolve fsck` says more"
                        raise Corrupt(self._journal.path, reason) from error

    def add(self, table: str, number: int, text: bytes) -> None:
        """Take in a document (ValueError if it is no record)."""
        self._newest[table] = max(number, self._newest.get(table, 0))
        if table == TABLES[Variant]:
            self._add_variant(number, records.variant(text))
        elif table == TABLES[Measurement]:
            self._add_score(number, records.score(text))
        elif table == TABLES[Call]:
            self._calls.append(number)
            self.paid = self.paid.plus(records.call(text))
        elif table == TABLES[Event]:
            self._events.append(number)
            self._kinds[records.kind(text)].append(number)
        else:
            note = records.note(table, text)
            self.notes[table][note.key] = note.value
            self.places[table, note.key] = number
            self._keys[table, number] = note.key

    def take(self, table: str, number: int | None, text: bytes | None) -> bool:
        """Take in a change that another process made; return whether all must be loaded anew for it instead.

        A search adds documents, replaces variants, and keeps and removes notes; a hand may do anything.
        """
        if not (table in TABLES.values() or records.holds_notes(table)):
            return False  # somebody's own
        if number is None:
            return True
        if text is None:
            if (table, number) not in self._keys:
                return True
            self.forget(table, number)
            return False
        if table in TABLES.values() and table != TABLES[Variant] and number <= self._newest.get(table, 0):
            return True
        self.add(table, number, text)
        return False

    def forget(self, table: str, number: int) -> None:
        """Leave out the note of this number from now on."""
        key = self._keys.pop((table, number))
        del self.notes[table][key]
        del self.places[table, key]

    def measurements(self, variant: str) -> Sequence[Measurement]:
        """Return the measurements of a variant, in order."""
        numbers = self._measured.get(variant, ())
        return tuple(Lazy(self._journal, TABLES[Measurement], numbers, records.measurement))

    def in_order(self) -> list[Score]:
        """Return what decisions need of all measurements, in the order of their coming."""
        numbered = (
            pair
            for name, scores in self.scores.items()
            for pair in zip(self._measured[name], scores, strict=True)
        )
        return [score for _, score in sorted(numbered, key=lambda pair: pair[0])]

    @property
    def calls(self) -> Sequence[Call]:
        """The LLM calls, in order."""
        return Lazy(self._journal, TABLES[Call], self._calls, records.call)

    @property
    def events(self) -> Sequence[Event]:
        """The events, in order."""
        return Lazy(self._journal, TABLES[Event], self._events, records.event)

    def events_of(self, *kinds: str) -> Sequence[Event]:
        """Return the events of some kinds, in order."""
        numbers = sorted(number for kind in kinds for number in self._kinds.get(kind, ()))
        return Lazy(self._journal, TABLES[Event], numbers, records.event)

    def _add_variant(self, number: int, variant: Variant) -> None:
        self.variants[variant.id] = variant
        name_number = variant.id[1:]
        self.highest = max(self.highest, int(name_number) if name_number.isdecimal() else -1)
        self.by_fingerprint.setdefault(variant.fingerprint, variant.id)
        self.places[TABLES[Variant], variant.id] = number

    def _add_score(self, number: int, score: Score) -> None:
        """Take in a burst; it counts for the noise unless something was chosen by it."""
        if score.variant not in self.variants:
            raise ValueError(f"a measurement of {score.variant}, which is not in the population")
        self.scores.setdefault(score.variant, []).append(score)
        self._measured.setdefault(score.variant, []).append(number)
        if score.purpose.whole:
            self.whole.setdefault(score.variant)
        if score.score is not None and score.purpose in unchosen(not self.variants[score.variant].parents):
            self.replicates.add(score.digest, score.seed, score.score)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no garbage collection run: a million new objects would be looked through again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
