from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from evolve.pitfalls import Pitfall, Trial, pitfalls


def ran(failed: bool, structure: str = "as the seed", **values: float | str) -> Trial:
    return Trial(structure, values, failed)


SEED = ran(False, rows=8, rate=0.1, kind="relu")


def test_what_fails_beyond_all_that_worked_is_kept_away_from() -> None:
    trials = [SEED, ran(True, rows=16, rate=0.05), ran(True, rows=32, rate=0.2), ran(True, rows=16, rate=0.3)]
    assert pitfalls(trials) == (Pitfall("rows", low=16.0),)
    assert Pitfall("rows", low=16.0).holds({"rows": 64})
    assert not Pitfall("rows", low=16.0).holds({"rows": 12})


def test_one_failure_is_no_pitfall() -> None:
    assert pitfalls([SEED, ran(True, rows=16)]) == ()


def test_a_value_that_worked_later_is_none_any_more() -> None:
    trials = [SEED, ran(True, rows=16), ran(True, rows=16), ran(False, rows=16)]
    assert pitfalls(trials) == ()


def test_a_value_between_those_that_work_may_be_one() -> None:
    trials = [SEED, ran(False, rows=32), ran(True, rows=13), ran(True, rows=13), ran(True, rows=14)]
    assert pitfalls(trials) == (Pitfall("rows", value=13),)


def test_a_word_may_be_one() -> None:
    assert pitfalls([SEED, ran(True, kind="gelu"), ran(True, kind="gelu")]) == (
        Pitfall("kind", value="gelu"),
    )


def test_a_program_that_never_worked_says_nothing_of_its_numbers() -> None:
    broken = [ran(True, structure=f"broken {n}", rows=16) for n in range(5)]
    assert pitfalls([SEED, *broken]) == ()


NUMBERS = st.integers(1, 6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.booleans()), max_size=30))
def test_nothing_that_worked_is_kept_away_from(outcomes: list[tuple[int, int, bool]]) -> None:
    trials = [ran(failed, a=a, b=b) for a, b, failed in outcomes]
    found = pitfalls(trials)
    assert not [one for one in trials if not one.failed and any(trap.holds(one.values) for trap in found)]
    assert len(found) == len(set(found))


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.booleans()), max_size=20), st.randoms())
def test_the_order_of_outcomes_is_no_matter(outcomes: list[tuple[int, int, bool]], rng: object) -> None:
    trials = [ran(failed, a=a, b=b) for a, b, failed in outcomes]
    other = sorted(trials, key=lambda _: rng.random())  # type: ignore[attr-defined]
    assert pitfalls(trials) == pitfalls(other)


def test_a_range_has_no_end_where_none_is_known() -> None:
    (found,) = pitfalls([SEED, ran(True, rate=1e-5), ran(True, rate=1e-6)])
    assert (found.low, found.high) == (-math.inf, 1e-5)
