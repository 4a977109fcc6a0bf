import math
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.fitness import Fitness
from population.selection import diverse, line_distance, lines_of, rank_key, tournament
from population.variant import Direction

quickly = settings(max_examples=40, deadline=None)
keys = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.floats(-9, 9) | st.just(math.inf), min_size=1
)


def source_distance(one, other):
    return line_distance(lines_of(one), lines_of(other))


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(Direction))
def test_a_failure_ranks_below_every_score_in_either_direction(score, direction):
    assert rank_key(None, direction) > rank_key(Fitness(score, math.nan, 1), direction)


def test_a_mean_that_is_no_number_ranks_as_a_failure():
    assert rank_key(Fitness(math.nan, 0.1, 1), Direction.MAXIMIZE) == math.inf


@quickly
@given(keys, st.integers(1, 9), st.floats(0.51, 1.0), st.integers(0, 99))
def test_the_winner_entered_and_the_same_generator_gives_the_same(key, size, pressure, seed):
    one, other = (
        tournament(list(key), key.__getitem__, size, pressure, np.random.default_rng(seed)) for _ in range(2)
    )
    assert one == other
    assert one in key


@quickly
@given(keys, st.integers(0, 99))
def test_a_full_tournament_under_full_pressure_takes_the_best(key, seed):
    winner = tournament(list(key), key.__getitem__, len(key), 1.0, np.random.default_rng(seed))
    assert key[winner] == min(key.values())


def test_pressure_is_the_chance_of_the_best_then_of_the_next():
    rng = np.random.default_rng(0)
    wins = Counter(tournament("abc", ord, 3, 0.8, rng) for _ in range(2000))
    assert wins["a"] / 2000 == pytest.approx(0.8, abs=0.04)
    assert wins["b"] / 2000 == pytest.approx(0.16, abs=0.04)
    assert wins["c"] / 2000 == pytest.approx(0.04, abs=0.02)


def test_everybody_is_as_likely_to_enter_and_ties_are_broken_evenly():
    rng = np.random.default_rng(0)
    wins = Counter(tournament("abcde", lambda _: math.inf, 3, 1.0, rng) for _ in range(3000))
    assert all(wins[one] / 3000 == pytest.approx(0.2, abs=0.04) for one in "abcde")


class Counted(Sequence):
    """A million ids that count how many were looked at."""

    looked_at = 0

    def __len__(self):
        return 1_000_000

    def __getitem__(self, index):
        self.looked_at += 1
        return str(index)


def test_a_tournament_looks_at_its_entrants_only():
    ids = Counted()
    tournament(ids, float, 5, 0.9, np.random.default_rng(0))
    assert ids.looked_at == 5


@pytest.mark.parametrize(
    ("ids", "size", "pressure"), [("", 2, 0.9), ("a", 0, 0.9), ("a", 2, 0.5), ("a", 2, 1.1)]
)
def test_a_tournament_that_makes_no_sense_is_refused(ids, size, pressure):
    with pytest.raises(ValueError, match="got"):
        tournament(ids, ord, size, pressure, np.random.default_rng(0))


@quickly
@given(keys, st.integers(0, 5), st.integers(0, 2))
def test_inspirations_are_scored_different_and_best_first(key, count, parents):
    apart = list(key)[:parents]
    chosen = diverse(key, key.__getitem__, source_distance, count, apart_from=apart)
    assert len(set(chosen)) == len(chosen) <= count
    assert not set(chosen) & set(apart)
    assert all(key[one] < math.inf for one in chosen)
    assert [key[one] for one in chosen] == sorted(key[one] for one in chosen)


def test_a_copy_of_the_best_gives_way_to_something_else():
    place = {"best": 0.0, "copy": 0.01, "other": 5.0, "failed": 99.0}
    key = {"best": 1.0, "copy": 1.1, "other": 2.0, "failed": math.inf}
    chosen = diverse(key, key.__getitem__, lambda a, b: abs(place[a] - place[b]), 2)
    assert chosen == ["best", "other"]


def test_inspirations_keep_away_from_the_parent():
    chosen = diverse("bcz", ord, lambda a, b: abs(ord(a) - ord(b)), 1, apart_from="a")
    assert chosen == ["z"]


def test_only_the_best_few_are_compared():
    compared = set()

    def distance(one, other):
        compared.update((one, other))
        return 1.0

    diverse([str(n) for n in range(100)], int, distance, 3, pool=5)
    assert compared == set("01234")


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("a\nb", "b\na", 0.0), ("a\nb", "a\nc", 0.5), ("a", "b", 1.0), ("a\na\na", "a", 0.5), ("", "", 0.0)],
)
def test_sources_are_as_far_apart_as_their_lines(one, other, distance):
    assert source_distance(one, other) == source_distance(other, one) == distance


@quickly
@given(st.text("ab\n"), st.text("ab\n"))
def test_how_far_apart_sources_are_is_what_difflib_says(one, other):
    matcher = SequenceMatcher(None, one.splitlines(), other.splitlines(), autojunk=False)
    assert source_distance(one, other) == 1.0 - matcher.quick_ratio()
