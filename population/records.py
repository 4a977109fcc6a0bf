"""The records of a population as plain JSON documents, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from population.ledger import Call, Event
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant

Record = Variant | Measurement | Call | Event

TABLES: Mapping[type[Record], str] = {
    Variant: "variants",
    Measurement: "measurements",
    Call: "calls",
    Event: "events",
}
META = "meta"


@dataclass(frozen=True, slots=True)
class MetaValue:
    """A small JSON value kept under a key, beside the records."""

    key: str
    value: Any


def encode(record: Record | MetaValue) -> dict[str, Any]:
    """Return a record as plain JSON data: enums by value, tuples as lists.

    Raises:
        TypeError: a field holds what JSON cannot.
    """
    return {field.name: plain(getattr(record, field.name)) for field in fields(record)}


def decode(table: str, document: Mapping[str, Any]) -> Record | MetaValue:
    """Return what a document of one of our tables holds; fields that we do not know are left alone.

    Raises:
        ValueError: a field is missing, or is not what it should be.
    """
    return _DECODERS[table](document)


def plain(value: Any) -> Any:
    """Return plain JSON data that stands for a value (TypeError if none does)."""
    if isinstance(value, Failure):
        return {"kind": value.kind.value, "message": value.message, "traceback": value.traceback}
    if isinstance(value, Mapping):
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            raise TypeError(f"a key must be a str, got {odd[0]!r}")
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)  # an enum, or numpy's kind of float, is stored as what it stands for
    raise TypeError(f"cannot be recorded: {value!r}")


def _variant(document: Mapping[str, Any]) -> Variant:
    """Return the variant that a document holds (ValueError if it holds none)."""
    return Variant(
        id=_text(document, "id"),
        digest=_text(document, "digest"),
        proposed=_text(document, "proposed"),
        fingerprint=_text(document, "fingerprint"),
        parents=tuple(_texts(document, "parents")),
        operator=_text(document, "operator"),
        hypothesis=_text(document, "hypothesis"),
        island=_whole(document, "island"),
        generation=_whole(document, "generation"),
        model=_text(document, "model"),
        tuned=_mapping(document, "tuned"),
        created=_number(document, "created"),
    )


def _measurement(document: Mapping[str, Any]) -> Measurement:
    """Return the measurement that a document holds (ValueError if it holds none)."""
    return Measurement(
        variant=_text(document, "variant"),
        digest=_text(document, "digest"),
        seed=_whole(document, "seed"),
        purpose=Purpose(_text(document, "purpose")),
        score=None if _get(document, "score") is None else _number(document, "score"),
        failure=_failure(_get(document, "failure")),
        seconds=_number(document, "seconds"),
        train_seconds=_number(document, "train_seconds"),
        tokens=_whole(document, "tokens"),
        curve=tuple(_pair(point) for point in _list(document, "curve")),
        values=_mapping(document, "values"),
        trial=None if _get(document, "trial") is None else _whole(document, "trial"),
        device=_text(document, "device"),
        sandbox=_text({"sandbox": "", **document}, "sandbox"),  # records from before it was kept
    )


def _call(document: Mapping[str, Any]) -> Call:
    """Return the LLM call that a document holds (ValueError if it holds none)."""
    return Call(
        model=_text(document, "model"),
        operator=_text(document, "operator"),
        outcome=_text(document, "outcome"),
        prompt_tokens=_whole(document, "prompt_tokens"),
        completion_tokens=_whole(document, "completion_tokens"),
        dollars=None if _get(document, "dollars") is None else _number(document, "dollars"),
        seconds=_number(document, "seconds"),
        attempts=_whole(document, "attempts"),
        transcript=_text(document, "transcript"),
        at=_number(document, "at"),
    )


def _event(document: Mapping[str, Any]) -> Event:
    """Return the event that a document holds (ValueError if it holds none)."""
    return Event(
        kind=_text(document, "kind"),
        text=_text(document, "text"),
        at=_number(document, "at"),
        data=_mapping(document, "data"),
    )


def _meta(document: Mapping[str, Any]) -> MetaValue:
    """Return the value that a document of the meta table holds (ValueError if it holds none)."""
    return MetaValue(_text(document, "key"), _get(document, "value"))


def _failure(value: Any) -> Failure | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"failure is {value!r}")
    return Failure(
        FailureKind(_text(value, "kind")), _text(value, "message"), traceback=_text(value, "traceback")
    )


def _pair(value: Any) -> tuple[float, float]:
    match value:
        case [int() | float() as progress, int() | float() as loss]:
            return progress, loss
    raise ValueError(f"curve has a point {value!r}")


def _get(document: Mapping[str, Any], key: str) -> Any:
    if key not in document:
        raise ValueError(f"{key} is missing")
    return document[key]


def _text(document: Mapping[str, Any], key: str) -> str:
    value = _get(document, key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is {value!r}")
    return value


def _whole(document: Mapping[str, Any], key: str) -> int:
    value = _get(document, key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}")
    return value


def _number(document: Mapping[str, Any], key: str) -> float:
    value = _get(document, key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}")
    return value


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    value = _get(document, key)
    if not isinstance(value, list):
        raise ValueError(f"{key} is {value!r}")
    return value


def _texts(document: Mapping[str, Any], key: str) -> list[str]:
    value = _list(document, key)
    if not all(isinstance(inner, str) for inner in value):
        raise ValueError(f"{key} is {value!r}")
    return value


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = _get(document, key)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is {value!r}")
    return value


_DECODERS: Mapping[str, Callable[[Mapping[str, Any]], Record | MetaValue]] = {
    TABLES[Variant]: _variant,
    TABLES[Measurement]: _measurement,
    TABLES[Call]: _call,
    TABLES[Event]: _event,
    META: _meta,
}
