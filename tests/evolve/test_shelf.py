from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from evolve import admission
from evolve.ideas import Standing
from evolve.jobs import Birth, Part
from evolve.judging import Judge
from evolve.shelf import LIMIT, Offer, Shelf
from operators.portfolio import Arm
from operators.proposal import Context, Parent, Proposal
from population.genome import values_of
from population.ranking import Ranking
from population.store import Population
from population.variant import Direction, Measurement, Variant

SEED = "X = 1.0  # tune: 0..2\nY = 3\n"


class Bench:
    """A population in a folder, its ranking, and a shelf beside it."""

    def __init__(
        self, population: Population, variant: Callable[..., Variant], burst: Callable[..., Measurement]
    ) -> None:
        self.population = population
        self._variant = variant
        self._burst = burst
        self.everybody = Ranking()
        self.judge = Judge(population, Direction.MINIMIZE, "v0")

    def add(self, name: str, source: str, score: float, *parents: str) -> None:
        """Record a variant with a score."""
        digest = self.population.keep_source(source)
        self.population.commit(
            self._variant(name, *parents, digest=digest), self._burst(name, score, digest=digest)
        )
        self.everybody.set(name, score)
        self.judge.note(name, new=True)

    def shelf(self, explored: float = 0.0, together: int = 3) -> Shelf:
        """Return an empty shelf."""
        return Shelf(self.judge, explored, together)


@pytest.fixture
def bench(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> Iterator[Bench]:
    with Population.create(tmp_path / "run") as population:
        found = Bench(population, a_variant, a_measurement)
        found.add("v0", SEED, 3.0)
        yield found


FOUNDER = Parent(Variant("v0", "", "", "", (), "seed", "", 0, 0), SEED, None)


def choose(shelf: Shelf, bench: Bench, seed: int, **running: str) -> Offer | None:
    """Choose what to measure next."""
    return shelf.choose(
        bench.everybody, np.random.default_rng(seed), bench.population.by_fingerprint, running
    )


def tickets_of(offer: Offer | None) -> tuple[int, ...]:
    """Return whose proposals are chosen."""
    assert offer is not None
    return offer.tickets


def put_birth(ticket: int, parent: Parent = FOUNDER) -> Birth:
    context = Context("", "", Direction.MINIMIZE, "", (parent,))
    return Birth(ticket, Arm("mutate", "m"), None, context, 0, np.random.default_rng(0), Part.PROPOSE)


def put(shelf: Shelf, ticket: int, source: str, parent: Parent = FOUNDER) -> str:
    return shelf.put(put_birth(ticket, parent), Proposal(source, "an idea", "mutate", "m"), {})


def plain(text: str) -> str:
    """Return a program without numbers that may be stepped."""
    return f"Y = 3\n{text}\n"


def test_the_proposal_is_chosen_that_has_what_helped_before(bench: Bench) -> None:
    for number in range(4):
        bench.add(f"v{2 * number + 1}", plain(f"good()\na{number}()"), 1.0, "v0")
        bench.add(f"v{2 * number + 2}", plain(f"bad()\nb{number}()"), 6.0, "v0")
    shelf = bench.shelf()
    assert [put(shelf, ticket, plain(f"{word}()\nnew()")) for ticket, word in ((1, "bad"), (2, "good"))] == [
        "",
        "",
    ]
    assert tickets_of(choose(shelf, bench, 1)) == (2,)
    assert shelf.drop(2).proposal.source == plain("good()\nnew()")
    assert tickets_of(choose(shelf, bench, 1)) == (1,)


def test_a_copy_of_what_waits_or_is_known_does_not_wait(bench: Bench) -> None:
    shelf = bench.shelf()
    assert put(shelf, 1, plain("new()")) == ""
    assert put(shelf, 2, plain("new()  # another comment")) == "a proposal on the shelf"
    shelf.drop(1)
    assert put(shelf, 3, plain("new()")) == ""
    assert shelf.waiting == 1


def test_a_copy_of_what_is_being_measured_is_told_whether_it_has_a_name_or_not(bench: Bench) -> None:
    shelf = bench.shelf()
    birth, mark = put_birth(1), admission.mark(plain("new()"))
    for known in ({}, {mark: "v7"}):
        proposal = Proposal(plain("new()"), "an idea", "mutate", "m")
        assert shelf.put(birth, proposal, known, {mark}) == "a program that is being measured"


def test_beyond_the_limit_the_least_promising_gives_way(bench: Bench) -> None:
    for number in range(4):
        bench.add(f"v{number + 1}", plain(f"bad()\nb{number}()"), 9.0, "v0")
    shelf = bench.shelf()
    for ticket in range(LIMIT):
        put(shelf, ticket, plain(f"new{ticket}()"))
    assert shelf.least(bench.everybody) is None
    put(shelf, LIMIT, plain("bad()\nother()"))
    assert shelf.least(bench.everybody) == LIMIT


def test_a_step_of_the_leaders_numbers_is_a_program_with_these_values(bench: Bench) -> None:
    step = choose(bench.shelf(), bench, 1)
    assert step is not None
    assert (step.tickets, step.parent) == ((), "v0")
    found = values_of(step.source)
    assert [*found] == ["X"]
    assert 0.0 <= float(found["X"]) <= 2.0
    assert found["X"] != 1.0
    assert step.said.startswith("X 1 -> ")


def test_a_proposal_is_offered_as_a_change_of_who_has_become_the_leader(bench: Bench) -> None:
    for number in range(4):
        bench.add(f"v{number + 1}", SEED + f"good()\ngood{number}()\n", 0.5 + 0.1 * number, "v0")
    shelf = bench.shelf()
    put(shelf, 1, "import math\n" + SEED)
    offers = [choose(shelf, bench, n) for n in range(20)]
    chosen = [one for one in offers if one is not None and one.tickets == (1,)]
    assert chosen
    for one in chosen:
        assert one.parent == "v1"
        assert one.source.startswith("import math\nX = ")
        assert one.source.endswith("good()\ngood0()\n")
        assert ("X = 1.0 " in one.source) == (not one.said)
    assert any(one.said for one in chosen)


def test_a_step_of_an_idea_that_moves_lines_begins_at_the_leaders_numbers(bench: Bench) -> None:
    for number in range(4):
        bench.add(f"v{number + 1}", SEED.replace("X = 1.0", "X = 0.25") + f"good{number}()\n", 0.5, "v0")
    shelf = bench.shelf()
    put(shelf, 1, "import math\n" + SEED)
    offers = [choose(shelf, bench, n) for n in range(20)]
    stepped = [one for one in offers if one is not None and one.tickets == (1,) and one.said]
    assert stepped
    assert all(one.said.startswith("X 0.25 -> ") for one in stepped)


def test_an_idea_is_not_offered_on_a_leader_that_it_is_in_conflict_with(bench: Bench) -> None:
    bench.add("v1", SEED.replace("Y = 3", "Y = 5"), 0.5, "v0")
    shelf = bench.shelf()
    put(shelf, 1, SEED.replace("Y = 3", "Y = 4"))
    offers = [choose(shelf, bench, n) for n in range(40)]
    assert not [one for one in offers if one is not None and one.tickets and one.parent]


def test_where_nothing_waits_and_nothing_can_be_stepped_nothing_is_chosen(bench: Bench) -> None:
    bench.add("v1", plain("new()"), 1.0, "v0")
    assert choose(bench.shelf(), bench, 1) is None


def test_some_bursts_go_to_a_proposal_drawn_from_all(bench: Bench) -> None:
    for number in range(4):
        bench.add(f"v{number + 1}", plain(f"bad()\nb{number}()"), 9.0, "v0")
    shelf = bench.shelf(explored=1.0)
    put(shelf, 1, plain("bad()\nother()"))
    put(shelf, 2, plain("new()"))
    assert {tickets_of(choose(shelf, bench, n)) for n in range(20)} == {(1,), (2,)}


def test_what_cannot_be_read_waits_as_well(bench: Bench) -> None:
    shelf = bench.shelf(explored=1.0)
    assert put(shelf, 1, "def broken(:\n") == ""
    assert tickets_of(choose(shelf, bench, 1)) == (1,)


def halves(bench: Bench, together: int = 3) -> Shelf:
    """Return a shelf with two ideas that were measured, each alone, and a third that waits."""
    for number in range(3):
        bench.add(f"v{2 * number + 1}", f"left()\nY = 3\na{number}()\n", 2.0, "v0")
        bench.add(f"v{2 * number + 2}", f"Y = 3\nb{number}()\nright()\n", 2.0, "v0")
    shelf = bench.shelf(together=together)
    put(shelf, 1, SEED.replace("X", "left()\nX"))
    put(shelf, 2, SEED + "right()\n")
    put(shelf, 3, SEED.replace("Y", "middle()\nY"))
    for ticket in (1, 2):
        assert shelf.send([ticket]) == {ticket: Standing.OUT}
        assert shelf.heed([ticket], works=True) == {ticket: Standing.WORKS}
    return shelf


def test_ideas_that_were_measured_are_put_together_with_each_other_and_with_one_that_waits(
    bench: Bench,
) -> None:
    shelf = halves(bench)
    offers = [offer for n in range(20) if (offer := choose(shelf, bench, n)) is not None]
    together = {offer.tickets for offer in offers if len(offer.tickets) > 1}
    assert together
    for offer in offers:
        there = {1: "left()", 2: "right()", 3: "middle()"}
        if offer.parent == "v0":
            assert {ticket for ticket, text in there.items() if text in offer.source} == {*offer.tickets}


def test_each_idea_stays_by_itself_where_that_is_wanted(bench: Bench) -> None:
    shelf = halves(bench, together=1)
    assert all(len(tickets_of(choose(shelf, bench, n))) < 2 for n in range(20))


def test_no_two_ideas_that_were_never_run_are_put_together(bench: Bench) -> None:
    shelf = bench.shelf()
    put(shelf, 1, SEED.replace("X", "left()\nX"))
    put(shelf, 2, SEED + "right()\n")
    assert all(len(tickets_of(choose(shelf, bench, n))) < 2 for n in range(20))


def test_what_is_known_or_being_measured_is_not_offered_again(bench: Bench) -> None:
    bench.add("v1", plain("new()"), 1.0, "v0")
    leader = Parent(Variant("v1", "", "", "", ("v0",), "", "", 0, 0), plain("new()"), None)
    shelf = bench.shelf()
    put(shelf, 1, plain("new()\nmore()"), leader)
    first = choose(shelf, bench, 1)
    assert tickets_of(first) == (1,)
    assert first is not None
    assert choose(shelf, bench, 1, **{first.mark: first.source}) is None


def test_an_idea_that_fails_loses_its_place_and_those_that_worked_keep_theirs(bench: Bench) -> None:
    shelf = halves(bench)
    assert shelf.send([1, 2, 3]) == {3: Standing.OUT}
    assert shelf.heed([1, 2, 3], works=False) == {3: None}
    assert shelf.waiting == 0
    assert shelf.idea(1).standing is Standing.WORKS
    assert put(shelf, 4, SEED.replace("Y", "middle()\nY")) == ""


def test_an_idea_that_is_out_is_neither_offered_nor_given_up(bench: Bench) -> None:
    shelf = bench.shelf()
    for ticket in range(LIMIT + 1):
        put(shelf, ticket, plain(f"new{ticket}()"))
    shelf.send(range(LIMIT))
    assert shelf.least(bench.everybody) == LIMIT
    assert {tickets_of(choose(shelf, bench, n)) for n in range(5)} <= {(), (LIMIT,)}
    assert shelf.stranded({*range(1, LIMIT)}) == [0]
    assert shelf.idea(0).standing is Standing.WAITS


def test_a_ban_drops_the_ideas_that_are_named_and_what_waits_as_a_child(bench: Bench) -> None:
    shelf = bench.shelf()
    banned = Parent(Variant("v1", "", "", "", ("v0",), "mutate", "", 0, 1), plain("cheat()"), None)
    for ticket, parent in ((1, FOUNDER), (2, FOUNDER), (3, banned), (4, banned)):
        put(shelf, ticket, plain(f"new{ticket}()"), parent)
    for ticket in (1, 4):
        shelf.stand(ticket, Standing.WORKS)
    assert shelf.ban("v1", {1}) == [1, 3]
    assert shelf.waiting == 1
    assert put(shelf, 5, plain("new1()")) == ""
