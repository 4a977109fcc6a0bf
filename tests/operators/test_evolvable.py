"""EVOLVE-BLOCK marks limit what may change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operators.evolvable import fixed, keeps

lines = st.lists(st.sampled_from(["a = 1", "b = 2", "", "    return a"]), max_size=5)


def program(*parts: list[str]) -> str:
    """Write a program whose every second part stands in a block."""
    marked = [
        ["# EVOLVE-BLOCK-START", *part, "# EVOLVE-BLOCK-END"] if number % 2 else part
        for number, part in enumerate(parts)
    ]
    return "".join(f"{line}\n" for part in marked for line in part)


@given(lines, lines, lines, lines)
def test_what_stands_in_a_block_may_change(
    head: list[str], one: list[str], other: list[str], tail: list[str]
) -> None:
    assert keeps(program(head, one, tail), program(head, other, tail))


@given(lines, lines, lines, lines)
def test_nothing_else_may(head: list[str], inside: list[str], other: list[str], tail: list[str]) -> None:
    assert keeps(program(other, inside, tail), program(head, inside, tail)) == (other == head)
    assert keeps(program(head, inside, other), program(head, inside, tail)) == (other == tail)


@given(lines, lines)
def test_without_marks_everything_may(one: list[str], other: list[str]) -> None:
    assert fixed("\n".join(one)) is None
    assert keeps("\n".join(other), "\n".join(one))


def test_marks_may_not_be_taken_out_or_moved() -> None:
    parent = program(["x"], ["a = 1", "b = 2"], ["y"])
    assert not keeps("x\na = 1\nb = 2\ny\n", parent)
    assert not keeps("# EVOLVE-BLOCK-START\nx\na = 1\nb = 2\n# EVOLVE-BLOCK-END\ny\n", parent)
    assert not keeps(parent.replace("# EVOLVE-BLOCK-END\n", ""), parent)


def test_two_blocks_are_two() -> None:
    parent = program(["x"], ["a"], ["y"], ["b"], ["z"])
    assert keeps(program(["x"], ["c"], ["y"], [], ["z"]), parent)
    assert not keeps(program(["x"], ["a", "y", "b"], ["z"]), parent)


def test_line_ends_and_blanks_at_them_do_not_count() -> None:
    parent = program(["x = 1"], ["a"], ["y"])
    assert keeps(parent.replace("\n", "\r\n").replace("x = 1", "x = 1  "), parent)
