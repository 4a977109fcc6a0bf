from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.report.untrusted import code, lines, one_line


def test_colours_titles_and_links_are_left_out_with_their_arguments() -> None:
    text = "\x1b[31mred\x1b[0m \x1b]0;owned\x07title \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x9b2Jclear"
    assert one_line(text) == "red title link clear"


def test_an_unfinished_escape_cannot_swallow_what_follows() -> None:
    assert one_line("\x1b]0;title without end") == "0;title without end"


def test_lines_are_joined_and_bidi_marks_dropped() -> None:
    assert one_line(" one\r\ntwo\u2028three \u202efour\u200b ") == "one two three four"


def test_a_tower_of_combining_marks_is_cut_to_two() -> None:
    assert one_line("e" + "\u0301" * 50) == "e\u0301\u0301"


def test_other_scripts_and_emoji_stay() -> None:
    assert one_line("批次 ReLU² 🚀") == "批次 ReLU² 🚀"


def test_a_traceback_keeps_its_indentation() -> None:
    assert lines("a\n\tb\x1b[2J\n  c\rd") == ["a", "    b", "  c", "d"]


def test_invisible_characters_in_source_are_spelled_out() -> None:
    assert code("x = 1  # \u202e\x1b\ny") == "x = 1  # \\u202e\\x1b\ny"


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text(st.sampled_from("\x1b\x9b[]0;m\x07\\\u202e\n\tab\u0301\ud800")))
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    for shown in (one_line(text), *lines(text)):
        assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(c) for c in shown}
