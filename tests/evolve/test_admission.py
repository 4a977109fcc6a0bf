from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.admission import LONGEST, examine, mark
from population.variant import FailureKind

SOURCE = "LR = 3e-3  # tune: log 1e-4..1e-1\n\n\ndef train(burst):\n    return LR\n"


def test_a_sound_source_is_admitted() -> None:
    assert examine(SOURCE, "train") is None


@pytest.mark.parametrize(
    "definition",
    ["def train(burst):", "def train(burst, depth=4):", "def train(*given):", "def train(burst, /, *, n=1):"],
)
def test_train_takes_one_argument_however_it_is_written(definition: str) -> None:
    assert examine(f"{definition}\n    pass\n", "train") is None


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def train():\n    pass\n",
        "def train(burst, depth):\n    pass\n",
        "async def train(burst):\n    pass\n",
        "class Model:\n    def train(self):\n        pass\n",
        "if True:\n    def train(burst):\n        pass\n",
        "train = print\n",
    ],
)
def test_a_source_without_the_entry_at_top_level_breaks_the_contract(source: str) -> None:
    failure = examine(source, "train")
    assert failure is not None
    assert failure.kind is FailureKind.CONTRACT
    assert failure.message == "it defines no function train(burst) at top level"


def test_of_two_definitions_the_last_one_counts() -> None:
    good, bad = "def train(burst):\n    pass\n", "def train(one, two):\n    pass\n"
    assert examine(bad + good, "train") is None
    assert examine(good + bad, "train") is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\ndef train(burst:\n", "line 2: "),
        ("def train(burst):\n    pass\nreturn 1\n", "line 3: 'return' outside function"),
        ("x = '\0'\n", "null bytes"),
        ("x = '\udc80'\n", "surrogates not allowed"),
        ("x = " + "(" * 5000 + ")" * 5000, "too many nested parentheses"),
    ],
)
def test_what_is_no_python_is_told_with_its_line_where_there_is_one(source: str, message: str) -> None:
    failure = examine(source, "train")
    assert failure is not None
    assert failure.kind is FailureKind.SYNTAX
    assert message in failure.message


def test_a_tune_comment_that_cannot_be_read_breaks_the_contract_with_its_line() -> None:
    failure = examine(SOURCE.replace("log 1e-4..1e-1", "lots"), "train")
    assert failure is not None
    assert failure.kind is FailureKind.CONTRACT
    assert failure.message.startswith("line 1: cannot read `# tune: lots` of LR")


def test_the_longest_source_is_admitted_and_a_byte_more_is_not() -> None:
    room = LONGEST - len(SOURCE.encode())
    assert examine(SOURCE + "#" * room, "train") is None
    failure = examine(SOURCE + "#" * (room + 1), "train")
    assert failure is not None
    assert failure.kind is FailureKind.CONTRACT


@given(st.text() | st.text(alphabet="()[]{}:=#tune. \n\t'\"\\0aå\udc80"))
def test_whatever_text_it_is_a_judgement_comes_back_and_no_exception(text: str) -> None:
    failure = examine(text, "train")
    assert failure is not None
    assert failure.message


def test_programs_that_do_the_same_have_one_mark() -> None:
    same = SOURCE.replace("3e-3", "0.003").replace("def", "# the entry\ndef")
    assert mark(same) == mark(SOURCE)
    assert mark(SOURCE.replace("3e-3", "4e-3")) != mark(SOURCE)


def test_texts_that_are_no_programs_are_told_apart_by_every_letter() -> None:
    assert mark("def (") == mark("def (")
    assert mark("def (") != mark("def ( ")
    assert mark("def (").startswith("text:")
