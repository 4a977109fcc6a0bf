import math

import pytest

from population.islands import Islands, Members, members, migrants
from population.ledger import Event


@pytest.fixture
def three(a_variant):
    """Three islands with the seed and one child each; the mean score of island 1's child is no number."""
    islands = Islands(count=3, migration_every=10)
    variants = [a_variant("v0"), *(a_variant(f"v{n + 1}", "v0", island=n) for n in range(3))]
    return islands, members(islands, zip(variants, [2.0, 1.0, math.inf, 0.5], strict=True), [])


def moved(variant, island, **data):
    return Event("migration", "", 0.0, {"variant": variant, "island": island, **data})


def test_the_seed_lives_on_every_island_and_a_child_on_its_own(three):
    _, population = three
    assert [list(population.on(n)) for n in range(3)] == [["v0", "v1"], ["v0", "v2"], ["v0", "v3"]]


def test_those_on_an_island_and_all_together_are_ranked(three):
    _, population = three
    assert [population.ranking(n).best(2) for n in range(3)] == [["v1", "v0"], ["v0", "v2"], ["v3", "v0"]]
    assert population.everybody.best(9) == ["v3", "v1", "v0", "v2"]


def test_a_variant_that_comes_again_does_not_live_there_twice_but_ranks_by_its_new_key(a_variant):
    population = Members(Islands(count=3))
    for key in (2.0, 0.5):
        population.add(a_variant("v1", "v0", island=1), key)
        population.note(moved("v1", 2))
    assert [list(population.on(n)) for n in range(3)] == [[], ["v1"], ["v1"]]
    assert [population.ranking(n).key("v1") for n in (1, 2)] == [0.5, 0.5]
    assert population.everybody.key("v1") == 0.5


def test_children_are_born_on_each_island_in_turn():
    assert [Islands(count=3).island_of(child) for child in range(5)] == [0, 1, 2, 0, 1]


def test_the_best_of_each_island_goes_on_to_the_next(three):
    islands, population = three
    events = migrants(islands, 20, population, at=5.0)
    assert [(event.data["variant"], event.data["island"]) for event in events] == [("v1", 1), ("v3", 0)]
    assert {(event.kind, event.at, event.data["after"]) for event in events} == {("migration", 5.0, 4)}


def test_the_older_of_two_equals_goes_on_whichever_came_first(a_variant):
    islands, pair = Islands(2, 1), [a_variant("v10", "v0"), a_variant("v9", "v0")]
    for variants in (pair, pair[::-1]):
        (event,) = migrants(islands, 1, members(islands, ((one, 1.0) for one in variants), []), at=0.0)
        assert event.data["variant"] == "v9"


def test_a_migrant_lives_on_both_islands_and_does_not_migrate_there_again(three):
    islands, population = three
    for event in migrants(islands, 10, population, at=0.0):
        population.note(event)
    assert list(population.on(1)) == ["v0", "v2", "v1"]
    assert population.lives_on("v1", 0)
    again = migrants(islands, 20, population, at=0.0)
    assert [(event.data["variant"], event.data["island"]) for event in again] == [("v3", 1), ("v1", 2)]


def test_recorded_migrations_are_followed_and_other_events_are_not(three, a_variant):
    islands, _ = three
    told = [Event("champion", "v1", 0.0), moved("v1", 2)]
    assert list(members(islands, [(a_variant("v1", "v0"), 1.0)], told).on(2)) == ["v1"]


def test_a_recorded_migrant_comes_between_those_that_it_came_between(a_variant):
    scored = [(a_variant(f"v{n}", "v9", island=n % 2), 1.0) for n in range(6)]
    told = [
        moved("v1", 0, after=2),
        moved("v0", 1, after=2),
        Event("stopped", "", 0.0),
        moved("v3", 0, after=5),
    ]
    known = members(Islands(2), scored, told)
    assert list(known.on(0)) == ["v0", "v1", "v2", "v4", "v3"]
    assert list(known.on(1)) == ["v1", "v0", "v3", "v5"]


def test_who_has_no_score_does_not_migrate(three):
    _, population = three
    population.note(moved("v7", 0))
    assert not population.lives_on("v7", 0)


@pytest.mark.parametrize(
    ("islands", "child"),
    [(Islands(3, 10), 11), (Islands(3, 10), 0), (Islands(3, 0), 10), (Islands(1, 10), 10)],
)
def test_nobody_migrates_out_of_turn(islands, child, a_variant):
    population = members(islands, [(a_variant("v0"), 1.0), (a_variant("v1", "v0"), 1.0)], [])
    assert migrants(islands, child, population, 0.0) == []


def test_empty_islands_send_nobody():
    islands = Islands(2, 1)
    assert migrants(islands, 1, Members(islands), 0.0) == []


def test_fewer_islands_than_before_wrap_around(a_variant):
    assert list(members(Islands(count=2), [(a_variant("v5", "v0", island=3), 1.0)], []).on(1)) == ["v5"]


@pytest.mark.parametrize("settings", [{"count": 0}, {"migration_every": -1}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match="got"):
        Islands(**settings)
