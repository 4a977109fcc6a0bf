from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.ranking import Ranking, number_of

quickly = settings(max_examples=80, deadline=None)
keys = st.integers(-2, 2).map(float) | st.floats(-3, 3) | st.sampled_from([math.inf, -0.0])
ids = st.integers(0, 15).map("v{}".format)
changes = st.lists(st.tuples(ids, keys), max_size=60)


def ranking(given: list[tuple[str, float]]) -> Ranking:
    made = Ranking()
    for variant, key in given:
        made.set(variant, key)
    return made


@quickly
@given(changes)
def test_a_ranking_says_what_sorting_everybody_says(given: list[tuple[str, float]]) -> None:
    made, naive = Ranking(), dict[str, float]()
    for variant, key in given:
        made.set(variant, key)
        naive[variant] = key
        assert len(made) == len(naive)
        assert made.key(variant) == key
        assert made.rank(variant) == sum(other < key for other in naive.values())
    order = sorted(naive, key=lambda one: (naive[one], int(one[1:])))
    assert [made.best(count) for count in range(18)] == [order[:count] for count in range(18)]
    assert {one: made.rank(one) for one in naive} == {
        one: sum(key < naive[one] for key in naive.values()) for one in naive
    }
    assert [f"v{n}" in made for n in range(16)] == [f"v{n}" in naive for n in range(16)]


@quickly
@given(changes, st.randoms(use_true_random=False))
def test_the_order_in_which_keys_came_changes_nothing(
    given: list[tuple[str, float]], shuffler: random.Random
) -> None:
    last = list(dict(given).items())
    shuffler.shuffle(last)
    assert ranking(given).best(99) == ranking(last).best(99)


def test_equals_are_in_the_order_of_their_numbers_and_not_of_their_letters() -> None:
    assert ranking([("v10", 1.0), ("v9", 1.0), ("v11", 0.5)]).best(3) == ["v11", "v9", "v10"]


def test_nobody_is_asked_of_an_empty_ranking() -> None:
    assert (Ranking().best(3), len(Ranking()), "v0" in Ranking()) == ([], 0, False)
    with pytest.raises(KeyError):
        Ranking().rank("v0")


def test_less_than_nobody_is_nobody() -> None:
    assert ranking([("v0", 1.0), ("v1", 2.0)]).best(-1) == []


def test_a_key_that_is_no_number_is_refused_and_changes_nothing() -> None:
    made = ranking([("v0", 1.0)])
    with pytest.raises(ValueError, match="v0 must be a number, got nan"):
        made.set("v0", math.nan)
    assert made.key("v0") == 1.0


@pytest.mark.parametrize("name", ["v", "", "seed", "v-1", "v1.5"])
def test_an_id_without_a_number_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="got"):
        number_of(name)


def test_the_number_is_what_follows_the_letter() -> None:
    assert number_of("v120") == 120
