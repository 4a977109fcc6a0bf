"""A reader catches up with what a search commits."""

import pytest

from population.errors import ReadOnly
from population.ledger import Call, Event
from population.records import Gone, Note
from population.store import JOURNAL, Population
from population.variant import Purpose

CALL = Call("some/model", "mutate", "ok", 100, 20, 0.5, 1.5, 1, "0001.json", 1.0)


@pytest.fixture
def writer(tmp_path, a_variant, a_measurement):
    with Population.create(tmp_path) as population:
        population.commit(a_variant("v0"), a_measurement("v0", 3.0), Event("started", "it starts", 1.0))
        yield population


def same(reader, writer):
    """Say whether two show the same."""

    def shown(one):
        return (
            dict(one.variants),
            {name: one.measurements(name) for name in one.variants},
            list(one.events),
            list(one.calls),
            one.paid,
            one.meta("clock"),
            dict(one.notes("notes.jobs")),
            {name: one.fitness(name) for name in one.variants},
            {name: list(one.db.table(name)) for name in one.db.tables()},
        )

    return repr(shown(reader)) == repr(shown(writer))  # the noise may be NaN


def test_a_reader_sees_what_was_committed_since(writer, a_variant, a_measurement):
    reader = Population.open(writer.folder)
    assert not reader.refresh()
    writer.commit(
        a_variant("v1", "v0"), Note("notes.jobs", "1", {"kind": "birth"}), CALL, meta={"clock": 1.0}
    )
    writer.commit(
        a_measurement("v1", 2.0),
        a_measurement("v0", 3.1, seed=2, purpose=Purpose.REPLICATE),
        Gone("notes.jobs", "1"),
        Note("notes.jobs", "2", {}),
        meta={"clock": 2.0},
    )
    writer.commit(a_variant("v1", "v0", digest="another"), Gone("notes.jobs", "2"))
    assert reader.refresh()
    assert same(reader, writer)
    assert not reader.refresh()


def test_a_commit_that_is_being_written_waits_for_the_next_look(writer, a_variant):
    reader = Population.open(writer.folder)
    path = writer.folder / JOURNAL
    before = path.read_bytes()
    writer.commit(a_variant("v1", "v0"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(before) + 20])
    assert not reader.refresh()
    path.write_bytes(whole)
    assert reader.refresh()
    assert list(reader.variants) == ["v0", "v1"]


def test_a_snapshot_in_the_place_of_the_file_is_taken_up(writer, a_variant):
    reader = Population.open(writer.folder)
    writer.commit(a_variant("v1", "v0"))
    writer._journal.snapshot()
    writer.commit(a_variant("v2", "v1"))
    assert reader.refresh()
    assert same(reader, writer)
    assert not reader.refresh()


def test_what_a_hand_changes_or_removes_is_seen_too(writer, a_variant):
    reader = Population.open(writer.folder)
    writer.db.table("events").update({"text": "it has started"})
    writer.db.table("mine").insert({"a": 1})
    assert reader.refresh()
    assert [event.text for event in reader.events] == ["it has started"]
    writer.db.table("measurements").truncate()
    assert reader.refresh()
    assert reader.measurements("v0") == ()
    assert list(reader.db.table("mine")) == [{"a": 1}]


def test_measurements_come_in_the_order_of_their_coming(writer, a_variant, a_measurement):
    writer.commit(a_variant("v1", "v0"), a_measurement("v1", 2.0))
    writer.commit(a_measurement("v0", 3.1, seed=2))
    assert [one.score for one in writer.scores_in_order()] == [3.0, 2.0, 3.1]


def test_who_writes_has_nothing_to_catch_up_with(writer):
    with pytest.raises(ReadOnly, match="catch up"):
        writer.refresh()
