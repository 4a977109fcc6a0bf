from __future__ import annotations

import io
import json
import os
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from evolve.report.terminal import Commands, Forgiving, encodable, invocation, open_console, to_json


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


def test_ascii_output_gets_plain_stand_ins_of_the_same_width() -> None:
    assert encodable("★ v1 ├─● 2.3 ± 0.1 …", "ascii") == "* v1 |-o 2.3 +-0.1 ~"


def test_text_that_the_encoding_holds_is_left_alone() -> None:
    assert encodable("★ ± …", "utf-8") == "★ ± …"


def test_a_console_on_an_ascii_stream_prints_any_text() -> None:
    stream = ascii_stream()
    open_console(stream).print("★ 批次")
    assert written(stream) == b"* ??\n"


def test_a_lone_surrogate_is_written_as_a_question_mark() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Forgiving(stream).write("a\ud800b")
    assert written(stream) == b"a?b"


def test_a_closed_pipe_makes_it_silent() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        console = open_console(stream)
        for _ in range(3):
            console.print("nobody reads this")
        assert isinstance(console.file, Forgiving)
        assert console.file.gone


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_full_disk_makes_it_silent() -> None:
    with open("/dev/full", "w") as stream:  # noqa: PTH123
        forgiving = Forgiving(stream)
        forgiving.write("x")
        forgiving.flush()
        assert forgiving.gone


def test_a_closed_stream_makes_it_silent() -> None:
    stream = io.StringIO()
    stream.close()
    forgiving = Forgiving(stream)
    assert forgiving.write("x") == 1
    assert forgiving.gone


def test_markup_is_not_read() -> None:
    stream = io.StringIO()
    open_console(stream).print("[bold]x[/bold]")
    assert stream.getvalue() == "[bold]x[/bold]\n"


def test_json_has_null_for_numbers_that_are_not_finite() -> None:
    assert to_json({"a": float("nan"), "b": [float("inf"), 1.5]}) == '{"a": null, "b": [null, 1.5]}'


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_json_is_one_line_of_printable_ascii(text: str) -> None:
    written = to_json({text: text})
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == {text: text}


def test_a_command_that_is_shown_can_be_typed_as_it_is() -> None:
    command = invocation("run", "my train.py", "--help")
    words = shlex.split(command)
    assert words[1:] == ["-m", "evolve", "run", "my train.py", "--help"]
    shown = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "Search for a better train.py" in shown.stdout


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (21, ["evolve tree x    all", "evolve status x  what"]),
        (20, ["evolve tree x", "evolve status x"]),
    ],
)
def test_commands_are_never_cut_and_their_purpose_is_told_where_there_is_room(
    width: int, shown: list[str]
) -> None:
    stream = io.StringIO()
    commands = Commands([("evolve tree x", "all"), ("evolve status x", "what")])
    Console(file=stream, width=width).print(commands, crop=False)
    assert stream.getvalue().splitlines() == shown


def test_a_command_longer_than_the_line_is_still_whole() -> None:
    stream = io.StringIO()
    Console(file=stream, width=20).print(Commands([("evolve tree runs/20261125-210004", "all")]), crop=False)
    assert stream.getvalue() == "evolve tree runs/20261125-210004\n"
