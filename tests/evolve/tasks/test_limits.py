"""Limits on a program's further numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.tasks.limits import Limit, LimitError, broken, parse

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(["a", "peak_vram_mb", "val.loss"]), st.booleans(), numbers)
def test_what_is_written_is_read_back(name: str, upper: bool, bound: float) -> None:
    assert parse(f"{name} {'<=' if upper else '>='}{bound!r}") == Limit(name, upper, bound)


@pytest.mark.parametrize("text", ["", "a", "a<3", "a<=", "<=3", "a<=b", "a<=nan", "a<=inf", "a b<=3"])
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(LimitError, match="write NAME<=NUMBER or NAME>=NUMBER"):
        parse(text)


@given(st.booleans(), numbers, numbers)
def test_a_limit_is_broken_past_its_bound_and_not_at_it(upper: bool, bound: float, value: float) -> None:
    limit = Limit("a", upper, bound)
    over = value > bound if upper else value < bound
    assert bool(broken((limit,), {"a": value})) == over
    assert math.isinf(limit.excess(value)) or (limit.excess(value) > 0) == over


def test_a_number_that_is_not_there_keeps_no_limit() -> None:
    assert broken((parse("mb<=3"),), {}) == "it says no mb, which has a limit"
