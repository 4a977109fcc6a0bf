from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from population.edit import Edit, edit, lines, marks, places

PARENT = '''"""A program."""
RATE = 0.003  # tune: log 1e-4..1e-1


class Block:
    """One layer."""

    def forward(self, x):
        y = norm(x)
        return x + self.mlp(y)


def train(burst):
    for step in range(10):
        model(step)
    return model
'''
OTHER = PARENT.replace("range(10)", "range(20)").replace("RATE = 0.003", "RATE = 0.01") + "\nDEPTH = 3\n"


def changed(parent: str, old: str, new: str) -> str:
    assert old in parent
    return parent.replace(old, new)


def made(parent: str, child: str) -> Edit:
    found = edit(parent, child)
    assert found is not None
    return found


def scaled(parent: str, factor: str = "0.5") -> Edit:
    return made(parent, changed(parent, "x + self.mlp(y)", f"x + {factor} * self.mlp(y)"))


def test_comments_blanks_docstrings_and_line_breaks_are_no_edit() -> None:
    child = PARENT.replace("y = norm(x)", "y = norm(\n            x\n        )  # why").replace(
        "One layer", "A"
    )
    assert edit(PARENT, child.replace("0.003", "3e-3")) is None
    assert edit(PARENT, child.replace("\n", "\r\n")) is None


def test_the_same_edit_of_another_parent_has_the_same_signature() -> None:
    assert scaled(OTHER) == scaled(PARENT)
    assert scaled(PARENT).places == ("Block.forward",)


def test_with_other_numbers_the_loose_signature_alone_is_the_same() -> None:
    one, two = scaled(PARENT), scaled(PARENT, "0.25")
    assert one.exact != two.exact
    assert one.loose == two.loose != ""


def test_an_edit_of_nothing_but_numbers_has_no_loose_signature() -> None:
    assert made(PARENT, changed(PARENT, "RATE = 0.003", "RATE = 0.004")).loose == ""


def test_numbers_that_change_beside_an_idea_do_not_count_for_its_loose_signature() -> None:
    child = changed(PARENT, "x + self.mlp(y)", "x + 0.5 * self.mlp(y)")
    assert made(PARENT, changed(child, "range(10)", "range(12)")).loose == scaled(PARENT).loose


def test_the_same_line_in_another_definition_is_another_edit() -> None:
    one = made(PARENT, changed(PARENT, "    y = norm(x)\n", "    y = norm(x)\n        check(x, y)\n"))
    two = made(PARENT, changed(PARENT, "    model(step)\n", "    model(step)\n        check(x, y)\n"))
    assert one.exact != two.exact


def test_what_an_edit_removes_is_known_again_when_it_comes_back() -> None:
    child = changed(PARENT, "        y = norm(x)\n", "        y = x\n")
    there, back = made(PARENT, child), made(child, PARENT)
    assert there.removed == back.added
    assert there.added == back.removed


def test_what_is_written_of_an_edit_is_read_again_but_for_the_lines_added() -> None:
    one = scaled(PARENT)
    read = Edit.read(one.written())
    assert (read.exact, read.loose, read.removed, read.places) == (
        one.exact,
        one.loose,
        one.removed,
        one.places,
    )
    assert read.added == b""


def test_the_places_of_a_program_are_its_definitions() -> None:
    assert places(PARENT) == ["", "Block", "Block.forward", "train"]
    assert [line.text for line in lines("x = [1,\n  2]  # two\n")] == ["x = [ 1 , 2 ]"]


@pytest.mark.parametrize(
    "text", ["def f(:\n  (((\nclass X:\n  y = 1\n", '"""', "x = '", "\\\n", "0x", "1e", "\udc00"]
)
def test_what_is_no_python_has_a_signature_too(text: str) -> None:
    assert edit(text, text) is None
    made(text, text + "\nz = f(x, y)\n")


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared_and_the_way_back_is_the_reverse(one: str, two: str) -> None:
    there, back = edit(one, two), edit(two, one)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert marks(there.removed) <= marks(back.added)
        assert Edit.read(there.written()).exact == there.exact


_LINES = st.lists(
    st.sampled_from(["a = b + c", "b = f(a)", "c = g(1, 2)", "d = h(3)", "return a"]), max_size=8
)


@given(_LINES, _LINES, st.integers(0, 8))
def test_where_in_its_definition_a_line_is_added_does_not_matter(
    body: list[str], more: list[str], at: int
) -> None:
    def program(lines: list[str]) -> str:
        return "def train(burst):\n" + "".join(f"    {line}\n" for line in [*lines, "pass"])

    parent = program(body)
    assert edit(parent, program([*body, *more])) == edit(parent, program([*body[:at], *more, *body[at:]]))
