from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from population.statements import changes, statements
from population.tracing import setters, steps_of

lines = st.lists(st.sampled_from([f"x{i} = {i}\n" for i in range(6)]), max_size=8)


def traced(*sources):
    way = [statements(source) for source in sources]
    spans = changes(way[0], way[-1])
    return [sorted(steps) for steps in steps_of(way, spans)]


def test_a_change_stems_from_the_step_that_made_it():
    first = "a = 1\nb = 2\nc = 3\n"
    second = first.replace("a = 1", "a = 10")
    third = second.replace("c = 3\n", "")
    assert traced(first, second, third) == [[1], [2]]


def test_a_change_that_several_steps_made_names_them_all_but_not_those_that_were_undone():
    first = "f(1)\nb = 2\n"
    second = "f(2)\nb = 2\n"
    third = "f(3)\nb = 2\nd = 4\n"
    fourth = "f(3)\nb = 2\n"
    assert traced(first, second, third, fourth) == [[1, 2]]
    assert traced(first, second, third, fourth, fourth.replace("f(3)", "f(4)")) == [[1, 2, 4]]
    assert traced(first, second, first) == []


def test_a_step_that_only_renames_a_comment_made_nothing():
    first = "a = 1\n"
    assert traced(first, "# why\na = 1\n", "# why\na = 2\n") == [[2]]


@given(st.lists(lines.map("".join), min_size=2, max_size=5))
def test_steps_are_among_those_of_the_way(way):
    for steps in traced(*way):
        assert set(steps) <= set(range(1, len(way)))
    if len(way) == 2:
        assert all(steps == [1] for steps in traced(*way))


def test_a_value_stems_from_the_last_step_that_set_it():
    way = [{"A": 1, "B": 1}, {"A": 2, "B": 1}, {"A": 2, "B": 1, "C": 5}, {"A": 2, "B": 3, "C": 5}]
    assert setters(way) == {"A": 1, "B": 3, "C": 2}
    assert setters([*way, {"A": 1}]) == {"A": 4}
    assert setters(way[:1]) == {"A": 0, "B": 0}
