from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from population import records
from population.ledger import Event
from population.records import Note
from population.variant import Failure, FailureKind, Measurement, State, Variant

AMeasurement = Callable[..., Measurement]


def test_a_measurement_from_before_its_confinement_was_kept_is_read(a_measurement: AMeasurement) -> None:
    measurement = a_measurement("v1", 2.0, sandbox="L2")
    document = json.loads(records.encode(measurement))
    assert records.measurement(json.dumps(document).encode()) == measurement
    del document["sandbox"]
    assert records.measurement(json.dumps(document).encode()) == a_measurement("v1", 2.0)


def test_a_learning_curve_may_diverge(a_measurement: AMeasurement) -> None:
    measurement = a_measurement("v1", 2.0, curve=((0.1, math.inf), (0.2, -math.inf), (0.3, 1.5)))
    assert records.measurement(records.encode(measurement)) == measurement
    (_, last) = records.measurement(records.encode(a_measurement("v1", 2.0, curve=((0.1, math.nan),)))).curve[
        0
    ]
    assert math.isnan(last)


def test_what_decisions_need_of_a_measurement_is_read_alone(a_measurement: AMeasurement) -> None:
    failure = Failure(FailureKind.MEMORY, "too much", "line 3")
    score = records.score(records.encode(a_measurement("v1", None, 7, failure=failure)))
    assert (score.variant, score.seed, score.score, score.spent) == ("v1", 7, None, True)
    assert score.state is State.FAILED
    assert score.failure is not None
    assert score.failure.kind is FailureKind.MEMORY


def test_numpys_numbers_and_half_a_surrogate_are_written_as_what_they_stand_for() -> None:
    event = Event("x", "half \ud800 a pair", 1.0, {"gain": np.float64(0.5), "seed": np.int64(3)})
    read = records.event(records.encode(event))
    assert read == Event("x", "half ? a pair", 1.0, {"gain": 0.5, "seed": 3})


@pytest.mark.parametrize(
    ("read", "text", "where"),
    [
        (records.variant, b'{"id": 3}', "id"),
        (records.measurement, b'{"variant": "v1", "score": "good"}', "score"),
        (records.score, b'{"variant": "v1"}', "digest"),
        (records.event, b"[]", "object"),
        (records.event, b'{"kind": "x", "te', "truncated"),
    ],
)
def test_a_document_that_is_no_record_says_where(
    read: Callable[[bytes], object], text: bytes, where: str
) -> None:
    with pytest.raises(ValueError, match=where):
        read(text)


def test_a_note_comes_back(a_variant: Callable[..., Variant]) -> None:
    note = Note("notes.jobs", "17", {"ticket": 17, "list": [1, None]})
    assert records.note("notes.jobs", records.encode(note)) == note
    with pytest.raises(ValueError, match="no key"):
        records.note("meta", records.encode(a_variant("v0")))
