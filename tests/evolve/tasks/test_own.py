"""Tasks of one's own: loaded, refused, asked and scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from evolve.bursts import wire
from evolve.errors import InputError
from evolve.tasks.own import KINDS, OwnTask, Query, unpacked
from evolve.tasks.task import Unfit
from population.variant import Direction, FailureKind

TASK = """\
import numpy as np
from evolve.tasks import Query, Task

class Sums(Task):
    metric, direction, entry = "error", "minimize", "solve"
    def describe(self):
        return "Add up."
    def shown(self):
        return {"pairs": np.arange(6.0).reshape(3, 2)}
    def queries(self):
        return [Query((), "float64", {"a": np.array([n, 1.0])}) for n in range(4)]
    def score(self, answers):
        if answers[0] < 0:
            raise ValueError("a sum below zero")
        return sum(abs(float(answer) - n - 1.0) for n, answer in enumerate(answers))
"""
shapes = arrays.array_shapes(min_dims=0, max_dims=3, max_side=4)


def loaded(tmp_path: Path, text: str = TASK, name: str = "") -> OwnTask:
    (tmp_path / "task.py").write_text(text)
    return OwnTask.load(f"{tmp_path / 'task.py'}{name}")


def test_it_says_what_the_class_says(tmp_path: Path) -> None:
    task = loaded(tmp_path)
    assert (task.metric, task.direction, task.entry) == ("error", Direction.MINIMIZE, "solve")
    assert "Add up.\nMetric: error. Lower is better." in task.describe()
    assert "def solve(burst)" in task.describe()
    assert "pairs (3, 2)" in task.describe()
    assert task.held_out() == (tmp_path / "task.py",)
    (pairs,) = unpacked(task.train_bytes().tobytes()).values()
    assert np.array_equal(pairs, np.arange(6.0).reshape(3, 2))


def test_it_is_rebuilt_from_its_spec_and_only_while_it_is_the_same(tmp_path: Path) -> None:
    task = loaded(tmp_path)
    assert OwnTask.from_spec(task.to_spec()).digest == task.digest
    loaded(tmp_path, TASK.replace("range(4)", "range(5)"))
    with pytest.raises(InputError, match="has changed since the run was started"):
        OwnTask.from_spec(task.to_spec())


def added(query: Query) -> NDArray[Any]:
    return np.asarray(np.asarray(query.inputs["a"]).sum())


def test_answers_are_scored_in_the_order_of_the_queries_whatever_the_order_of_asking(tmp_path: Path) -> None:
    task = loaded(tmp_path)
    asked: list[float] = []

    def ask(query: Query) -> NDArray[Any]:
        asked.append(float(query.inputs["a"][0]))
        return added(query)

    assert task.score(ask, np.random.default_rng(3)) == 0.0
    assert sorted(asked[:4]) == [0.0, 1.0, 2.0, 3.0] != asked[:4]
    assert asked[4] == asked[0]


def test_another_answer_the_second_time_is_told(tmp_path: Path) -> None:
    drawn = iter(range(99))
    with pytest.raises(Unfit) as told:
        loaded(tmp_path).score(lambda _: np.asarray(float(next(drawn))), np.random.default_rng(0))
    assert told.value.kind is FailureKind.STATEFUL


@pytest.mark.parametrize(
    ("answer", "kind"), [(float("nan"), FailureKind.NONFINITE), (-1.0, FailureKind.CONTRACT)]
)
def test_an_answer_that_breaks_a_rule_is_told(tmp_path: Path, answer: float, kind: FailureKind) -> None:
    with pytest.raises(Unfit) as told:
        loaded(tmp_path).score(lambda _: np.asarray(answer), np.random.default_rng(0))
    assert told.value.kind is kind


TWO = TASK + "\nclass More(Sums):\n    pass\n"
WRONG = {
    "no class": ("x = 1\n", "", "it defines no classes made from evolve.tasks.Task; it has none"),
    "two classes": (TWO, "", "it defines 2 classes made from evolve.tasks.Task; it has Sums, More"),
    "another class": (TASK, ":Other", "it defines no class Other made from evolve.tasks.Task; it has Sums"),
    "no Python": ("class (", "", "SyntaxError"),
    "a module that is not there": ("import nowhere\n", "", "ModuleNotFoundError: No module named 'nowhere'"),
    "a strange direction": (TASK.replace('"minimize"', '"down"'), "", "direction = 'down'; write minimize"),
    "a strange entry": (TASK.replace('"solve"', '"my solve"'), "", "entry = 'my solve' is no name"),
    "no name of the score": (TASK.replace('"error"', '""'), "", "metric = ''; name the score"),
    "no queries": (TASK.replace("range(4)", "range(0)"), "", "it asks nothing"),
    "a kind that is none": (TASK.replace('"float64", {', '"object", {'), "", "an answer of kind 'object'"),
    "inputs that are no numbers": (
        TASK.replace("[n, 1.0]", "['a']"),
        "",
        "input a is <U1; it may be",
    ),
    "an answer too large": (TASK.replace("Query(()", "Query((1 << 30,)"), "", "is too large"),
    "data that fail": (TASK.replace("np.arange(6.0)", "np.nothing(6.0)"), "", "AttributeError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path, case: str) -> None:
    text, name, reason = WRONG[case]
    with pytest.raises(InputError) as told:
        loaded(tmp_path, text, name)
    assert reason in str(told.value)
    assert str(tmp_path / "task.py") in str(told.value)
    assert "\n" not in str(told.value)


def test_one_of_two_classes_can_be_named(tmp_path: Path) -> None:
    assert loaded(tmp_path, TWO, ":More").kind == "More"


# The frames


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "images"]),
        st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, shapes)),
    ),
    st.sampled_from(KINDS),
    shapes,
)
def test_a_question_is_read_back_as_it_was_asked(
    inputs: dict[str, NDArray[Any]], kind: str, shape: tuple[int, ...]
) -> None:
    found, kind_back, shape_back = wire.unpack_question(bytearray(wire.pack_question(inputs, kind, shape)))
    assert (kind_back, shape_back, found.keys()) == (kind, shape, inputs.keys())
    for name, array in inputs.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array, equal_nan=array.dtype.kind == "f")


@given(st.sampled_from(KINDS), shapes, st.binary(max_size=64))
def test_an_answer_has_exactly_the_size_that_was_asked_for(
    kind: str, shape: tuple[int, ...], sent: bytes
) -> None:
    if len(sent) == wire.array_limit(kind, shape):
        assert wire.unpack_array(bytearray(sent), kind, shape).shape == shape
    else:
        with pytest.raises(wire.Malformed):
            wire.unpack_array(bytearray(sent), kind, shape)
