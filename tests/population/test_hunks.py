"""A change cut into hunks: all of them give the new text, none the old one, and each makes a program."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from population.genome import fingerprint, parse
from population.hunks import apply, counted, cut, excerpt, lines_of

SEED = """\
import torch

WIDTH = 16  # tune: int 8..64 step 8
RATE = 0.1  # tune: log 0.01..1
ROWS = 8  # tune: choice 4 8 16


def train(burst):
    model = build(WIDTH)
    return model
"""

pieces = st.sampled_from(
    [
        "a = 1",
        "b = 2",
        "if a:",
        "    b = 3",
        "(",
        ")",
        "# words",
        "",
        "\f",
        "\x85",
        "R = 1  # tune: 0..9",
        "S = 2  # tune: 0..9",
    ]
)
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
texts = st.one_of(
    st.text(), st.lists(st.tuples(pieces, ends).map("".join)).map("".join), st.lists(pieces).map("\n".join)
)


def everything(hunks):
    return range(len(hunks))


@given(texts, texts)
def test_all_hunks_give_the_new_text_and_none_the_old_one(old, new):
    hunks = cut(old, new)
    assert apply(old, hunks, everything(hunks)) == new
    assert apply(old, hunks, ()) == old


@given(texts, texts, st.data())
def test_the_order_in_which_hunks_are_chosen_does_not_matter(old, new, data):
    hunks = cut(old, new)
    chosen = data.draw(st.permutations(everything(hunks)))
    assert apply(old, hunks, chosen) == new


@given(texts, texts)
def test_no_hunk_is_empty_and_equal_texts_have_none(old, new):
    assert all(edit.old != edit.new for hunk in cut(old, new) for edit in hunk.edits)
    assert cut(old, old) == ()


@given(texts, texts)
def test_a_cosmetic_hunk_leaves_the_program_as_it_is(old, new):
    hunks = cut(old, new)
    for at, hunk in enumerate(hunks):
        if hunk.cosmetic:
            assert fingerprint(apply(old, hunks, [at])) == fingerprint(old)


def test_neighbouring_tuned_numbers_are_a_hunk_each():
    new = SEED.replace("16", "32", 1).replace("0.1", "0.3").replace("ROWS = 8", "ROWS = 4")
    hunks = cut(SEED, new)
    assert [excerpt(hunk) for hunk in hunks] == ["WIDTH = 16 -> 32", "RATE = 0.1 -> 0.3", "ROWS = 8 -> 4"]
    assert [lines_of(hunk) for hunk in hunks] == [(3, 3), (4, 4), (5, 5)]
    assert apply(SEED, hunks, [1]) == SEED.replace("RATE = 0.1", "RATE = 0.3")


def test_a_line_put_between_tuned_numbers_is_a_hunk_of_its_own():
    new = SEED.replace("16", "32", 1).replace("RATE = 0.1", "DEPTH = 2\nRATE = 0.3")
    hunks = cut(SEED, new)
    assert [excerpt(hunk) for hunk in hunks] == ["WIDTH = 16 -> 32", "+ DEPTH = 2", "RATE = 0.1 -> 0.3"]
    assert apply(SEED, hunks, [1]) == SEED.replace("RATE = 0.1", "DEPTH = 2\nRATE = 0.1")


def test_comments_docstrings_and_blank_lines_do_not_count():
    new = SEED.replace("import torch", "# the library\nimport torch").replace(
        "    return model", "\n    # done\n    return model.float()"
    )
    new = new.replace("def train(burst):\n", 'def train(burst):\n    """Train."""\n')
    hunks = cut(SEED, new)
    assert len(hunks) == 3
    (only,) = counted(hunks)
    assert excerpt(hunks[only]) == "return model -> return model.float()"


def test_the_ends_of_one_statement_are_joined():
    new = SEED.replace("    model =", "    if True:\n        model =").replace(
        "    return model\n", "        return model\n    return None\n"
    )
    spread = SEED.replace("    model = build(WIDTH)\n", "    model = build(\n        WIDTH\n    )\n")
    for text in (new, spread):
        hunks = cut(SEED, text)
        assert all(parses(apply(SEED, hunks, [at])) for at in everything(hunks))


def test_hunks_far_apart_that_need_each_other_are_one():
    old = "a = 1\nb = 2\nc = 3\nx = 9\n"
    new = "f = (\na = 1\n)\nb = 2\nc = 3\nx = 8\n".replace("a = 1", "    1,")
    far = "'''\na = 1\nb = 2\n'''\nc = 3\nx = 8\n"
    assert len(cut(old, new)) == 2
    hunks = cut(old, far)
    assert len(hunks) == 2
    assert len(hunks[0].edits) == 2
    assert apply(old, hunks, [0]) == far.replace("x = 8", "x = 9")


def test_what_can_be_run_is_for_the_caller_to_say():
    new = SEED.replace("WIDTH = 16", "WIDTH = 32").replace("def train", "def trained")
    assert len(cut(SEED, new)) == 2
    assert (
        len(cut(SEED, new, sound=lambda text: ("32" in text) == ("trained" in text))) == 2
    )  # all would be one
    three = new.replace("ROWS = 8", "ROWS = 4")
    assert len(cut(SEED, three, sound=lambda text: ("32" in text) == ("ROWS = 4" in text))) == 2


def test_a_long_hunk_is_shown_by_its_first_line():
    new = SEED.replace("def train", "def build(width):\n    # a comment\n    return width\n\n\ndef train")
    (hunk,) = cut(SEED, new)
    assert excerpt(hunk) == "+ def build(width):  (and 1 more)"
    assert lines_of(hunk) == (8, 12)
    (gone,) = cut(SEED, SEED.replace("RATE = 0.1  # tune: log 0.01..1\n", ""))
    assert excerpt(gone) == "- RATE = 0.1"
    assert lines_of(gone) == (4, 4)


def parses(text):
    try:
        parse(text)
    except SyntaxError:
        return False
    return True
