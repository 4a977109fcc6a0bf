import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import Query, TinyDB, where
from tinydb.operations import add, delete, increment
from tinydb.storages import MemoryStorage
from tinydb.table import Document

from population import journal
from population.database import JournalDB, JournalStorage
from population.journal import Journal


def opened(path):
    return JournalDB(JournalStorage(Journal(path, write=True)))


@pytest.fixture
def path(tmp_path):
    journal.create(tmp_path / "journal")
    return tmp_path / "journal"


def content(db):
    return {name: [(doc.doc_id, dict(doc)) for doc in db.table(name)] for name in sorted(db.tables())}


fields = st.sampled_from("abc")
scalars = st.integers(0, 2) | st.booleans() | st.sampled_from([0.0, 1.0, None, "é\n"])
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(fields, scalars, max_size=2)
documents = st.dictionaries(fields, values, min_size=1, max_size=3)
conditions = st.one_of(
    st.builds(lambda field, value: where(field) == value, fields, scalars),
    st.builds(lambda field: where(field).exists(), fields),
)
ids = st.integers(1, 6)


def mark(document):
    document["b"] = [document.get("b")]


changes = st.one_of(
    documents, st.just(mark), st.builds(lambda value: lambda doc: doc.update(a=value), values)
)
tables = st.sampled_from(["x", "y", "_default"])
on_table = st.one_of(
    st.tuples(st.just("insert"), documents),
    st.tuples(st.just("insert"), st.builds(Document, documents, ids)),
    st.tuples(st.just("insert_multiple"), st.lists(documents, max_size=3)),
    st.tuples(st.just("update"), changes, conditions),
    st.tuples(st.just("update"), changes),
    st.tuples(st.just("update"), documents, st.none(), st.lists(ids, max_size=2)),
    st.tuples(st.just("update_multiple"), st.lists(st.tuples(changes, conditions), max_size=2)),
    st.tuples(st.just("upsert"), documents, conditions),
    st.tuples(st.just("upsert"), st.builds(Document, documents, ids)),
    st.tuples(st.just("remove"), conditions),
    st.tuples(st.just("remove"), st.none(), st.lists(ids, max_size=2, unique=True)),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("search"), conditions),
    st.tuples(st.just("get"), conditions),
    st.tuples(st.just("get"), st.none(), ids),
    st.tuples(st.just("count"), conditions),
)
on_database = st.tuples(st.just("drop_table"), tables) | st.tuples(st.just("drop_tables"))
steps = st.lists(st.tuples(tables, on_table) | st.tuples(st.none(), on_database), max_size=12)


def done(db, step):
    table, (name, *arguments) = step
    try:
        return getattr(db if table is None else db.table(table), name)(*arguments)
    except ValueError as error:
        return str(error)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_any_operations_leave_what_stock_tinydb_has(tmp_path_factory, operations):
    path = tmp_path_factory.mktemp("db") / "journal"
    journal.create(path)
    ours, stock = opened(path), TinyDB(storage=MemoryStorage)
    for step in operations:
        assert done(ours, step) == done(stock, step)
        assert content(ours) == content(stock)
    ours.close()
    assert repr(content(opened(path))) == repr(content(ours))


@pytest.mark.parametrize("operation", [increment("n"), add("n", 2), delete("n"), mark])
def test_documents_changed_in_place_are_recorded(path, operation):
    db = opened(path)
    db.insert_multiple([{"n": 1, "b": 0}, {"n": 2}])
    db.update(operation, where("n") == 1)
    assert content(opened(path)) == content(db)
    assert db.get(doc_id=1) != {"n": 1, "b": 0}


def test_a_change_of_type_alone_is_a_change(path):
    opened(path).insert({"n": 1})
    opened(path).update({"n": True})
    assert opened(path).get(doc_id=1)["n"] is True


def test_an_insert_writes_the_new_document_only(path):
    db = opened(path)
    db.insert_multiple({"text": "x" * 1000} for _ in range(100))
    before = path.stat().st_size
    db.insert({"n": 1})
    db.update({"n": 2}, doc_ids=[101])
    assert path.stat().st_size - before < 200


def test_looking_and_changing_nothing_write_nothing(path):
    db = opened(path)
    db.insert({"n": 1})
    before = path.stat().st_size
    db.update({"n": 1})
    db.remove(where("n") == 5)
    db.search(Query().n == 1)
    assert path.stat().st_size == before


def test_what_a_search_returns_is_not_the_stored_document(path):
    db = opened(path)
    db.insert({"list": [1]})
    for found in (
        db.all()[0],
        db.search(where("list").exists())[0],
        db.get(doc_id=1),
        db.get(doc_ids=[1])[0],
    ):
        found["list"].append(2)
    assert content(db) == {"_default": [(1, {"list": [1]})]}


def test_an_updater_that_fails_changes_nothing(path):
    db = opened(path)
    db.insert_multiple([{"n": 1}, {"m": 1}])
    with pytest.raises(KeyError):
        db.update(increment("n"))
    assert content(db) == content(opened(path)) == {"_default": [(1, {"n": 1}), (2, {"m": 1})]}


def test_what_json_cannot_hold_is_refused_and_nothing_changes(path):
    db = opened(path)
    with pytest.raises(TypeError):
        db.insert({"n": object()})
    assert content(db) == content(opened(path)) == {}
