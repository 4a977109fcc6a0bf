from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from evolve.progress import Budget, Snapshot
from evolve.report.board import IDEAS, Board
from evolve.report.live import Display, JsonDisplay, LiveDisplay, PlainDisplay, choose_display
from population.fitness import Fitness
from population.ledger import Event

Render = Callable[..., str]

SNAPSHOT = Snapshot(
    run="runs/x",
    metric="val_bpb",
    direction="minimize",
    budgets=(Budget("evaluations", 5, 10, "bursts"),),
    slots=2,
    running=1,
    asking=1,
    evaluations=5,
    variants=4,
    failed=1,
    refused=1,
    champion="v1",
    best=Fitness(2.305, 0.007, 2),
    seed=Fitness(2.51, 0.007, 2),
    dollars=0.0,
    unpriced=2,
    elapsed=61.0,
    remaining=90.0,
)
HOSTILE = "\x1b[2J\x1b]0;owned\x07[red]x\r\ny\ud800\u202e 批次"


def measured(name: str, text: str, **data: object) -> Event:
    return Event("measured", f"{name} {text}", 1010.0, {"variant": name, "operator": "mutate", **data})


EVENTS = (
    Event("started", "the search starts", 1000.0),
    measured("v1", "2.3050 ± 0.0070 (n=1)", improved=True, hypothesis="a good idea"),
    measured("v2", "timeout: the burst passed its deadline", hypothesis=HOSTILE),
    Event(
        "refusal", "mutate: no edit", 1030.0, {"operator": "mutate", "kind": "reply", "hypothesis": HOSTILE}
    ),
    Event("champion", "v1 is the new champion", 1040.0, {"variant": "v1", "over": "v0"}),
    Event("stopped", HOSTILE, 1050.0),
)


def shown(display: Display) -> None:
    with display:
        for event in EVENTS:
            display.event(event)
            display.update(SNAPSHOT)


def test_a_pipe_gets_one_line_per_event_with_the_time_since_the_start() -> None:
    stream = io.StringIO()
    shown(PlainDisplay(Console(file=stream, width=40)))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "  0:00  started    the search starts"
    assert "  0:10  measured   v1 2.3050 ± 0.0070 (n=1)  [mutate] a good idea" in lines
    assert len(lines) == len(EVENTS) + 1  # one line of progress
    assert "\x1b" not in stream.getvalue()


def test_a_pipe_is_not_told_of_proposals_that_are_given_up_and_programs_are() -> None:
    plain, lines = io.StringIO(), io.StringIO()
    for display in (PlainDisplay(Console(file=plain, width=40)), JsonDisplay(lines)):
        display.event(Event("passed", "others promise more", 1000.0))
        display.event(Event("stopped", "it ended", 1002.0))
    assert plain.getvalue().splitlines() == ["  0:02  stopped    it ended"]
    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["passed", "stopped"]


def test_a_pipe_is_told_once_what_happens_again_and_again() -> None:
    stream = io.StringIO()
    with PlainDisplay(Console(file=stream, width=40)) as display:
        for at, text in enumerate(["no", "no", "no", "yes", "no", "no"]):
            display.event(Event("refusal", text, 1000.0 + at))
    lines = [
        line.split(maxsplit=2 if ":" in line else 0)[-1].strip() for line in stream.getvalue().splitlines()
    ]
    assert lines == ["no", "the same 2 more times", "yes", "no", "the same 1 more time"]


def test_progress_is_told_once_a_minute_of_search() -> None:
    stream = io.StringIO()
    display = PlainDisplay(Console(file=stream, width=200))
    for elapsed in (1.0, 59.0, 60.0, 61.0, 119.0, 121.0):
        display.update(replace(SNAPSHOT, elapsed=elapsed))
    assert stream.getvalue().count("progress") == 2
    assert "evaluations 5 of 10, best val_bpb 2.3050 ± 0.0070 (v1)" in stream.getvalue()


def test_json_lines_are_objects() -> None:
    stream = io.StringIO()
    shown(JsonDisplay(stream))
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record["event"] for record in records].count("progress") == 1
    assert records[-1] == {"event": "stopped", "text": HOSTILE, "at": 1050.0, "data": {}}


def test_the_board_shows_budgets_the_best_and_ideas_with_their_outcome(render: Render) -> None:
    board = Board()
    board.snapshot = SNAPSHOT
    for event in EVENTS:
        board.note(event)
    text = render(board)
    for part in ("5 of 10", "1:01, about 1:30 left", "2.3050 ± 0.0070  ★ v1  +0.2050 over the seed"):
        assert part in text
    for part in ("1 of 2 slots busy, 1 LLM call under way", "2 calls of unknown price", "a good idea"):
        assert part in " ".join(text.split())
    for part in ("★ 2.3050", "timeout", "refused: reply"):
        assert part in text
    assert max(map(cell_len, text.splitlines())) <= 80


def test_the_board_keeps_the_last_ideas_only(render: Render) -> None:
    board = Board()
    for number in range(20):
        board.note(measured(f"v{number}", "2.0"))
    assert render(board).count("mutate") == IDEAS


def test_an_admitted_idea_is_measuring_until_its_burst_has_ended(render: Render) -> None:
    board = Board()
    data = {"variant": "v1", "operator": "mutate", "hypothesis": "warm up"}
    board.note(Event("admitted", "v1", 1.0, data))
    assert "measuring  warm up" in render(board)
    board.note(measured("v1", "2.0"))
    assert "2.0  warm up" in render(board)


def test_the_live_board_leaves_only_what_should_stay() -> None:
    stream = io.StringIO()
    shown(LiveDisplay(Console(file=stream, width=80, height=30, force_terminal=True)))
    assert "v1 is the new champion" in stream.getvalue()
    assert "owned" not in stream.getvalue()


@pytest.mark.parametrize(
    ("json_wanted", "terminal", "expected"),
    [(True, True, JsonDisplay), (False, True, LiveDisplay), (False, False, PlainDisplay)],
)
def test_the_display_fits_where_it_is_shown(
    json_wanted: bool, terminal: bool, expected: type[Display]
) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, _environ={"TERM": "xterm"})
    assert isinstance(choose_display(json_wanted, console), expected)


def test_a_dumb_terminal_gets_plain_lines() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(choose_display(False, console), PlainDisplay)


@pytest.mark.parametrize("json_wanted", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_display_minds_an_ascii_stream(json_wanted: bool, terminal: bool) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    shown(choose_display(json_wanted, Console(file=stream, force_terminal=terminal)))
    stream.flush()


@pytest.mark.parametrize("json_wanted", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_display_minds_that_its_reader_has_gone(json_wanted: bool, terminal: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        shown(choose_display(json_wanted, Console(file=stream, force_terminal=terminal)))
