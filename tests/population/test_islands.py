import math

import pytest

from population.islands import AFTER, FOUNDED, Members, members
from population.ledger import Event


@pytest.fixture
def three(a_variant):
    """Three islands with the seed and one child each; the mean score of island 1's child is no number."""
    variants = [a_variant("v0"), *(a_variant(f"v{n + 1}", "v0", island=n) for n in range(3))]
    return members(3, zip(variants, [2.0, 1.0, math.inf, 0.5], strict=True), [])


def founded(variant, island, **data):
    return Event(FOUNDED, "", 0.0, {"variant": variant, "island": island, **data})


def test_the_seed_lives_on_every_first_island_and_a_child_on_its_own(three):
    assert [list(three.on(n)) for n in range(4)] == [["v0", "v1"], ["v0", "v2"], ["v0", "v3"], []]


def test_those_on_an_island_and_all_together_are_ranked(three):
    assert [three.ranking(n).best(2) for n in range(3)] == [["v1", "v0"], ["v0", "v2"], ["v3", "v0"]]
    assert three.everybody.best(9) == ["v3", "v1", "v0", "v2"]


def test_a_variant_that_comes_again_does_not_live_there_twice_but_ranks_by_its_new_key(a_variant):
    population = Members(3)
    for key in (2.0, 0.5):
        population.add(a_variant("v1", "v0", island=1), key)
        population.note(founded("v1", 7))
    assert [list(population.on(n)) for n in (0, 1, 7)] == [[], ["v1"], ["v1"]]
    assert [population.ranking(n).key("v1") for n in (1, 7)] == [0.5, 0.5]
    assert population.everybody.key("v1") == 0.5


def test_a_founder_lives_on_both_islands_and_its_children_where_they_are_born(three, a_variant):
    three.note(founded("v3", 3))
    three.add(a_variant("v4", "v3", island=3), 0.25)
    assert list(three.on(3)) == ["v3", "v4"]
    assert three.lives_on("v3", 2)
    assert not three.lives_on("v4", 2)
    assert three.ranking(3).best(1) == ["v4"]


def test_the_seed_may_found_an_island_too(three):
    three.note(founded("v0", 5))
    assert list(three.on(5)) == ["v0"]


def test_nobody_lives_on_an_island_that_there_is_not(three):
    assert list(three.on(9)) == []
    assert three.ranking(9).best(1) == []
    assert not three.lives_on("v0", 9)


def test_recorded_foundings_are_followed_and_other_events_are_not(a_variant):
    told = [Event("champion", "v1", 0.0, {"variant": "v1", "island": 1}), founded("v1", 2)]
    known = members(2, [(a_variant("v1", "v0"), 1.0)], told)
    assert [list(known.on(n)) for n in range(3)] == [["v1"], [], ["v1"]]


def test_a_recorded_founder_comes_between_those_that_it_came_between(a_variant):
    scored = [(a_variant(f"v{n}", "v9", island=n % 2), 1.0) for n in range(6)]
    told = [
        founded("v1", 0, **{AFTER: 2}),
        founded("v0", 1, **{AFTER: 2}),
        Event("stopped", "", 0.0),
        founded("v3", 0, **{AFTER: 5}),
    ]
    known = members(2, scored, told)
    assert list(known.on(0)) == ["v0", "v1", "v2", "v4", "v3"]
    assert list(known.on(1)) == ["v1", "v0", "v3", "v5"]


def test_who_has_no_score_founds_nothing(three):
    three.note(founded("v7", 4))
    assert list(three.on(4)) == []
    assert "v7" not in three.everybody


def test_there_must_be_an_island():
    with pytest.raises(ValueError, match="1 island or more, got 0"):
        Members(0)
