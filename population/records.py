"""The records of a population as JSON documents, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from population.database import encode as encoded
from population.ledger import Call, Event
from population.variant import Measurement, Score, Variant

T = TypeVar("T")
Record = Variant | Measurement | Call | Event

TABLES: Mapping[type[Record], str] = {
    Variant: "variants",
    Measurement: "measurements",
    Call: "calls",
    Event: "events",
}
META = "meta"
NOTES = "notes."
"""What the names of further tables of notes begin with: the bookkeeping of who writes the population."""


@dataclass(frozen=True, slots=True)
class Note:
    """A small JSON value kept under a key, beside the records: in ``meta``, or in a table of its own.

    Args:
        table: its table.
        key: its name there; a second note of that name replaces the first.
        value: plain JSON.
    """

    table: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Gone:
    """Removes the note of this key, if there is one."""

    table: str
    key: str


class Names(msgspec.Struct, gc=False):
    """The part of a document that says what it is: the kind of an event, or the name of the others."""

    kind: str = ""
    id: str = ""
    key: str = ""


def holds_notes(table: str) -> bool:
    """Say whether a table is one of notes."""
    return table == META or table.startswith(NOTES)


def encode(record: Record | Note) -> bytes:
    """Return a record as JSON text.

    Raises:
        TypeError, ValueError: a field holds what JSON cannot.
    """
    if isinstance(record, Note):
        return encoded({"key": record.key, "value": record.value})
    if isinstance(record, Measurement) and not all(math.isfinite(loss) for _, loss in record.curve):
        curve = [[at, loss if math.isfinite(loss) else repr(loss)] for at, loss in record.curve]
        return encoded({**msgspec.to_builtins(record), "curve": curve})
    return encoded(record)


def variant(text: bytes) -> Variant:
    """Return the variant that a document holds (``ValueError`` if it holds none, as all that follow)."""
    return _read(_VARIANT, text)


def measurement(text: bytes) -> Measurement:
    """Return the measurement that a document holds."""
    try:
        return _MEASUREMENT.decode(text)
    except msgspec.ValidationError as error:
        try:
            document = _DOCUMENT.decode(text)
            document["curve"] = [[at, float(loss)] for at, loss in document.get("curve", ())]
            return msgspec.convert(document, Measurement)
        except (msgspec.ValidationError, ValueError, TypeError):
            raise ValueError(str(error)) from error


def score(text: bytes) -> Score:
    """Return the part of a measurement that decisions are made by."""
    return _read(_SCORE, text)


def call(text: bytes) -> Call:
    """Return the LLM call that a document holds."""
    return _read(_CALL, text)


def event(text: bytes) -> Event:
    """Return the event that a document holds."""
    return _read(_EVENT, text)


def kind(text: bytes) -> str:
    """Return what an event is about."""
    return _read(_NAMES, text).kind


def name(text: bytes) -> str:
    """Return the id of a variant, or the key of a note."""
    names = _read(_NAMES, text)
    return names.id or names.key


def note(table: str, text: bytes) -> Note:
    """Return the note that a document of a table of notes holds."""
    document = _read(_DOCUMENT, text)
    if not isinstance(document.get("key"), str) or "value" not in document:
        raise ValueError("it has no key and value")
    return Note(table, document["key"], document["value"])


def check(table: str, text: bytes) -> None:
    """Raise ValueError unless a document is a record of this table."""
    {
        TABLES[Variant]: variant,
        TABLES[Measurement]: measurement,
        TABLES[Call]: call,
        TABLES[Event]: event,
    }[table](text)


def merged(before: bytes, after: bytes) -> bytes:
    """Return a document with the fields of the one it replaces that it has not itself."""
    return encoded({**_DOCUMENT.decode(before), **_DOCUMENT.decode(after)})


def _read(decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


_VARIANT = msgspec.json.Decoder(Variant)
_MEASUREMENT = msgspec.json.Decoder(Measurement)
_SCORE = msgspec.json.Decoder(Score)
_CALL = msgspec.json.Decoder(Call)
_EVENT = msgspec.json.Decoder(Event)
_NAMES = msgspec.json.Decoder(Names)
_DOCUMENT = msgspec.json.Decoder(dict[str, Any])
