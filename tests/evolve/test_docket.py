from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evolve import checking
from evolve.docket import JOBS, STANDING, Docket, Planned
from evolve.ideas import Standing
from evolve.jobs import Birth, Measure, Part, Reflect
from evolve.wishes import Next, Wish
from operators.portfolio import Arm
from operators.proposal import Context, Proposal, Refusal, RefusalKind
from population.fsck.findings import Mention
from population.records import Note
from population.store import Population
from population.variant import Direction, Purpose


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


def test_what_the_call_of_an_admitted_child_cost_is_known_until_its_job_ends(population: Population) -> None:
    Docket(population).admit(7, "v3", 0.25)
    population.flush()
    docket = Docket(population)
    assert (docket.admitted(7), docket.cost(7)) == ("v3", 0.25)
    assert docket.cost(8) == 0.0
    docket.end(7)
    assert (docket.admitted(7), docket.cost(7)) == (None, 0.0)


def test_a_birth_is_written_down_with_its_arm_and_what_is_asked_for(population: Population) -> None:
    arm = Arm("mutate", "openai/x", "whole")
    context = Context("a task", "val_bpb", Direction.MINIMIZE, "", parents=(), level=2)
    Docket(population).begin(Birth(3, arm, None, context, 5, np.random.default_rng(0)))
    population.flush()
    (planned,) = Docket(population).jobs()
    assert isinstance(planned, Planned)
    assert (planned.arm, planned.island, planned.context.level) == (arm, 5, 2)


@pytest.mark.parametrize(
    "outcome",
    [
        Proposal("X = 1\n", "an idea", "mutate", "openai/x", 0.25),
        Refusal(RefusalKind.LLM, "silence", "mutate", "openai/x", dollars=0.25),
    ],
)
def test_what_an_operator_answered_is_kept_with_what_it_cost(
    population: Population, outcome: Proposal | Refusal
) -> None:
    Docket(population).propose(3, outcome)
    population.flush()
    assert Docket(population).proposed(3) == outcome


def test_a_job_is_read_as_it_was_written_with_the_bar_that_its_curve_must_not_pass(
    population: Population,
) -> None:
    job = Measure(3, "v1", Purpose.FIRST, bar=(None, 0.1 + 0.2, 2.5), spare=True)
    Docket(population).begin(job)
    assert list(Docket(population).jobs()) == [job]


def test_a_proposal_on_the_shelf_stands_as_it_was_written_down_last(population: Population) -> None:
    docket = Docket(population)
    context = Context("a task", "val_bpb", Direction.MINIMIZE, "", parents=())
    for ticket in (3, 4):
        birth = Birth(ticket, Arm("mutate", "m"), None, context, 0, np.random.default_rng(0), Part.PROPOSE)
        docket.shelve(birth, Proposal(f"X = {ticket}\n", "an idea", "mutate", "m"))
    docket.stand(4, Standing.OUT)
    docket.stand(4, Standing.WORKS)
    found = [
        (one.ticket, proposal.source, standing) for one, proposal, standing in Docket(population).shelf()
    ]
    assert found == [(3, "X = 3\n", Standing.WAITS), (4, "X = 4\n", Standing.WORKS)]
    docket.unshelve(4)
    assert [one.ticket for one, _, _ in Docket(population).shelf()] == [3]
    assert not population.notes(STANDING)


def test_a_birth_knows_which_ideas_it_carries(population: Population) -> None:
    context = Context("a task", "val_bpb", Direction.MINIMIZE, "", parents=())
    rng = np.random.default_rng(0)
    birth = Birth(5, Arm("mutate", "m"), None, context, 0, rng, Part.MEASURE, ideas=(3, 4), put_together=True)
    Docket(population).begin(birth)
    (planned,) = Docket(population).jobs()
    assert isinstance(planned, Planned)
    assert (planned.ideas, planned.put_together) == ((3, 4), True)
