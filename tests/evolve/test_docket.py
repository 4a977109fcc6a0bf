from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve import checking
from evolve.docket import JOBS, Docket
from evolve.jobs import Reflect
from evolve.wishes import Next, Wish
from population.fsck.findings import Mention
from population.records import Note
from population.store import Population


@pytest.fixture
def population(tmp_path: Path) -> Iterator[Population]:
    with Population.create(tmp_path / "run") as population:
        yield population


def test_the_most_urgent_wish_comes_first_and_equals_in_the_order_of_their_coming(
    population: Population,
) -> None:
    wishes = [
        Next(Wish.REFLECT, "v0"),
        Next(Wish.TUNE, "v1"),
        Next(Wish.REPAIR, "v2"),
        Next(Wish.MEASURE, "v4"),
        Next(Wish.MEASURE, "v3"),
    ]
    for one in wishes:
        Docket(population).wish(one)  # each in a session of its own
    docket = Docket(population)
    taken = [docket.take(may_ask=True) for _ in range(6)]
    assert taken == [wishes[3], wishes[4], wishes[2], wishes[1], wishes[0], None]
    assert not population.notes("notes.wishes")


def test_a_look_back_waits_until_a_model_may_be_asked_and_keeps_what_it_asks(population: Population) -> None:
    docket = Docket(population)
    docket.wish(Next(Wish.REFLECT, "v0"))
    assert docket.take(may_ask=False) is None
    assert docket.wished(Wish.REFLECT) == [Next(Wish.REFLECT, "v0")]
    assert docket.take(may_ask=True) == Next(Wish.REFLECT, "v0")
    job = Reflect(7, "what was seen", ("! mine",), "mark")
    docket.begin(job)
    assert list(Docket(population).jobs()) == [job]
    assert Docket(population).held() == set()
    assert checking.mention(Note(JOBS, "7", population.notes(JOBS)["7"])) == Mention()


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
