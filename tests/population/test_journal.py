import contextlib
import errno
import json
import os
import resource
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population import disk, journal, layout
from population.database import encode
from population.errors import (
    AlreadyExists,
    Corrupt,
    NotARun,
    PopulationError,
    ReadOnly,
    StoreFailed,
    StoreFull,
)
from population.journal import Journal


@pytest.fixture
def path(tmp_path):
    journal.create(tmp_path / "journal")
    return tmp_path / "journal"


def text(changes):
    """Write the documents of changes as JSON."""
    return [(table, number, None if found is None else encode(found)) for table, number, found in changes]


def commit(path, *commits):
    """Append commits; return the length of the file after each."""
    lengths = []
    with Journal(path, write=True) as writer:
        for changes in commits:
            writer.append(text(changes))
            lengths.append(path.stat().st_size)
    return lengths


def read(path):
    """Return the documents of a journal by table and id, and what it says of a torn tail."""
    opened = Journal(path)
    return documents(opened), opened.torn


def documents(opened):
    return {
        table: {number: json.loads(opened.text(place)) for number, place in rows.items()}
        for table, rows in opened.tables.items()
    }


def document(number):
    return [("t", number, {"n": number, "text": "é\n" * number}), ("u", 1, {"last": number})]


def test_a_journal_is_made_once(path):
    with pytest.raises(AlreadyExists):
        journal.create(path)


def test_commits_are_replayed_in_order(path):
    commit(path, document(1), document(2), [("t", 1, None)], [("v", None, {})], [("u", None, None)])
    assert read(path) == ({"t": {2: {"n": 2, "text": "é\né\n"}}, "v": {}}, "")


def test_clearing_a_table_keeps_it(path):
    commit(path, document(1), [("t", None, {}), ("t", 5, {})])
    assert read(path)[0]["t"] == {5: {}}


def test_each_line_is_plain_json(path):
    commit(path, document(1))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["changes"] == ["evolve population", 1]
    assert lines[1]["changes"][1] == ["u", 1, {"last": 1}]


def test_a_file_cut_anywhere_holds_exactly_the_commits_fully_written(path):
    lengths = commit(path, *(document(number) for number in range(1, 4)))
    data = path.read_bytes()
    for length in range(lengths[0], len(data) + 1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in lengths)
        found, torn = read(path)
        assert list(found["t"]) == list(range(1, whole + 1))
        assert found["u"][1]["last"] == whole
        assert bool(torn) is (length not in lengths)
        assert path.stat().st_size == length
        Journal(path, write=True).close()
        assert path.stat().st_size == lengths[whole - 1]


def test_a_torn_tail_is_cut_off_by_the_next_writer(path):
    lengths = commit(path, document(1), document(2))
    os.truncate(path, lengths[1] - 3)
    assert "line 3" in read(path)[1]
    commit(path, document(3))
    assert list(read(path)[0]["t"]) == [1, 3]
    assert read(path)[1] == ""


def test_a_tail_of_zeros_is_a_torn_one(path):
    lengths = commit(path, document(1))
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert list(read(path)[0]["t"]) == [1]
    Journal(path, write=True).close()
    assert path.stat().st_size == lengths[0]


def test_damage_in_the_middle_is_named_by_its_line(path):
    lengths = commit(path, document(1), document(2), document(3))
    data = bytearray(path.read_bytes())
    data[lengths[0] + 60] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match=f"{path.name}: line 3 is damaged; .*fsck --repair"):
        Journal(path)
    path.write_bytes(data[: lengths[0]])
    assert list(read(path)[0]["t"]) == [1]


@pytest.mark.parametrize("text", ["", "{}\n", "not a journal\nat all\n"])
def test_a_file_that_is_no_journal_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(Corrupt, match="line 1"):
        Journal(path)


def test_a_journal_of_another_version_is_refused(path):
    path.unlink()
    disk.write_whole(path, layout._line(b'["evolve population",99]'))
    with pytest.raises(Corrupt, match="99"):
        Journal(path)


@pytest.mark.parametrize("body", [b"\xff", b"[1", b'["\x1b[31m",1]', b'[["variants",1,{}]]'])
def test_a_whole_line_that_is_no_header_is_refused_whatever_it_holds(path, body):
    path.write_bytes(layout._line(body))
    with pytest.raises(Corrupt, match="line 1 says") as caught:
        Journal(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
@pytest.mark.parametrize("write", [False, True])
def test_what_is_no_file_is_refused_by_its_name(path, make, write):
    path.unlink()
    make(path)
    with pytest.raises(
        PopulationError, match=rf"{path.name}: cannot be read: (it is no file|Is a directory)"
    ):
        Journal(path, write=write)


def test_no_journal_is_no_run(tmp_path):
    with pytest.raises(NotARun):
        Journal(tmp_path / "nothing")


def test_a_reader_beside_a_writer_sees_whole_commits_only(path, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_FROM", 100_000)
    writer = Journal(path, write=True)

    def write():
        for number in range(1, 80):
            document = {"text": "x" * 5000, "n": number}
            writer.append(text([("t", number, document), ("u", number, {}), ("v", 1, document)]))

    thread = threading.Thread(target=write)
    thread.start()
    counts = []
    while thread.is_alive():
        found, _ = read(path)
        assert list(found.get("t", {})) == list(found.get("u", {}))
        assert [one["n"] for one in found.get("v", {}).values()] in ([], [len(found.get("t", {}))])
        counts.append(len(found.get("t", {})))
    thread.join()
    assert counts == sorted(counts)
    assert len(read(path)[0]["t"]) == 79


def test_a_closed_journal_takes_nothing(path):
    writer = Journal(path, write=True)
    writer.close()
    writer.close()
    for write in (writer.append, writer.stage):
        with pytest.raises(ReadOnly, match="closed"):
            write(text(document(1)))


def test_what_is_staged_reaches_the_disk_with_the_next_commit_and_as_one(path):
    with Journal(path, write=True) as writer:
        writer.stage(text(document(1)))
        writer.stage(text(document(2)))
        assert documents(writer)["u"][1] == {"last": 2}
        assert read(path)[0] == {}
        writer.append(text([("t", 2, None)]))
        assert len(path.read_bytes().splitlines()) == 2
        assert documents(writer) == read(path)[0] == {"t": {1: document(1)[0][2]}, "u": {1: {"last": 2}}}


numbers = st.integers(1, 4)
contents = st.dictionaries(st.sampled_from("ab"), st.integers(0, 9) | st.text(max_size=5), max_size=2)
one_change = st.one_of(
    st.tuples(st.sampled_from("tü"), numbers, contents | st.none()),
    st.tuples(st.sampled_from("tü"), st.none(), st.just({}) | st.none()),
)
commits = st.lists(st.tuples(st.booleans(), st.lists(one_change, min_size=1, max_size=4)), max_size=8)


def carried_out(model, changes):
    for table, number, found in changes:
        if number is None and found is None:
            model.pop(table, None)
        elif number is None:
            model[table] = {}
        elif found is None:
            model.setdefault(table, {}).pop(number, None)
        else:
            model.setdefault(table, {})[number] = found


@settings(max_examples=80, deadline=None)
@given(commits, st.integers(0, 8))
def test_a_snapshot_holds_what_stands(tmp_path_factory, commits, when):
    path = tmp_path_factory.mktemp("journal") / "journal"
    journal.create(path)
    model = {}
    with Journal(path, write=True) as writer:
        for at, (staged, changes) in enumerate(commits):
            if at == when:
                writer.snapshot()
            (writer.stage if staged else writer.append)(text(changes))
            carried_out(model, changes)
            assert documents(writer) == model
        writer.append([])
        assert read(path)[0] == model
        writer.snapshot()
        assert documents(writer) == read(path)[0] == model
        size = path.stat().st_size
        writer.append(text([("t", 9, {"n": 1})]))
        assert path.stat().st_size > size
    assert {**read(path)[0]}["t"][9] == {"n": 1}


def test_a_file_that_is_mostly_outdated_gives_way_to_a_snapshot(path, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_FROM", 20_000)
    with Journal(path, write=True) as writer:
        for number in range(100):
            writer.append(text([("t", 1, {"text": "x" * 1000, "n": number})]))
    assert path.stat().st_size < 40_000
    assert read(path)[0]["t"][1]["n"] == 99


@contextlib.contextmanager
def room_for(size):
    """Let no file grow past so many bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 10, 5_000, 50_000])
def test_a_disk_that_fills_up_in_the_middle_of_a_snapshot_spoils_nothing(path, size):
    with Journal(path, write=True) as writer:
        for number in range(100):
            writer.append(text([("t", number, {"text": "x" * 1000, "n": number})]))
        before = path.read_bytes()
        with room_for(size), pytest.raises(StoreFull, match="snapshot"):
            writer.snapshot()
        assert path.read_bytes() == before
        assert [one.name for one in path.parent.iterdir()] == ["journal"]
        writer.append(text([("t", 0, None)]))
        writer.snapshot()
        assert documents(writer) == read(path)[0]
        assert len(read(path)[0]["t"]) == 99


def test_a_snapshot_that_is_due_and_cannot_be_written_waits_and_the_commit_stands(path, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_FROM", 20_000)
    outdated = text([("t", 1, {"text": "x" * 1000})])
    with Journal(path, write=True) as writer:
        path.with_name("journal.tmp").mkdir()
        for _ in range(30):
            writer.append(outdated)
        assert path.stat().st_size > 30_000
        path.with_name("journal.tmp").rmdir()
        for _ in range(30):
            writer.append(outdated)
    assert path.stat().st_size < 40_000
    assert read(path)[0]["t"][1] == {"text": "x" * 1000}


def test_a_reader_keeps_the_file_that_it_opened(path):
    commit(path, document(1))
    reader = Journal(path)
    with Journal(path, write=True) as writer:
        writer.append(text([("t", 1, None)]))
        writer.snapshot()
    assert documents(reader)["t"][1] == document(1)[0][2]


def test_the_next_writer_sees_to_it_that_a_snapshot_keeps_its_name(path, monkeypatch):
    commit(path, document(1))
    done = []
    monkeypatch.setattr(disk, "sync_folder", lambda folder: done.append(("name", folder)))
    monkeypatch.setattr(os, "fdatasync", lambda file: done.append(("data", file)))
    with Journal(path, write=True) as writer:
        for number in (2, 3):
            writer.append(text(document(number)))
    assert [what for what, _ in done] == ["name", "data", "data"]
    assert done[0][1] == path.parent


def test_a_snapshot_that_a_crash_cut_short_is_removed_by_the_next_writer(path):
    lengths = commit(path, document(1))
    path.with_name("journal.tmp").write_bytes(path.read_bytes()[: lengths[0] - 5])
    assert list(read(path)[0]["t"]) == [1]
    commit(path, document(2))
    assert [one.name for one in path.parent.iterdir()] == ["journal"]


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(StoreFailed, match=os.strerror(errno.EISDIR)):
        disk.write_whole(tmp_path / "there", b"text")
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]
