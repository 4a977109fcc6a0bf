import base64
import errno
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population import fsck, layout
from population.database import encode
from population.errors import Corrupt, Locked, NotARun, PopulationError, StoreFailed
from population.fsck.findings import Conventions, Level, Mention
from population.genome import digest, with_values
from population.journal import Journal
from population.ledger import Call, Event
from population.records import Note
from population.store import JOURNAL, Population
from population.variant import Purpose

SEED = "LR = 3e-3  # tune: log 1e-4..1e-1\n"
CHILD = "LR = 3e-3  # tune: log 1e-4..1e-1\nDEPTH = 2\n"
LEAF = "LR = 3e-3  # tune: log 1e-4..1e-1\nDEPTH = 3\n"
TUNED = with_values(CHILD, {"LR": 0.01})
TEXTS = (SEED, CHILD, TUNED, LEAF)


@pytest.fixture
def run(tmp_path, a_variant, a_measurement):
    """A seed, its tuned child, which is champion, a grandchild, and a leaf; nobody writes it."""
    return found(tmp_path / "run", a_variant, a_measurement)


def found(folder, a_variant, a_measurement):
    with Population.create(folder) as population:
        seed, child, tuned, leaf = map(population.keep_source, TEXTS)
        population.commit(
            a_variant("v0", digest=seed, proposed=seed), meta={"metric": "loss", "direction": "minimize"}
        )
        population.commit(
            a_measurement("v0", 3.0, digest=seed), Event("champion", "v0", 1.0, {"variant": "v0"})
        )
        population.commit(a_variant("v1", "v0", digest=child, proposed=child))
        population.commit(a_measurement("v1", 2.0, digest=child, values={"LR": 3e-3}))
        population.commit(
            a_variant("v1", "v0", digest=tuned, proposed=child, tuned={"LR": 0.01}),
            a_measurement("v1", 1.9, digest=tuned, values={"LR": 0.01}, purpose=Purpose.TRIAL, trial=1),
        )
        population.commit(Event("champion", "v1", 2.0, {"variant": "v1"}), meta={"champion": "v1"})
        population.commit(a_variant("v2", "v1", digest=child, proposed=child, generation=2))
        population.commit(
            a_variant("v3", "v1", "v0", digest=leaf, proposed=leaf, generation=2), a_measurement("v3", 2.5)
        )
        population.commit(Call("m", "mutate", "ok", 1, 1, 0.5, 1.0, 1, "1.json", 3.0))
    (folder / "transcripts").mkdir()
    (folder / "transcripts" / "1.json").write_text("{}")
    (folder / "studies").mkdir()
    (folder / "studies" / "v1.log").write_text('{"op_code":0}\n{"op_code":4,"value":Infinity}\n')
    return folder


def commit(folder, *changes):
    """Change documents behind the population's back."""
    with Journal(folder / JOURNAL, write=True) as opened:
        opened.append(
            [(table, number, None if value is None else encode(value)) for table, number, value in changes]
        )


def documents(folder):
    """Return all documents by table and id."""
    opened = Journal(folder / JOURNAL)
    return {
        (table, number): json.loads(opened.text(place))
        for table, rows in opened.tables.items()
        for number, place in rows.items()
    }


def quarantined(folder):
    """Return what lies in the quarantine: where it was, and its bytes."""
    path = folder / "quarantine.jsonl"
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [
        (line["where"], base64.b64decode(line["base64"]) if "base64" in line else line["raw"].encode())
        for line in lines
    ]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def said(examination, *levels):
    """Return the findings of some levels as kind, sentence."""
    return [(one.kind, one.what) for one in examination.findings if one.level in (levels or (Level.ERROR,))]


def source(folder, text):
    name = digest(text)
    return folder / "variants" / name[:2] / f"{name}.py"


def repaired(folder, conventions=Conventions()):  # noqa: B008 - it is frozen
    """Repair a run; a second repair finds nothing to do."""
    done = fsck.repair(folder, conventions, lambda: 9.0)
    before = files(folder)
    again = fsck.repair(folder, conventions, lambda: 10.0)
    assert again.event is None
    assert again.before.findings == done.after.findings
    assert files(folder) == before
    Population.open(folder).close()
    return done


def lines(folder):
    return (folder / JOURNAL).read_bytes().splitlines(keepends=True)


def test_a_whole_run_is_whole_and_stays_as_it_is(run):
    before = files(run)
    examination = fsck.examine(run)
    assert (examination.findings, examination.whole, examination.writer) == ((), True, None)
    assert examination.counts["variants"] == 4
    assert fsck.repair(run).event is None
    assert files(run) == before


@pytest.mark.parametrize("write", [fsck.examine, fsck.repair])
def test_a_folder_without_a_population_is_no_run_and_stays_as_it_is(tmp_path, write):
    with pytest.raises(NotARun):
        write(tmp_path)
    with pytest.raises(NotARun):
        write(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("look", [fsck.examine, fsck.repair])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_journal_that_is_no_file_cannot_be_read(run, make, look):
    (run / JOURNAL).unlink()
    make(run / JOURNAL)
    with pytest.raises(PopulationError, match="it is no file"):
        look(run)


def test_a_journal_of_another_version_is_left_to_that_version(run):
    (run / JOURNAL).write_bytes(layout._line(b'["evolve population",99]') + b"".join(lines(run)[1:]))
    before = files(run)
    for look in (fsck.examine, fsck.repair):
        with pytest.raises(Corrupt, match="99"):
            look(run)
    assert files(run) == before


# Lines


def test_a_damaged_line_in_the_middle_goes_and_all_others_stay(run):
    every = lines(run)
    damaged = every[4][:70] + b"\xff" + every[4][71:]
    (run / JOURNAL).write_bytes(b"".join([*every[:4], damaged, *every[5:]]))
    whole = documents(found_without(run, 4))
    old = (run / JOURNAL).read_bytes()
    with pytest.raises(Corrupt):
        Population.open(run)
    (finding,) = fsck.examine(run).findings
    assert (finding.level, finding.kind, finding.where) == (Level.ERROR, "line", "population.journal, line 5")
    done = repaired(run)
    assert done.after.whole
    assert documents(run) == {**whole, ("events", 3): as_document(done.event)}
    assert quarantined(run) == [
        ({"file": JOURNAL, "line": 5, "offset": sum(map(len, every[:4]))}, damaged),
    ]
    assert done.kept == f"{JOURNAL}.before-repair-1"
    assert (run / done.kept).read_bytes() == old


def found_without(run, line):
    """Return a copy of the run whose journal lacks a line."""
    copy = run.with_name("without")
    copy.mkdir()
    every = lines(run)
    (copy / JOURNAL).write_bytes(b"".join([*every[:line], *every[line + 1 :]]))
    return copy


def as_document(event):
    return {"kind": event.kind, "text": event.text, "at": event.at, "data": dict(event.data)}


def test_a_repair_tells_of_itself_by_one_event(run):
    (run / JOURNAL).write_bytes(b"".join([*lines(run), b"{torn"]))
    source(run, SEED).unlink()
    (run / "seed.py").write_text(SEED)
    repaired(run)
    with Population.open(run) as population:
        (event,) = population.events_of("repaired")
    assert event.at == 9.0
    assert event.data == {"lines": 1, "documents": 0, "sources": 1, "files": 0, "quarantined": 1}
    assert event.text == "put right: 1 line, 1 source; 1 kept in quarantine.jsonl"


def test_each_repair_keeps_the_journal_before_it(run):
    for number in (1, 2):
        with (run / JOURNAL).open("ab") as file:
            file.write(b"torn")
        assert fsck.repair(run).kept == f"{JOURNAL}.before-repair-{number}"
    assert len(quarantined(run)) == 2


def test_where_a_file_has_one_name_only_the_journal_is_kept_as_a_copy(run, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    (run / JOURNAL).write_bytes(b"".join([*lines(run), b"torn"]))
    before = (run / JOURNAL).read_bytes()
    assert (run / repaired(run).kept).read_bytes() == before


def test_a_header_is_written_anew(run):
    expected = documents(run)
    for first in (b"", b'{"crc32":"00000000","changes":[]}\n'):
        (run / JOURNAL).write_bytes(b"".join([first, *lines(run)[1:]]))
        assert ("header", "line 1 is not the header of a population") in said(fsck.examine(run))
        repaired(run)
        assert documents(run).items() >= expected.items()


@pytest.mark.parametrize("between", [b"", b"X"])
def test_two_lines_that_have_run_together_are_both_kept(run, between):
    expected, every = documents(run), lines(run)
    (run / JOURNAL).write_bytes(b"".join([*every[:3], every[3][:-1] + between, *every[4:]]))
    assert said(fsck.examine(run)) == [("line", "the line is whole, but its end is not")]
    repaired(run)
    assert documents(run).items() >= expected.items()
    assert quarantined(run) == []


def test_what_was_written_between_two_lines_goes_and_both_are_kept(run):
    expected, every = documents(run), lines(run)
    (run / JOURNAL).write_bytes(b"".join([*every[:3], bytes(100), *every[3:]]))
    repaired(run)
    assert documents(run).items() >= expected.items()
    assert [raw for _, raw in quarantined(run)] == [bytes(100)]


def test_a_second_header_goes(run):
    expected = documents(run)
    (run / JOURNAL).write_bytes(b"".join([*lines(run), layout.header()]))
    assert said(fsck.examine(run)) == [("line", "the line (55 bytes) is whole but holds no changes")]
    repaired(run)
    assert documents(run).items() >= expected.items()


@pytest.mark.parametrize("tail", [b'{"crc32":"', layout.commit_line([("t", 1, b"{}")])[:-1], bytes(5)])
def test_a_torn_tail_goes_to_the_quarantine(run, tail):
    expected = documents(run)
    with (run / JOURNAL).open("ab") as file:
        file.write(tail)
    assert [kind for kind, _ in said(fsck.examine(run))] == ["torn tail"]
    repaired(run)
    assert documents(run).items() >= expected.items()
    assert [raw for _, raw in quarantined(run)] == [tail]


def test_a_tail_is_being_written_while_a_search_runs(run):
    with Population.open(run, write=True):
        with (run / JOURNAL).open("ab") as file:
            file.write(b'{"crc32":"')
        (run / "variants" / "x.tmp").touch()
        with (run / "studies" / "v1.log").open("ab") as file:
            file.write(b'{"op')
        examination = fsck.examine(run)
        assert (examination.whole, examination.writer) == (True, os.getpid())
        assert said(examination, *Level) == [
            ("torn tail", "the line is being written"),
            ("torn tail", "line 3 is being written"),
        ]
        with pytest.raises(Locked, match=str(os.getpid())):
            fsck.repair(run)


# Documents


@pytest.mark.parametrize(
    ("table", "document"),
    [
        ("variants", {"id": "v4"}),
        ("measurements", {"variant": "v1", "score": "high"}),
        ("measurements", {"curve": 5}),
        ("calls", {}),
        ("events", {"kind": 1}),
        ("meta", {"value": 1}),
        ("notes.mine", {"key": 1, "value": 1}),
        ("mine", [1]),
    ],
)
def test_a_document_that_is_no_record_goes(run, table, document):
    expected = documents(run)
    commit(run, (table, 77, document))
    ((kind, what),) = said(fsck.examine(run))
    assert kind == "document"
    assert what.startswith("the document is no record: ")
    repaired(run)
    assert documents(run).items() >= expected.items()
    ((where, raw),) = quarantined(run)
    assert where == {"file": JOURNAL, "table": table, "id": 77}
    assert json.loads(raw) == document


def test_tables_of_a_user_are_left_alone(run):
    commit(run, ("mine", 1, {"anything": [1]}), ("notes.mine", 1, {"key": "a", "value": None}))
    assert fsck.examine(run).findings == ()


def test_of_two_documents_of_one_name_the_later_one_stays_in_the_place_of_the_first(run):
    before = documents(run)
    later = {**before["variants", 1], "hypothesis": "later"}
    commit(run, ("variants", 9, later), ("meta", 9, {"key": "metric", "value": "other"}))
    with Population.open(run) as population:
        shown = (list(population.variants), population.variants["v0"], population.meta("metric"))
    assert [kind for kind, _ in said(fsck.examine(run))] == ["duplicate"] * 2
    repaired(run)
    with Population.open(run) as population:
        assert (list(population.variants), population.variants["v0"], population.meta("metric")) == shown
    assert documents(run)["variants", 1] == later
    assert [json.loads(raw) for _, raw in quarantined(run)] == [before["variants", 1], before["meta", 1]]


# Sources


def lost(run, text, how):
    """Lose a source in one of several ways."""
    path = source(run, text)
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"# \xff changed\n")


HOW = pytest.mark.parametrize("how", ["missing", "changed"])


@HOW
def test_a_source_comes_back_from_the_seed_file(run, how):
    (run / "seed.py").write_text(SEED)
    lost(run, SEED, how)
    ((kind, what),) = said(fsck.examine(run))
    assert (kind, "written anew") == ("source", fsck.examine(run).findings[0].repair)
    assert "the source of v0" in what
    done = repaired(run)
    assert done.after.findings == ()
    assert source(run, SEED).read_text() == SEED
    assert [raw for _, raw in quarantined(run)] == ([b"# \xff changed\n"] if how == "changed" else [])
    assert done.kept == ""


@HOW
def test_a_tuned_source_comes_back_by_its_numbers(run, how):
    lost(run, TUNED, how)
    assert repaired(run).after.findings == ()
    assert source(run, TUNED).read_text() == TUNED


@HOW
def test_a_proposed_source_comes_back_by_the_numbers_that_were_measured(run, how, a_variant):
    proposed = with_values(CHILD, {"LR": 0.002})
    commit(run, ("variants", 2, {**documents(run)["variants", 2], "proposed": digest(proposed)}))
    first = {**documents(run)["measurements", 2], "digest": digest(proposed), "values": {"LR": 0.002}}
    commit(run, ("measurements", 2, first))
    if how == "changed":
        source(run, proposed).parent.mkdir(exist_ok=True)
        source(run, proposed).write_text("changed")
    assert [kind for kind, _ in said(fsck.examine(run))] == ["source"]
    assert repaired(run).after.whole
    assert source(run, proposed).read_text() == proposed


def test_a_source_comes_back_from_a_file_of_another_name(run):
    source(run, LEAF).rename(run / "variants" / "leaf.py.tmp")
    done = repaired(run)
    assert done.after.findings == ()
    assert source(run, LEAF).read_text() == LEAF
    assert not (run / "variants" / "leaf.py.tmp").exists()


def test_a_source_comes_back_from_a_note(run):
    commit(run, ("notes.mine", 1, {"key": "a", "value": LEAF}))
    source(run, LEAF).unlink()

    def mention(note):
        return Mention(texts=(note.value,)) if note.table == "notes.mine" else Mention()

    assert repaired(run, Conventions(mention)).after.findings == ()


@HOW
def test_a_variant_without_a_source_goes_with_its_measurements_if_nobody_descends_from_it(run, how):
    before = documents(run)
    lost(run, LEAF, how)
    done = repaired(run)
    assert done.after.whole
    gone = {("variants", 4): before["variants", 4], ("measurements", 4): before["measurements", 4]}
    assert {key: value for key, value in before.items() if key not in documents(run)} == gone
    kept = {
        (where["table"], where["id"]): json.loads(raw) for where, raw in quarantined(run) if "id" in where
    }
    assert kept == gone
    assert source(run, LEAF).exists() is False


def test_a_variant_without_a_source_stays_for_its_children(run):
    before = documents(run)
    source(run, SEED).unlink()
    done = fsck.repair(run)
    assert done.event is None
    (finding,) = done.after.findings
    assert (finding.kind, finding.repair) == ("source", "")
    assert "of v0 is missing" in finding.what
    assert documents(run) == before


def test_a_family_without_sources_goes_together(run, a_variant):
    for text in (CHILD, TUNED, LEAF):
        source(run, text).unlink()
    done = repaired(run)
    assert done.after.whole
    with Population.open(run) as population:
        assert list(population.variants) == ["v0"]
        assert population.meta("champion") == "v0"


# Parents and measurements


def test_a_variant_whose_parent_is_gone_goes_unless_it_was_measured_or_has_children(run):
    before = documents(run)
    commit(run, ("variants", 2, None))
    done = repaired(run)
    with Population.open(run) as population:
        assert list(population.variants) == ["v0", "v3"]
    (finding,) = [one for one in done.after.findings if one.level is Level.ERROR]
    assert (finding.kind, finding.repair) == ("parent", "")
    assert finding.what == "v3 is a child of v1, which is no variant"
    kept = [json.loads(raw) for _, raw in quarantined(run)]
    assert before["variants", 3] in kept
    assert before["measurements", 2] in kept
    assert before["measurements", 3] in kept


def test_measurements_of_nobody_go(run):
    before = documents(run)
    commit(run, ("measurements", 9, {**before["measurements", 1], "variant": "v9"}))
    assert said(fsck.examine(run)) == [("measurement", "1 measurement of v9, which is no variant")]
    repaired(run)
    assert documents(run).items() >= before.items()
    assert [where["id"] for where, _ in quarantined(run)] == [9]


def test_a_run_without_its_seed_cannot_be_repaired(run):
    commit(run, ("variants", None, {}))
    assert ("seed", "the seed variant is not there: no search can go on") in said(repaired(run).after)


def test_odd_ids_and_generations_are_warnings(run):
    rows = documents(run)
    commit(
        run,
        ("variants", 3, {**rows["variants", 3], "id": "v7", "generation": 5}),
        ("variants", 8, {**rows["variants", 3], "id": "mine", "parents": ["mine"], "generation": 1}),
    )
    examination = fsck.examine(run)
    assert examination.whole
    assert said(examination, *Level) == [
        ("ids", "no letter and number: mine"),
        ("ids", "left out, although later ones are there: v2, v4, v5, v6"),
        ("ids", "v7 is of generation 5, by its parents it would be 2"),
        ("ids", "mine comes before a parent of its own"),
        ("ids", "mine is of generation 1, by its parents it would be 2"),
    ]
    assert fsck.repair(run).event is None


# Notes


@pytest.mark.parametrize(("crowned", "heir"), [(["v0", "v3", "v9"], "v3"), (["v9"], "v0")])
def test_an_unknown_champion_gives_way_to_the_last_one_crowned_or_the_seed(run, crowned, heir):
    events = [("events", None, {})] + [
        ("events", number, as_document(Event("champion", "", 1.0, {"variant": name})))
        for number, name in enumerate(crowned, 1)
    ]
    commit(run, *events, ("meta", 3, {"key": "champion", "value": "v9"}))
    assert said(fsck.examine(run)) == [("champion", "the champion is v9, which is no variant")]
    repaired(run)
    with Population.open(run) as population:
        assert population.meta("champion") == heir
    assert [json.loads(raw) for _, raw in quarantined(run)] == [{"key": "champion", "value": "v9"}]


def test_a_lost_note_of_the_champion_is_written_anew(run):
    commit(run, ("meta", 3, None))
    assert said(fsck.examine(run)) == [("champion", "a champion was crowned, but no note says who it is")]
    repaired(run)
    with Population.open(run) as population:
        assert population.meta("champion") == "v1"


def about(note):
    """Read notes as ``KIND WORD...``: what they speak of."""
    if note.table == "meta":
        return Mention()
    kind, *words = note.value.split()
    match kind:
        case "variant":
            return Mention(variants=tuple(words), otherwise=Note(note.table, note.key, "variant v0"))
        case "note":
            return Mention(notes=(("notes.mine", words[0]),))
        case "source":
            return Mention(sources=((words[0], words[1] if words[1:] else ""),))
    raise ValueError(f"what is {kind}?")


def test_notes_about_what_is_not_there_go_and_those_about_them_too(run):
    rows = enumerate(
        [
            ("a", "note b"),
            ("b", "note c"),
            ("c", "source v9"),
            ("d", "source v1"),
            ("e", f"source v1 {digest('nowhere')}"),
            ("f", "nonsense"),
            ("g", "variant v1 v9"),
            ("h", "variant v1"),
        ]
    )
    commit(run, *(("notes.mine", n, {"key": key, "value": value}) for n, (key, value) in rows))
    conventions = Conventions(about, ("metric", "colour"))
    done = repaired(run, conventions)
    assert said(done.after) == [("note", "there is no note of the run's colour: no search can go on")]
    with Population.open(run) as population:
        left = dict(population.notes("notes.mine"))
    assert left == {"d": "source v1", "g": "variant v0", "h": "variant v1"}
    assert sorted(json.loads(raw)["key"] for _, raw in quarantined(run)) == ["a", "b", "c", "e", "f", "g"]


# Files


def test_a_torn_study_is_cut_and_one_with_a_damaged_line_moved_aside(run):
    torn, damaged = run / "studies" / "v1.log", run / "studies" / "v2.log"
    damaged.write_bytes(b'{"op_code":0}\n{"op\xff\n{"op_code":4}\n')
    with torn.open("ab") as file:
        file.write(b'{"op_code')
    whole = torn.read_bytes()[:-9]
    assert said(fsck.examine(run)) == [
        ("torn tail", "line 3 (9 bytes) was cut short by a crash"),
        ("study", "line 2 (6 bytes) is no line of a study"),
    ]
    assert repaired(run).after.findings == ()
    assert torn.read_bytes() == whole
    assert not damaged.exists()
    assert (run / "studies" / "v2.log.before-repair-1").read_bytes().count(b"\n") == 3
    assert quarantined(run) == [
        ({"file": "studies/v1.log", "line": 3, "offset": len(whole)}, b'{"op_code'),
        ({"file": "studies/v2.log", "line": 2, "offset": 14}, b'{"op\xff\n'),
    ]


NEEDS = Conventions(files={"settings": Path.read_text, "seed.py": Path.read_text})


def test_the_seed_file_is_written_anew_if_it_is_gone(run):
    (run / "settings").write_text("")
    done = repaired(run, NEEDS)
    assert said(done.before) == [("file", "no search can go on: No such file or directory")]
    assert done.after.whole
    assert (run / "seed.py").read_text() == SEED


def test_a_seed_file_that_cannot_be_used_is_kept_and_written_anew(run):
    (run / "settings").write_text("")
    (run / "seed.py").write_bytes(b"\xff")
    assert repaired(run, NEEDS).after.whole
    assert (run / "seed.py").read_text() == SEED
    assert quarantined(run) == [({"file": "seed.py"}, b"\xff")]


def test_other_files_that_a_search_needs_cannot_be_repaired(run):
    (run / "seed.py").mkdir()
    examination = fsck.examine(run, NEEDS)
    assert [(one.where, one.repair) for one in examination.findings] == [("settings", ""), ("seed.py", "")]
    assert fsck.repair(run, NEEDS).event is None


def test_a_missing_transcript_is_a_warning(run):
    (run / "transcripts" / "1.json").unlink()
    examination = fsck.examine(run)
    assert examination.whole
    assert said(examination, *Level) == [("transcript", "1 transcript of calls missing: 1.json")]


def test_half_written_files_are_removed_and_those_of_a_user_are_not(run):
    left = [
        run / "population.journal.tmp",
        run / "variants" / "ab.py.tmp",
        run / "studies" / "v1.tmp",
        run / "transcripts" / ".draft-xyz",
    ]
    for path in [*left, run / "mine.tmp"]:
        path.touch()
    examination = fsck.examine(run)
    assert examination.whole
    assert [one.kind for one in examination.findings] == ["leftover"] * 4
    assert repaired(run).after.findings == ()
    assert not any(path.exists() for path in left)
    assert (run / "mine.tmp").exists()


def test_sources_that_nobody_needs_are_counted_and_go_if_they_were_changed(run):
    for text in ("a = 1\n", "a = 2\n"):
        source(run, text).parent.mkdir(exist_ok=True)
        source(run, text).write_text(text)
    lost(run, "a = 2\n", "changed")
    examination = fsck.examine(run)
    assert said(examination, Level.WARNING) == [
        ("source", "the source has been changed, and nobody needs it")
    ]
    assert said(examination, Level.INFO) == [("source", "1 source of no variant and no measurement")]
    repaired(run)
    assert source(run, "a = 1\n").exists()
    assert not source(run, "a = 2\n").exists()
    assert [raw for _, raw in quarantined(run)] == [b"# \xff changed\n"]


@pytest.mark.parametrize("name", ["quarantine.jsonl", "population.journal.tmp"])
def test_a_disk_that_refuses_leaves_the_journal_as_it_was(run, name):
    with (run / JOURNAL).open("ab") as file:
        file.write(b"torn")
    (run / name).mkdir()
    before = (run / JOURNAL).read_bytes()
    for _ in range(2):
        with pytest.raises(StoreFailed, match="the disk said"):
            fsck.repair(run)
    assert (run / JOURNAL).read_bytes() == before
    assert not list(run.glob("*.before-repair-*"))
    (run / name).rmdir()
    assert repaired(run).after.whole


# Anything at all


@pytest.fixture(scope="module")
def whole(tmp_path_factory, a_variant, a_measurement):
    return found(tmp_path_factory.mktemp("whole") / "run", a_variant, a_measurement)


damages = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.integers(0, 10**6), st.integers(1, 255)),
        st.tuples(st.just("cut"), st.integers(0, 10**6), st.just(0)),
        st.tuples(st.sampled_from(["double", "delete", "swap"]), st.integers(0, 100), st.integers(0, 100)),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data, steps):
    """Damage a journal."""
    for kind, where, how in steps:
        every = data.splitlines(keepends=True)
        if kind == "flip" and data:
            at = where % len(data)
            data = data[:at] + bytes([data[at] ^ how]) + data[at + 1 :]
        elif kind == "cut":
            data = data[: where % (len(data) + 1)]
        elif every:
            one, other = where % len(every), how % len(every)
            if kind == "double":
                every.insert(other, every[one])
            elif kind == "delete":
                del every[one]
            else:
                every[one], every[other] = every[other], every[one]
            data = b"".join(every)
    return data


def standing(whole_lines):
    """Carry out the changes of whole lines."""
    rows = {}
    for line in whole_lines:
        for table, number, document in json.loads(line)["changes"]:
            if number is None:
                rows = {key: value for key, value in rows.items() if key[0] != table}
            elif document is None:
                rows.pop((table, number), None)
            else:
                rows[table, number] = document
    return rows


def good_lines(data, every):
    """Return the lines that are still there in damaged data, and what is there beside them."""
    told = re.compile(b"|".join(re.escape(line[:-1]) for line in every))
    found = [(one[0], data[one.end() :]) for one in told.finditer(data)]
    ended = [
        line
        for line, after in found
        if after[:1] == b"\n" or len(after) == 1 or after[:11].find(layout.PREFIX) in (0, 1)
    ]
    header = layout.header()[:-1]
    rest = told.sub(b"\n", data[len(header) + 1 :] if data.startswith(header) else data)
    return ended, [one for one in rest.split(b"\n") if len(one) > 1]


@settings(max_examples=200, deadline=None)
@given(damages)
def test_whatever_happens_to_a_journal_nothing_good_is_lost(tmp_path_factory, whole, steps):
    folder = tmp_path_factory.mktemp("run")
    for path, data in files(whole).items():
        copy = folder / path.relative_to(whole)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(data)
    data = damaged(b"".join(lines(whole)), steps)
    (folder / JOURNAL).write_bytes(data)
    good, bad = good_lines(data, lines(whole)[1:])
    repaired(folder)
    now, taken = documents(folder), quarantined(folder)
    texts = [json.loads(raw) for where, raw in taken if "id" in where]
    raws = b"".join(raw for where, raw in taken if "offset" in where)
    for key, document in standing(good).items():
        assert now.get(key) == document or document in texts
    assert all(one in raws for one in bad)


def test_examining_tells_what_a_repair_does_and_changes_nothing(run):
    (run / JOURNAL).write_bytes(b"".join([*lines(run)[:4], b"x", *lines(run)[5:], b"y"]))
    source(run, LEAF).unlink()
    before = files(run)
    examination = fsck.examine(run)
    assert files(run) == before
    assert fsck.repair(run).before == examination
