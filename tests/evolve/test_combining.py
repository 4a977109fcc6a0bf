from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evolve.combining import UNCHANGED, combined
from population.surrogate import Array, Rows

WORDS = 6
BASE = Rows(np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]), np.array([[0.5, math.nan]]))


def adding(*words: int) -> tuple[Rows, Array]:
    """Return ideas that each put in one word, and what they find before."""
    lines = np.full((len(words), WORDS), math.nan)
    lines[range(len(words)), words] = 1.0
    return Rows(lines, np.full((len(words), 2), UNCHANGED)), np.where(np.isnan(lines), math.nan, 0.0)


def few(rows: Rows) -> Array:
    """Promise the more, the fewer words there are."""
    return -rows.lines.sum(axis=1)


def test_single_ideas_come_first_then_what_is_made_of_the_best() -> None:
    ideas, before = adding(1, 2, 3)
    found = combined(BASE, ideas, before, few, 3)
    assert found.ideas[:3] == ((0,), (1,), (2,))
    assert {tuple(sorted(one)) for one in found.ideas} == {
        one for n in (1, 2, 3) for one in itertools.combinations(range(3), n)
    }
    assert found.rows.lines[[{*one} for one in found.ideas].index({0, 2})].tolist() == [1, 1, 0, 1, 0, 0]


def test_an_idea_that_changes_nothing_is_left_out() -> None:
    ideas, before = adding(0, 1)
    before[0, 0] = 1.0
    assert combined(BASE, ideas, before, few, 3).ideas == ((1,),)


def test_an_idea_that_does_not_find_what_it_changes_is_in_conflict() -> None:
    ideas, before = adding(1, 2)
    ideas.lines[:, 0], before[:, 0] = 0.0, 1.0  # both take the same word away
    assert combined(BASE, ideas, before, few, 3).ideas == ((0,), (1,))


def test_of_ideas_that_were_never_run_one_at_most_is_taken() -> None:
    ideas, before = adding(1, 2, 3)
    found = combined(BASE, ideas, before, few, 3, untried={0, 1}).ideas
    assert {frozenset(one) for one in found} >= {frozenset({0, 2}), frozenset({1, 2})}
    assert not any({0, 1} <= {*one} for one in found)


def test_a_number_is_set_or_taken_away() -> None:
    numbers = np.array([[0.9, UNCHANGED], [math.nan, UNCHANGED], [UNCHANGED, math.nan]])
    nothing = np.full((3, WORDS), math.nan)
    found = combined(BASE, Rows(nothing, numbers), nothing, few, 1)
    assert found.ideas == ((0,), (1,))
    assert found.rows.numbers[0].tolist()[0] == 0.9
    assert math.isnan(found.rows.numbers[1, 0])


@given(
    arrays.arrays(float, (8, WORDS), elements=st.sampled_from([math.nan, 0.0, 1.0])),
    st.sets(st.integers(0, 7)),
)
def test_whatever_the_ideas_a_combination_is_what_it_is_made_of(lines: Array, untried: set[int]) -> None:
    ideas = Rows(lines, np.full((8, 2), UNCHANGED))
    before = np.where(np.isnan(lines), math.nan, 1.0 - lines)
    found = combined(BASE, ideas, before, few, 3, untried)
    assert (
        len({*map(frozenset, found.ideas)}) == len(found.ideas) == len(found.promise) == len(found.rows.lines)
    )
    for places, row in zip(found.ideas, found.rows.lines, strict=True):
        assert len({*places}) == len(places)
        assert len(untried & {*places}) <= 1
        expected = BASE.lines[0].copy()
        for at in places:
            expected = np.where(np.isnan(lines[at]), expected, lines[at])
        assert row.tolist() == expected.tolist()
