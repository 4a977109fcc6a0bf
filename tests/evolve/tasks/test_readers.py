"""Scores are read where a program's author says that they are, and nowhere else."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.tasks.readers import (
    Document,
    Found,
    Left,
    Line,
    Pattern,
    Reader,
    ReaderError,
    Unread,
    reader_of,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(numbers, min_size=1), st.text(alphabet="abc \n:", max_size=30))
def test_the_last_match_counts_whatever_is_printed_around_it(values: list[float], between: str) -> None:
    output = "\n".join(f"{between}\nval_loss: {value!r}" for value in values) + f"\n{between}"
    assert Pattern(r"^val_loss: (\S+)$").read(Left(output), ()) == Found(values[-1])


@given(numbers, numbers)
def test_what_is_written_as_json_is_read_back(score: float, other: float) -> None:
    text = json.dumps({"end": {"loss": score}, "mb": other})
    for reader, left in (
        (Line("end.loss"), Left(f'{{"end": 1}}\n{text}\nbye\n')),
        (Document("out.json", "end.loss"), Left("", text)),
    ):
        assert reader.read(left, ("mb", "gone")) == Found(score, {"mb": other})


@given(st.text(max_size=200), st.none() | st.text(max_size=200))
def test_nothing_that_a_program_leaves_is_more_than_unread(output: str, document: str | None) -> None:
    readers: tuple[Reader, ...] = (Pattern("loss: (.*)"), Line("loss"), Document("x", "loss"))
    for reader in readers:
        with contextlib.suppress(Unread):
            assert isinstance(reader.read(Left(output, document), ("mb",)).score, float)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (r"^val_bpb:\s*([0-9.]+)", "val_bpb"),
        ("loss = (.*)", "loss"),
        (r"final test/acc: (\d+)", "test/acc"),
        ("(.*)", "score"),
        (r"\s+(\d)", "score"),
    ],
)
def test_a_score_is_called_by_the_last_word_before_its_group(text: str, name: str) -> None:
    assert Pattern(text).name == name


def test_further_numbers_are_taken_from_what_is_printed_by_their_whole_names() -> None:
    output = "mb: 1\npeak_mb: 3\nmb = 2e3\nmb: lots\nloss: 0.5\n"
    assert Pattern("loss: (.*)").read(Left(output), ("mb", "peak")).also == {"mb": 2000.0}


@pytest.mark.parametrize(
    ("reader", "left", "reason"),
    [
        (Pattern("loss: (.*)"), Left("none"), "nothing that it printed matches 'loss: (.*)'"),
        (Pattern("loss: (.*)"), Left("loss: big"), "loss is 'big', no number"),
        (Line("loss"), Left("[1]\n{oops"), "no line that it printed is a JSON object"),
        (Line("loss"), Left('{"acc": 1}'), "there is no 'loss' in the last JSON line, which has 'acc'"),
        (Line("loss"), Left('{"loss": "0.5"}'), "'loss' in the last JSON line is \"0.5\", no number"),
        (Line("loss"), Left('{"loss": true}'), "is true, no number"),
        (Document("o.json", "loss"), Left(""), "it wrote no file o.json"),
        (Document("o.json", "loss"), Left("", "[1, 2]"), "o.json holds no JSON object"),
        (Document("o.json", "a.b"), Left("", '{"a": 1}'), "there is no 'a.b' in o.json"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(reader: Reader, left: Left, reason: str) -> None:
    with pytest.raises(Unread) as told:
        reader.read(left, ())
    assert reason in str(told.value)


def test_a_score_that_is_no_finite_number_is_read_as_what_it_is() -> None:
    assert math.isnan(Pattern("loss: (.*)").read(Left("loss: nan"), ()).score)


@pytest.mark.parametrize(
    ("given_", "reader"),
    [
        (("loss: (.*)", None, None), Pattern("loss: (.*)")),
        ((None, "out.json:a.b", None), Document("out.json", "a.b")),
        ((None, "out.json", None), Document("out.json", "score")),
        ((None, None, "loss"), Line("loss")),
    ],
)
def test_one_way_is_given(given_: tuple[str | None, str | None, str | None], reader: Reader) -> None:
    assert reader_of(*given_) == reader


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ((None, None, None), "give one of --metric REGEX, --metric-file FILE:KEY and --metric-line KEY"),
        (("a (.)", None, "b"), "not 2: a score is read in one way"),
        (("(", None, None), "is no regular expression"),
        (("abc", None, None), "has no group"),
        (("(a)(b)", None, None), "has 2 groups"),
        ((None, "../x:y", None), "in the program's own folder"),
        ((None, "~/x:y", None), "in the program's own folder"),
        ((None, ":y", None), "in the program's own folder"),
    ],
)
def test_a_way_that_cannot_be_used_is_told(
    given_: tuple[str | None, str | None, str | None], reason: str
) -> None:
    with pytest.raises(ReaderError) as told:
        reader_of(*given_)
    assert reason in str(told.value)


def test_an_expression_that_takes_for_ever_is_given_up() -> None:
    with pytest.raises(Unread, match="takes over 3 s on what it printed"):
        Pattern(r"loss: ((?:[0-9]|[0-9][0-9])+)$").read(Left(f"loss: {'1' * 60}x\n"), ())


def test_a_whole_number_that_no_float_holds_is_no_number() -> None:
    huge = f'{{"loss": 1, "mb": 1{"0" * 400}}}'
    assert Line("loss").read(Left(huge), ("mb",)) == Found(1.0)
    with pytest.raises(Unread, match="no number"):
        Line("mb").read(Left(huge), ())


def test_why_a_file_is_not_there_is_passed_on() -> None:
    with pytest.raises(Unread, match=r"o\.json is no plain file"):
        Document("o.json", "loss").read(Left("", None, "o.json is no plain file"), ())
