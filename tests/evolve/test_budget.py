from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.budget import Counts, Limits, Spent, counted, exhausted, remaining, shown
from evolve.progress import Budget
from population.fitness import Fitness
from population.ledger import Call, Event, Paid
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose, Variant

DOWN, UP = Direction.MINIMIZE, Direction.MAXIMIZE
NOTHING = Spent(evaluations=0, seconds=0.0, dollars=0.0, calls=0)
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")

limits = st.builds(
    Limits,
    evaluations=st.none() | st.integers(1, 1000),
    hours=st.none() | st.floats(0.001, 100),
    dollars=st.none() | st.floats(0.001, 100),
)
spendings = st.builds(
    Spent,
    evaluations=st.integers(0, 2000),
    seconds=st.floats(0, 1e6),
    dollars=st.floats(0, 200),
    calls=st.integers(0, 1000),
)


def call(dollars: float | None) -> Call:
    return Call("openai/x", "mutate", "ok", 100, 10, dollars, 1.0, 1, "1.json", 0.0)


@given(spendings)
def test_without_limits_nothing_is_ever_exhausted(spent: Spent) -> None:
    assert exhausted(Limits(), spent, Fitness(0.0, 0.1, 3), DOWN) == ""
    assert spent.left(Limits()) == float("inf")
    assert remaining(Limits(), spent) is None
    assert shown(Limits(), spent) == ()


@pytest.mark.parametrize(
    ("limit", "below", "at", "reason"),
    [
        (
            Limits(evaluations=5),
            Spent(4, 0, 0, 0),
            Spent(5, 0, 0, 0),
            "the budget of 5 evaluations is used",
        ),
        (Limits(hours=0.5), Spent(0, 1799, 0, 0), Spent(0, 1800, 0, 0), "the budget of 0.5 hours is used"),
        (
            Limits(dollars=1.0),
            Spent(0, 0, 0.9, 9),
            Spent(0, 0, 0.95, 9),
            "the budget of 1 dollars has no room for another call",
        ),
    ],
)
def test_a_budget_ends_the_search_when_it_is_used_and_not_before(
    limit: Limits, below: Spent, at: Spent, reason: str
) -> None:
    assert exhausted(limit, below, None, DOWN) == ""
    assert exhausted(limit, at, None, DOWN) == reason


@pytest.mark.parametrize(("direction", "short", "enough"), [(DOWN, 2.01, 2.0), (UP, 1.99, 2.0)])
def test_a_target_is_reached_in_the_direction_of_the_metric(
    direction: Direction, short: float, enough: float
) -> None:
    target = Limits(target=2.0)
    assert exhausted(target, NOTHING, None, direction) == ""
    assert exhausted(target, NOTHING, Fitness(short, 0.1, 2), direction) == ""
    assert exhausted(target, NOTHING, Fitness(enough, 0.1, 2), direction) == "the target of 2 is reached"


@given(st.floats(0.001, 100), st.lists(st.floats(0.0001, 1), max_size=50), st.integers(0, 8))
def test_calls_that_are_afforded_stay_within_the_dollars_at_the_mean_price(
    dollars: float, prices: list[float], asking: int
) -> None:
    spent = Spent(0, 0.0, sum(prices), len(prices))
    mean = sum(prices) / len(prices) if prices else 0.0
    if spent.affords_call(Limits(dollars=dollars), asking):
        assert spent.dollars + (asking + 1) * mean <= dollars


def test_each_call_under_way_takes_its_share_of_the_dollars() -> None:
    spent, limit = Spent(0, 0.0, dollars=0.5, calls=5), Limits(dollars=1.0)
    assert [spent.affords_call(limit, asking) for asking in (0, 4, 5)] == [True, True, False]


def test_dollars_are_summed_and_calls_of_unknown_price_counted_beside_them() -> None:
    assert Paid.of([call(0.25), call(None), call(0.5), call(None)]) == Paid(4, 0.75, 2)
    assert Paid.of([]) == Paid()


def test_budgets_that_are_set_are_shown_with_their_use_in_their_unit() -> None:
    spent = Spent(evaluations=3, seconds=1800.0, dollars=0.2, calls=1)
    assert shown(Limits(evaluations=6, hours=1.0, dollars=1.0, target=2.0), spent) == (
        Budget("evaluations", 3, 6.0, "bursts"),
        Budget("hours", 0.5, 1.0, "h"),
        Budget("dollars", 0.2, 1.0, "$"),
    )
    assert [budget.name for budget in shown(Limits(hours=1.0), spent)] == ["hours"]


@given(limits, spendings)
def test_what_is_left_is_never_less_than_nothing(limit: Limits, spent: Spent) -> None:
    guess = remaining(limit, spent)
    assert guess is None or guess >= 0.0


def test_of_two_budgets_the_one_that_ends_first_says_what_is_left() -> None:
    spent = Spent(evaluations=10, seconds=100.0, dollars=0.0, calls=0)
    assert remaining(Limits(evaluations=12), spent) == pytest.approx(20.0)
    assert remaining(Limits(evaluations=12, hours=1.0), spent) == pytest.approx(20.0)
    assert remaining(Limits(evaluations=1000, hours=0.05), spent) == pytest.approx(80.0)
    assert remaining(Limits(evaluations=12), NOTHING) is None


def test_replicates_keep_within_their_share_of_the_bursts() -> None:
    assert Counts(evaluations=100, replicates=19).may_replicate(0.2, Limits())
    assert not Counts(evaluations=100, replicates=20).may_replicate(0.2, Limits())
    assert not Counts(evaluations=100).may_replicate(0.0, Limits())


def test_the_share_of_the_first_bursts_may_be_spent_before_they_are_made() -> None:
    assert Counts(evaluations=5, replicates=11).may_replicate(0.2, Limits())
    assert not Counts(evaluations=5, replicates=12).may_replicate(0.2, Limits())
    assert not Counts(evaluations=5, replicates=4).may_replicate(0.2, Limits(evaluations=20))


def test_a_population_is_counted_as_its_bursts_were_one_by_one(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> None:
    bursts = [
        a_measurement("v0", 3.0),
        a_measurement("v0", 3.1, 1, purpose=Purpose.REPLICATE),  # measures the noise: not the race's
        a_measurement("v0", 3.2, 9, purpose=Purpose.VERIFY),  # no part of the search
        a_measurement("v1", None, failure=BROKEN),
        a_measurement("v2", None, failure=BROKEN, seconds=0.0),  # refused before any burst
        a_measurement("v3", 2.9),
        a_measurement("v3", 2.8, 1, purpose=Purpose.REPLICATE),
        a_measurement("v3", None, failure=BROKEN, purpose=Purpose.TRIAL, trial=1),
    ]
    with Population.create(tmp_path / "run") as population:
        population.commit(a_variant("v0"), *(a_variant(f"v{n}", "v0") for n in (1, 2, 3)), *bursts)
        population.commit(Event("refusal", "no edit", 0.0), Event("measured", "v0", 0.0))
        assert counted(population, "v0", noise=2) == Counts(evaluations=6, replicates=1, failed=2, refused=1)
