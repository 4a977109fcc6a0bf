from __future__ import annotations

import io
import json

from rich.console import Console, RenderableType

from evolve.report.checked import examined, examined_data, repaired, repaired_data
from evolve.report.terminal import to_json
from population.fsck import Examination, Repair
from population.fsck.findings import Finding, Level
from population.ledger import Event

COUNTS = {"commits": 12, "variants": 4, "measurements": 1, "calls": 0, "events": 9}
LINE = Finding(Level.ERROR, "line", "the line is damaged", "population.journal, line 5", "moved away")
LOST = Finding(Level.ERROR, "source", "the source of v0 is missing" + " and long" * 20, "variants")
ODD = Finding(Level.WARNING, "ids", "left out: \x1b[31mv3", "population.journal, table variants")


def shown(picture: RenderableType) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=60, highlight=False).print(picture, crop=False)
    return stream.getvalue().splitlines()


def test_each_finding_is_one_line_however_long() -> None:
    picture = examined(Examination((LINE, LOST, ODD), COUNTS, None), "evolve fsck run --repair")
    assert shown(picture) == [
        "error   line        population.journal, line 5: the line is damaged → --repair: moved away",
        f"error   source      variants: {LOST.what} → cannot be repaired",
        "warning ids         population.journal, table variants: left out: v3",
        "not whole (2 errors, 1 warning): 12 commits, 4 variants, 1 measurement, 0 LLM calls",
        "`evolve fsck run --repair` puts 1 of these right; what it takes out is kept in quarantine.jsonl",
    ]


def test_what_a_repair_would_do_is_safe_to_print() -> None:
    odd = Finding(Level.ERROR, "study", "line 2", "studies", "moved to \x1b[31mv3.log")
    assert shown(examined(Examination((odd,), COUNTS, None), ""))[0].endswith("--repair: moved to v3.log")


def test_a_whole_run_is_one_line() -> None:
    assert shown(examined(Examination((), COUNTS, None), "")) == [
        "whole: 12 commits, 4 variants, 1 measurement, 0 LLM calls"
    ]
    assert shown(examined(Examination((ODD,), COUNTS, None), ""))[-1].startswith("whole (1 warning): ")


def test_a_run_that_is_written_now_is_not_to_be_repaired() -> None:
    text = shown(examined(Examination((LINE,), COUNTS, 42), "evolve fsck run --repair"))
    assert text[-1] == "process 42 writes this run now, so that it cannot be repaired"


DONE = Repair(
    Examination((LINE, LOST), COUNTS, None),
    Examination((LOST, ODD), COUNTS, None),
    Event("repaired", "put right: 1 line; 1 kept in quarantine.jsonl", 1.0, {"lines": 1}),
    "population.journal.before-repair-1",
    1,
)


def test_a_repair_says_what_it_did_and_what_is_left() -> None:
    assert shown(repaired(DONE)) == [
        "error   line        population.journal, line 5: the line is damaged → moved away",
        f"error   source      variants: {LOST.what} → cannot be repaired",
        "put right: 1 line; 1 kept in quarantine.jsonl",
        "the journal as it was is kept as population.journal.before-repair-1",
        "warning ids         population.journal, table variants: left out: v3",
        "not whole (1 error, 1 warning): 12 commits, 4 variants, 1 measurement, 0 LLM calls",
    ]


def test_the_data_hold_the_same() -> None:
    data = json.loads(to_json(examined_data(DONE.before)))
    assert (data["whole"], data["writer"], data["counts"]["variants"]) == (False, None, 4)
    assert data["findings"][0] == {
        "level": "error",
        "kind": "line",
        "what": "the line is damaged",
        "where": "population.journal, line 5",
        "repair": "moved away",
    }
    data = json.loads(to_json(repaired_data(DONE)))
    assert [one["kind"] for one in data["findings"]] == ["line", "source"]
    assert [one["kind"] for one in data["left"]] == ["source", "ids"]
    assert (data["repaired"], data["kept"]) == ({"lines": 1}, "population.journal.before-repair-1")
