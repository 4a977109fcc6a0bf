import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tinydb import Query, TinyDB

from population.errors import Corrupt, NotARun, StoreFailed
from population.export import export
from population.ledger import Event
from population.records import Note
from population.store import JOURNAL, Population

ROOT = Path(__file__).parents[2]


@pytest.fixture
def population(tmp_path, a_variant, a_measurement):
    with Population.create(tmp_path / "run") as opened:
        opened.commit(
            a_variant("v0"),
            a_variant("v1", "v0", hypothesis='größer "ist" besser\u2028'),
            a_variant("v2", "v0"),
            a_measurement("v1", 0.5, curve=((0.5, float("inf")),)),
            Event("measured", "v1", 1.0, {"improved": True}),
            Note("notes.jobs", "1", {"kind": "birth"}),
            meta={"champion": "v1"},
        )
        opened.db.table("mine").insert({"a": [1]})
        opened.db.table("mine").truncate()
        opened.db.table("variants").remove(Query().id == "v0")
        yield opened


def content(db):
    return {name: [(row.doc_id, dict(row)) for row in db.table(name)] for name in sorted(db.tables())}


def test_stock_tinydb_has_the_same_documents_under_the_same_ids(population, tmp_path):
    counts = export(population.folder, tmp_path / "x.json")
    expected = content(population.db)
    del expected["notes.jobs"]
    with TinyDB(tmp_path / "x.json") as stock:
        assert content(stock) == expected
        found = stock.table("variants").get(Query().hypothesis.search("größer"))
        assert (found.doc_id, found["id"]) == (2, "v1")
        assert stock.table("variants").insert({"id": "v9"}) == 4
    assert counts == {"variants": 2, "measurements": 1, "events": 1, "meta": 1, "mine": 0}


def test_the_bookkeeping_of_a_search_comes_along_only_when_asked_for(population, tmp_path):
    export(population.folder, tmp_path / "x.json", every=True)
    with TinyDB(tmp_path / "x.json") as stock:
        assert content(stock) == content(population.db)


def test_the_file_is_ascii_so_that_any_machine_reads_it(population, tmp_path):
    export(population.folder, tmp_path / "x.json")
    assert (tmp_path / "x.json").read_bytes().isascii()


def test_an_empty_population_is_an_empty_database(tmp_path):
    Population.create(tmp_path / "run").close()
    assert export(tmp_path / "run", tmp_path / "x.json") == {}
    with TinyDB(tmp_path / "x.json") as stock:
        assert stock.tables() == set()


def test_a_commit_that_is_being_written_does_not_count(population, tmp_path):
    with (population.folder / JOURNAL).open("ab") as file:
        file.write(b'{"crc32":"')
    assert export(population.folder, tmp_path / "x.json")["variants"] == 2


def test_what_is_no_population_is_not_exported(tmp_path):
    with pytest.raises(NotARun):
        export(tmp_path, tmp_path / "x.json")
    (tmp_path / JOURNAL).write_text("no\nthing\n")
    with pytest.raises(Corrupt):
        export(tmp_path, tmp_path / "x.json")
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(population, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "full").touch()
    with pytest.raises(StoreFailed, match="the disk said"):
        export(population.folder, tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "there"]


@pytest.mark.system
def test_a_full_disk_leaves_the_old_file_in_place(population, tmp_path):
    (tmp_path / "x.json").write_text("{}")
    script = """
import resource
from pathlib import Path
from population.errors import StoreFull
from population.export import export

resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    export(Path("run"), Path("x.json"))
except StoreFull as error:
    print(error)
"""
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("x.json: not written, the disk said: ")
    assert json.loads((tmp_path / "x.json").read_text()) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "x.json"]
