import errno
import json
import os
import threading

import pytest

from population import journal
from population.errors import AlreadyExists, Corrupt, NotARun, ReadOnly, StoreFull
from population.journal import Journal, encode, replay


@pytest.fixture
def path(tmp_path):
    journal.create(tmp_path / "journal")
    return tmp_path / "journal"


def commit(path, *commits):
    """Append commits; return the length of the file after each."""
    writer = Journal(path, replay(path).length)
    lengths = []
    for changes in commits:
        writer.append(encode(changes))
        lengths.append(path.stat().st_size)
    writer.close()
    return lengths


def document(number):
    return [("t", number, {"n": number, "text": "é\n" * number}), ("u", 1, {"last": number})]


def test_a_journal_is_made_once(path):
    with pytest.raises(AlreadyExists):
        journal.create(path)


def test_commits_are_replayed_in_order(path):
    commit(path, document(1), document(2), [("t", 1, None)], [("v", None, {})], [("u", None, None)])
    assert replay(path).tables == {"t": {"2": {"n": 2, "text": "é\né\n"}}, "v": {}}


def test_clearing_a_table_keeps_it(path):
    commit(path, document(1), [("t", None, {}), ("t", 5, {})])
    assert replay(path).tables["t"] == {"5": {}}


def test_each_line_is_plain_json(path):
    commit(path, document(1))
    lines = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    assert lines[0]["changes"] == ["evolve population", 1]
    assert lines[1]["changes"][1] == ["u", 1, {"last": 1}]


def test_a_file_cut_anywhere_holds_exactly_the_commits_fully_written(path):
    lengths = commit(path, *(document(number) for number in range(1, 4)))
    data = path.read_bytes()
    for length in range(lengths[0], len(data) + 1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in lengths)
        read = replay(path)
        assert list(read.tables["t"]) == [str(number) for number in range(1, whole + 1)]
        assert read.tables["u"]["1"]["last"] == whole
        assert bool(read.torn) is (length not in lengths)
        assert read.length == lengths[whole - 1]
        assert path.stat().st_size == length


def test_a_torn_tail_is_cut_off_by_the_next_writer(path):
    lengths = commit(path, document(1), document(2))
    os.truncate(path, lengths[1] - 3)
    assert "line 3" in replay(path).torn
    commit(path, document(3))
    assert list(replay(path).tables["t"]) == ["1", "3"]
    assert replay(path).torn == ""


def test_a_tail_of_zeros_is_a_torn_one(path):
    lengths = commit(path, document(1))
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert replay(path).length == lengths[0]


def test_damage_in_the_middle_is_named_by_its_line(path):
    lengths = commit(path, document(1), document(2), document(3))
    data = bytearray(path.read_bytes())
    data[lengths[0] + 60] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match=f"{path.name}: line 3 of 4 is damaged; .* keep its first 2 lines"):
        replay(path)
    path.write_bytes(data[: lengths[0]])
    assert list(replay(path).tables["t"]) == ["1"]


@pytest.mark.parametrize("text", ["", "{}\n", "not a journal\nat all\n"])
def test_a_file_that_is_no_journal_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(Corrupt, match="line 1"):
        replay(path)


def test_a_journal_of_another_version_is_refused(path):
    path.unlink()
    journal.write_whole(path, journal._line(b'["evolve population",99]'))
    with pytest.raises(Corrupt, match="99"):
        replay(path)


def test_no_journal_is_no_run(tmp_path):
    with pytest.raises(NotARun):
        replay(tmp_path / "nothing")


def test_a_reader_beside_a_writer_sees_whole_commits_only(path):
    writer = Journal(path, replay(path).length)

    def write():
        for number in range(1, 80):
            writer.append(encode([("t", number, {"text": "x" * 5000}), ("u", number, {})]))

    thread = threading.Thread(target=write)
    thread.start()
    counts = []
    while thread.is_alive():
        tables = replay(path).tables
        assert list(tables.get("t", {})) == list(tables.get("u", {}))
        counts.append(len(tables.get("t", {})))
    thread.join()
    writer.close()
    assert counts == sorted(counts)
    assert len(replay(path).tables["t"]) == 79


def test_a_closed_journal_takes_nothing(path):
    writer = Journal(path, replay(path).length)
    writer.close()
    writer.close()
    with pytest.raises(ReadOnly, match="closed"):
        writer.append(encode(document(1)))


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(StoreFull, match=os.strerror(errno.EISDIR)):
        journal.write_whole(tmp_path / "there", b"text")
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]
