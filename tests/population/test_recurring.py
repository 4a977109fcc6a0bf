from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import given

from population.recurring import Frequent


@given(st.lists(st.sampled_from("abcdefgh")))
def test_the_most_frequent_keys_are_at_hand(keys: list[str]) -> None:
    frequent, counts = Frequent(3), Counter(keys)
    for key in keys:
        frequent.add(key, key)
    assert [times for _, times in frequent.most(1)] == sorted(counts.values(), reverse=True)[:3]
    assert all(counts[key] == times for key, times in frequent.most(1))


def test_what_came_less_often_is_left_out_and_what_is_dropped_begins_anew() -> None:
    frequent = Frequent(3)
    for said in ("first", "second"):
        frequent.add("a", said)
    frequent.add("b", "once")
    assert frequent.most(2) == [("second", 2)]
    frequent.drop("a")
    frequent.add("a", "again")
    assert frequent.most(1) == [("once", 1), ("again", 1)]
