"""The documents of a journal read as records: which are none, and which are there twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from population import records
from population.fsck.case import CHAMPION, MEASUREMENTS, VARIANTS, Case, at
from population.fsck.findings import QUARANTINED, Level
from population.layout import Document
from population.ledger import Call, Event
from population.records import TABLES

Look = Callable[[int, bytes], None]
"""Takes in a document: its number and its text; ValueError if it is no record."""


def read(case: Case) -> None:
    """Read every document; those that are no records, or are there twice, are to be taken out."""
    reader = _Reader(case)
    for table, rows in case.salvage.tables.items():
        look = reader.look_at(table)
        for number, place in rows.items():
            try:
                look(number, case.salvage.text(place))
            except (ValueError, RecursionError) as error:
                what = f"the document is no record: {error}"
                case.find(Level.ERROR, "document", what, at(table, number), QUARANTINED)
                case.drop(table, number, what)


class _Reader:
    """Takes documents into a case."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def look_at(self, table: str) -> Look:
        """Return what takes in a document of a table."""
        looks: Mapping[str, Look] = {
            VARIANTS: self._variant,
            MEASUREMENTS: self._measurement,
            TABLES[Call]: self._call,
            TABLES[Event]: self._event,
        }
        if records.holds_notes(table):
            return lambda number, text: self._note(table, number, text)
        return looks.get(table, _any)

    def _variant(self, number: int, text: bytes) -> None:
        variant = records.variant(text)
        self._place(VARIANTS, variant.id, number, text)
        self._case.known.variants[variant.id] = variant

    def _measurement(self, number: int, text: bytes) -> None:
        measurement = records.measurement(text)
        self._case.known.measured.setdefault(measurement.variant, []).append(number)
        self._case.known.digests.add(measurement.digest)

    def _call(self, _: int, text: bytes) -> None:
        call = records.call(text)
        if call.transcript:  # the disk took none for the others
            self._case.known.transcripts.append(call.transcript)

    def _event(self, _: int, text: bytes) -> None:
        event = records.event(text)
        if event.kind == CHAMPION:
            self._case.known.crowned.append(str(event.data.get("variant")))

    def _note(self, table: str, number: int, text: bytes) -> None:
        note = records.note(table, text)
        self._place(table, note.key, number, text)
        self._case.known.notes[table, note.key] = note

    def _place(self, table: str, name: str, number: int, text: bytes) -> None:
        """Give a name its document; of two, the later one counts, and takes the place of the first."""
        case = self._case
        first = case.known.numbers.setdefault((table, name), number)
        if first == number:
            return
        what = f"{name} is there twice, as documents {first} and {number}"
        case.find(Level.ERROR, "duplicate", what, f"table {table}", f"the first is {QUARANTINED}")
        case.put(table, first, text, what)
        case.remedy.removed.add((table, number))


def _any(_: int, text: bytes) -> None:
    _OBJECT.decode(text)


_OBJECT = msgspec.json.Decoder(Document)
