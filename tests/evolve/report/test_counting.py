from __future__ import annotations

import io
import re

from rich.console import Console

from evolve.report.counting import Bar, Counter, Lines, Silent, choose_counter


def count(counter: Counter) -> None:
    counter.begin("two \x1b[31mbursts", 2)
    counter.tick()
    for number in (1, 2):
        counter.ended(f"v{number}: [red]2.5")
    counter.close()


def test_a_machine_sees_nothing() -> None:
    stream = io.StringIO()
    counter = choose_counter(json=True, console=Console(file=stream))
    assert isinstance(counter, Silent)
    count(counter)
    assert stream.getvalue() == ""


def test_a_pipe_gets_one_line_a_burst() -> None:
    stream = io.StringIO()
    counter = choose_counter(json=False, console=Console(file=stream, width=20))
    assert isinstance(counter, Lines)
    count(counter)
    said = stream.getvalue().splitlines()
    assert said[0] == "two bursts"
    assert re.fullmatch(r"  0:0\d  1 of 2  v1: \[red\]2\.5", said[1])
    assert len(said) == 3


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    counter = choose_counter(json=False, console=console)
    assert isinstance(counter, Bar)
    count(counter)
    assert "two bursts" in stream.getvalue()
    assert "2/2" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")


def test_nothing_to_measure_draws_no_bar() -> None:
    stream = io.StringIO()
    bar = Bar(Console(file=stream, force_terminal=True, _environ={"TERM": "xterm"}))
    bar.begin("all 4 bursts are on record", 0)
    bar.close()
    assert stream.getvalue() == "all 4 bursts are on record\n"
