from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.docket import Docket
from evolve.jobs import Measure
from evolve.wishes import Next, Wish
from population.store import Population
from population.variant import Purpose


@pytest.fixture
def population(tmp_path: Path) -> Iterator[Population]:
    with Population.create(tmp_path / "run") as population:
        yield population


def test_the_most_urgent_wish_comes_first_and_equals_in_the_order_of_their_coming(
    population: Population,
) -> None:
    wishes = [
        Next(Wish.TUNE, "v1"),
        Next(Wish.REPAIR, "v2"),
        Next(Wish.MEASURE, "v4"),
        Next(Wish.MEASURE, "v3"),
    ]
    for one in wishes:
        Docket(population).wish(one)  # each in a session of its own
    docket = Docket(population)
    taken = [docket.take(may_ask=True) for _ in range(5)]
    assert taken == [wishes[2], wishes[3], wishes[1], wishes[0], None]
    assert not population.notes("notes.wishes")


def test_repairs_wait_until_a_model_may_be_asked(
    population: Population,
) -> None:
    docket = Docket(population)
    for number in range(3):
        docket.wish(Next(Wish.REPAIR, f"v{number}"))
    docket.wish(Next(Wish.TUNE, "v9"))
    assert docket.take(may_ask=False) == Next(Wish.TUNE, "v9")
    assert docket.take(may_ask=False) is None
    assert [docket.take(may_ask=True) for _ in range(2)] == [Next(Wish.REPAIR, "v0"), Next(Wish.REPAIR, "v1")]


def test_a_job_is_read_as_it_was_written_with_the_bar_that_its_curve_must_not_pass(
    population: Population,
) -> None:
    job = Measure(3, "v1", Purpose.FIRST, bar=(None, 0.1 + 0.2, 2.5), spare=True)
    Docket(population).begin(job)
    assert list(Docket(population).jobs()) == [job]
