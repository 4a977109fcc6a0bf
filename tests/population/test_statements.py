from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from population.statements import Span, changes, in_lines, lines_in, statements

TEXT = '''"""A program."""

import math

RATE = 3e-3  # tune: log 1e-4..1e-1


@math.cache
def f(
    x,
):
    # double it
    return x * 2  # twice


print(f(RATE))
'''

pieces = st.sampled_from(
    [
        "a = 1",
        "b = (",
        ")",
        "if a:",
        "    b = 3",
        "# words",
        "",
        "\f",
        "\x85",
        "'''",
        "R = 1  # tune: int 0..9",
        "\\",
    ]
)
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
texts = st.one_of(st.text(), st.lists(st.tuples(pieces, ends).map("".join)).map("".join))


def keys(source):
    return [one.key for one in statements(source)]


@given(texts)
def test_statements_cover_every_line_once(text):
    found = statements(text)
    assert found[0].start == 0
    assert found[-1].stop == len(lines_in(text))
    assert all(one.stop == other.start for one, other in pairwise(found))


@given(texts, texts)
def test_between_two_changes_all_is_the_same(old, new):
    before, after = statements(old), statements(new)
    i = j = 0
    for span in (*changes(before, after), Span(len(before), len(before), len(after), len(after))):
        assert [one.key for one in before[i : span.start]] == [one.key for one in after[j : span.at]]
        assert (span.start, span.at) != (span.end, span.stop) or span.start == len(before)
        i, j = span.end, span.stop


programs = st.lists(
    st.sampled_from(
        [
            "a = 1\n",
            "b = f(\n    2,\n)\n",
            "if a:\n    b = 3\n",
            "# words\n",
            "\n",
            "R = 1  # tune: int 0..9\n",
        ]
    )
).map("".join)


@given(programs, programs)
def test_changes_of_lines_make_the_one_text_of_the_other(old, new):
    before, after = statements(old), statements(new)
    made, done = [], 0
    for span in (in_lines(span, before, after) for span in changes(before, after)):
        made += [*lines_in(old)[done : span.start], *lines_in(new)[span.at : span.stop]]
        done = span.end
    assert keys("".join(made + lines_in(old)[done:])) == keys(new)


def test_a_statement_is_a_logical_line_with_what_stands_above_it():
    found = statements(TEXT)
    assert [(one.start, one.stop) for one in found] == [
        (0, 1), (1, 3), (3, 5), (5, 8), (8, 11), (11, 13), (13, 16), (16, 16)
    ]  # fmt: skip
    assert found[5].indent == "    "


def test_comments_spacing_docstrings_and_values_do_not_count():
    other = TEXT.replace("A program", "My program").replace("# double it", "").replace("  # twice", "")
    other = other.replace("3e-3 ", "0.01").replace("x * 2", "x*2").replace("\n\n\n", "\n")
    assert other != TEXT
    assert keys(other) == keys(TEXT)


def test_a_range_counts_and_so_does_the_value_of_a_number_without_one():
    assert keys(TEXT.replace("1e-1", "1")) != keys(TEXT)
    assert keys("A = 1\n") != keys("A = 2\n")
    assert keys("if x:\n    A = 1  # tune: int 0..9\n") != keys("if x:\n    A = 2  # tune: int 0..9\n")


def test_versions_of_one_statement_are_changes_by_themselves():
    old = statements("a = 1\nb = 2\nreturned = f(a)\n")
    new = statements("a = 3\nnew = 1\nb = 4\nreturned = g(a)\n")
    assert changes(old, new) == (
        Span(0, 1, 0, 1),
        Span(1, 1, 1, 2),
        Span(1, 2, 2, 3),
        Span(2, 3, 3, 4),
    )


def test_what_is_no_python_has_its_lines_as_statements():
    assert keys("a = (\n'''\n") == ["a = (\n", "'''\n", ""]
