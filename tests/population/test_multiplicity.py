from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.multiplicity import holm

p_values = st.lists(st.floats(0, 1))


def test_the_smallest_counts_as_often_as_there_are_tests_and_the_next_once_less():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(p_values)
def test_no_p_value_becomes_smaller_or_larger_than_bonferronis(given_values):
    for p, corrected in zip(given_values, holm(given_values), strict=True):
        assert p <= corrected <= min(1.0, len(given_values) * p)


@given(p_values)
def test_the_order_of_the_p_values_stays(given_values):
    pairs = sorted(zip(given_values, holm(given_values), strict=True))
    assert [corrected for _, corrected in pairs] == sorted(corrected for _, corrected in pairs)


def test_one_p_value_stays_as_it_is_and_none_are_none():
    assert holm([0.2]) == [0.2]
    assert holm([]) == []
