import difflib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.edits import (
    HYPOTHESIS_LENGTH,
    Edited,
    NoEdit,
    apply_choice,
    apply_diff,
    apply_mix,
    apply_whole,
    stated_hypothesis,
)
from operators.proposal import RefusalKind

PARENT = """import math

RATE = 0.1  # tune: 0..1


def f(x):
    if x:
        y = x + 1
        return y
    return 0


def g(x):
    y = x + 1
    return -y
"""


def block(search, replace):
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def edited(result):
    assert isinstance(result, Edited), result
    return result


def refused(result, kind):
    assert isinstance(result, NoEdit), result
    assert result.kind is kind
    return result.reason


# SEARCH/REPLACE


def test_a_block_replaces_the_lines_it_names():
    result = edited(apply_diff("Hypothesis: less is more\n" + block("    return 0", "    return 7"), PARENT))
    assert result.source == PARENT.replace("return 0", "return 7")
    assert result.hypothesis == "less is more"


def test_blocks_are_applied_in_order_whatever_stands_around_them():
    reply = (
        "Sure!\n```python\n"
        + block("    return 0", "    return 7")
        + "```\nand\n"
        + block("    return 7", "    return 8")
    )
    assert edited(apply_diff(reply, PARENT)).source == PARENT.replace("return 0", "return 8")


def test_an_empty_replacement_deletes():
    reply = "<<<<<<< SEARCH\nimport math\n\n=======\n>>>>>>> REPLACE"
    assert edited(apply_diff(reply, PARENT)).source == PARENT.removeprefix("import math\n\n")


def test_fences_inside_a_block_are_no_part_of_it():
    reply = block("```python\n    return 0\n```", "```python\n    return 7\n```")
    assert edited(apply_diff(reply, PARENT)).source == PARENT.replace("return 0", "return 7")


def test_trailing_blanks_and_carriage_returns_do_not_matter():
    reply = block("    return 0   ", "    return 7").replace("\n", "\r\n")
    assert edited(apply_diff(reply, PARENT)).source == PARENT.replace("return 0", "return 7")


def test_a_parent_with_carriage_returns_takes_a_block_without():
    result = edited(apply_diff(block("    return 0", "    return 7"), PARENT.replace("\n", "\r\n")))
    assert result.source == PARENT.replace("return 0", "return 7")


def test_a_wrong_indentation_is_set_right_when_the_place_is_clear():
    reply = block("if x:\n    y = x + 1\n    return y", "if x > 2:\n    z = x\n\n    return z")
    wanted = "    if x > 2:\n        z = x\n\n        return z\n"
    assert wanted in edited(apply_diff(reply, PARENT)).source


def test_too_deep_an_indentation_is_set_right_too():
    reply = block("            return -y", "            return y")
    assert edited(apply_diff(reply, PARENT)).source == PARENT.replace("return -y", "return y")


def test_blank_lines_around_the_search_do_not_matter():
    assert (
        edited(apply_diff(block("\n\n    return 0\n\n\n\n", "\n    return 7"), PARENT)).source.count(
            "return 7"
        )
        == 1
    )


def test_an_exact_match_wins_over_an_indented_one():
    result = edited(apply_diff(block("    y = x + 1", "    y = x + 2"), PARENT))
    assert result.source == PARENT.replace("\n    y = x + 1\n    return -y", "\n    y = x + 2\n    return -y")


def test_an_ambiguous_search_is_refused_with_its_places():
    twice = PARENT + PARENT
    reason = refused(apply_diff(block("    return 0", "    return 7"), twice), RefusalKind.EDIT)
    assert reason == "block 1: its search text is found 2 times, at lines 10, 25"


def test_a_search_that_is_nowhere_is_refused_with_the_nearest_line():
    reply = block("    return 0", "    return 7") + block("    return 77", "    return 8")
    reason = refused(apply_diff(reply, PARENT), RefusalKind.EDIT)
    assert reason.startswith(
        "block 2: its search text is not in the parent; the nearest is line 10: 'return 7'"
    )


def test_a_search_like_nothing_is_refused_without_a_nearest_line():
    reason = refused(apply_diff(block("@@@@@@@@@@@@", "x"), PARENT), RefusalKind.EDIT)
    assert reason == "block 1: its search text is not in the parent"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("I would rather not.", "holds no SEARCH/REPLACE block"),
        (block("", "x = 1"), "block 1 has an empty search text"),
        ("<<<<<<< SEARCH\n    return 0\n", "block 1 is cut off: it has no ======= line"),
        (block("    return 0", "    return 7")[:-16], "block 1 is cut off: it has no >>>>>>> REPLACE line"),
        ("<<<<<<< SEARCH\na\n" + block("a", "b"), "block 1 has no REPLACE line before"),
        (block("    return 0", "    # ... rest of the code unchanged ..."), "leaves code out: line 10"),
    ],
)
def test_a_reply_without_a_whole_edit_is_refused(reply, words):
    assert words in refused(apply_diff(reply, PARENT), RefusalKind.REPLY)


def test_an_edit_that_changes_nothing_is_refused_with_its_hypothesis():
    result = apply_diff("Hypothesis: hm\n" + block("    return 0", "    return 0  "), PARENT)
    assert refused(result, RefusalKind.UNCHANGED) == "the edit changes nothing"
    assert result.hypothesis == "hm"


LINES = st.lists(
    st.sampled_from(["a", "b", "c", "    a", "", " ", "c  ", "# x", "def f():"]), min_size=1, max_size=12
)


@given(LINES, LINES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_blocks_made_from_two_texts_give_exactly_the_second(before, after):
    """Each change becomes one block, last first, with as much text around it as makes it unique."""
    first, second = "\n".join(before), "\n".join(after)
    lines, reply = list(before), ""
    for _, i1, i2, j1, j2 in reversed(difflib.SequenceMatcher(None, before, after).get_opcodes()):
        if lines[i1:i2] == after[j1:j2]:
            continue
        tail = len(lines) - i2
        margin = 0
        while True:
            start, stop = max(0, i1 - margin), min(len(lines), i2 + margin)
            search = lines[start:stop]
            places = [k for k in range(len(lines)) if lines[k : k + len(search)] == search]
            if any(map(str.strip, search)) and len(places) == 1:
                break
            if start == 0 and stop == len(lines):
                return  # nothing to hold on to: the text is blank
            margin += 1
        replace = lines[start:i1] + after[j1:j2] + lines[i2:stop]
        reply += "<<<<<<< SEARCH\n" + "".join(f"{line}\n" for line in search)
        reply += "=======\n" + "".join(f"{line}\n" for line in replace) + ">>>>>>> REPLACE\n"
        lines[i1 : len(lines) - tail] = after[j1:j2]
    result = apply_diff(reply, first)
    if isinstance(result, NoEdit):
        same = [line.rstrip() for line in first.rstrip().split("\n")]
        assert result.kind in (RefusalKind.UNCHANGED, RefusalKind.REPLY)
        assert not reply or same == [line.rstrip() for line in second.rstrip().split("\n")]
    else:
        assert result.source == second


@given(
    st.text()
    | st.lists(st.sampled_from(["<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "```", "x", ""])).map(
        "\n".join
    )
)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_whatever_a_model_writes_the_answer_is_a_value(reply):
    for apply in (apply_diff, apply_whole, apply_choice):
        assert isinstance(apply(reply, PARENT), Edited | NoEdit)
    assert isinstance(apply_mix(reply, PARENT, PARENT), Edited | NoEdit)


# The hypothesis


@pytest.mark.parametrize(
    ("reply", "hypothesis"),
    [
        ("Hypothesis: warm up longer", "warm up longer"),
        ("text\n**Hypothesis:** warm up\tlonger\nmore", "warm up longer"),
        ("## hypothesis : *warm up longer*", "warm up longer"),
        ("Hypothesis: ...", ""),
        ("no such line", ""),
        ("Hypothesis: \x1b[31mred\x07", "[31mred"),
    ],
)
def test_the_hypothesis_is_one_clean_line(reply, hypothesis):
    assert stated_hypothesis(reply) == hypothesis


def test_a_long_hypothesis_is_cut():
    assert len(stated_hypothesis("Hypothesis: " + "word " * 200)) == HYPOTHESIS_LENGTH


def test_a_missing_hypothesis_becomes_a_description_of_the_edit():
    reply = block("    y = x + 1\n    return -y", "    return -x")
    assert edited(apply_diff(reply, PARENT)).hypothesis == "changes 2 lines near `g`"


# Whole files


def test_the_largest_python_fence_is_the_file():
    child = PARENT.replace("return 0", "return 7")
    reply = (
        f"Hypothesis: seven\n```text\n{PARENT * 3}```\n```python\nx = 1\n```\n```python\n{child}```\nDone."
    )
    result = edited(apply_whole(reply, PARENT))
    assert (result.source, result.hypothesis) == (child, "seven")


def test_a_reply_that_is_a_program_needs_no_fence():
    child = PARENT.replace("return 0", "return 7")
    assert edited(apply_whole(child, PARENT)).source == child


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (f"```python\n{PARENT}\nx = 1\n", RefusalKind.REPLY, "cut off"),
        ("no", RefusalKind.REPLY, "no Python code fence"),
        (f"```python\n{PARENT}\n```", RefusalKind.UNCHANGED, "changes nothing"),
        ("```python\nx = 1\n# ... existing code ...\n```", RefusalKind.REPLY, "line 2"),
    ],
)
def test_a_reply_without_a_whole_new_file_is_refused(reply, kind, words):
    assert words in refused(apply_whole(reply, PARENT), kind)


# JSON


def choice(tunable="DEPTH", value=6, hypothesis="deeper"):
    return json.dumps({"tunable": tunable, "value": value, "hypothesis": hypothesis})


def test_a_choice_sets_one_tunable(source):
    result = edited(apply_choice(choice(), source))
    assert result.source == source.replace("DEPTH = 4 ", "DEPTH = 6 ")
    assert result.hypothesis == "DEPTH 4 -> 6: deeper"


@pytest.mark.parametrize(
    "reply",
    [
        f"```json\n{choice()}\n```",
        f"I say {{}}: {choice()} because",
        choice(value=6.2),
        choice(value="6"),
        choice().replace("deeper", "dee\x01\n\tper"),
    ],
)
def test_a_choice_may_be_written_in_several_ways(source, reply):
    assert "DEPTH = 6" in edited(apply_choice(reply, source)).source


def test_a_word_may_be_chosen(source):
    result = edited(apply_choice(choice("ACTIVATION", "gelu", ""), source))
    assert 'ACTIVATION = "gelu"' in result.source
    assert result.hypothesis == "ACTIVATION relu2 -> gelu"


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        ('{"tunable": "DEPTH", "val', RefusalKind.REPLY, "no complete JSON object"),
        ("[1, 2]", RefusalKind.REPLY, "no complete JSON object"),
        (choice("DEPHT"), RefusalKind.EDIT, "no tunable is named 'DEPHT'; known: LEARNING_RATE, DEPTH"),
        (choice(value=40), RefusalKind.EDIT, "DEPTH = 40 is not in its range, whole numbers 2 to 12"),
        (choice(value=None), RefusalKind.EDIT, "DEPTH = nothing is not in its range"),
        (choice(value=True), RefusalKind.EDIT, "DEPTH = True is not in its range"),
        (choice(value=float("nan")), RefusalKind.EDIT, "DEPTH = nan is not in its range"),
        (choice("LEARNING_RATE", 2), RefusalKind.EDIT, "0.0001 to 0.1 (log scale)"),
        (
            choice("ACTIVATION", "tanh"),
            RefusalKind.EDIT,
            "'tanh' is not in its range, one of relu2, gelu, silu",
        ),
        (choice(value=4), RefusalKind.UNCHANGED, "DEPTH is 4 already"),
        (choice("LEARNING_RATE", 0.003), RefusalKind.UNCHANGED, "LEARNING_RATE is 0.003 already"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(source, reply, kind, words):
    assert words in refused(apply_choice(reply, source), kind)


def test_a_mix_takes_the_second_parents_values_where_the_reply_says_b(source):
    second = source.replace("DEPTH = 4", "DEPTH = 6").replace("3e-3", "1e-2").replace("0.9 ", "0.8 ")
    reply = json.dumps({"LEARNING_RATE": "a", "DEPTH": "b", "MOMENTUM": "b", "hypothesis": "both"})
    result = edited(apply_mix(reply, source, second))
    assert result.source == source.replace("DEPTH = 4", "DEPTH = 6").replace("0.9 ", "0.8 ")
    assert result.hypothesis == "DEPTH 4 -> 6, MOMENTUM 0.9 -> 0.8: both"


@pytest.mark.parametrize(("side", "words"), [("a", "takes no value"), ("b", "is its second parent")])
def test_a_mix_that_is_one_of_its_parents_is_refused(source, side, words):
    second = source.replace("DEPTH = 4", "DEPTH = 6")
    assert words in refused(apply_mix(json.dumps({"DEPTH": side}), source, second), RefusalKind.UNCHANGED)
