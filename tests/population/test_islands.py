import math

import pytest

from population.islands import Islands, Members, members, migrants
from population.ledger import Event


@pytest.fixture
def three(a_variant):
    """Three islands with the seed and one child each; the child of island 1 failed."""
    islands = Islands(count=3, migration_every=10)
    variants = [a_variant("v0"), *(a_variant(f"v{n + 1}", "v0", island=n) for n in range(3))]
    key = {"v0": 2.0, "v1": 1.0, "v2": math.inf, "v3": 0.5}
    return islands, members(islands, variants, []), key


def test_the_seed_lives_on_every_island_and_a_child_on_its_own(three):
    _, population, _ = three
    assert [list(population.on(n)) for n in range(3)] == [["v0", "v1"], ["v0", "v2"], ["v0", "v3"]]


def test_a_variant_committed_again_does_not_live_there_twice(a_variant):
    population = Members(Islands(count=2))
    for _ in range(2):
        population.add(a_variant("v1", "v0", island=1))
    assert list(population.on(1)) == ["v1"]


def test_children_are_born_on_each_island_in_turn():
    assert [Islands(count=3).island_of(child) for child in range(5)] == [0, 1, 2, 0, 1]


def test_the_best_of_each_island_goes_on_to_the_next(three):
    islands, population, key = three
    events = migrants(islands, 20, population, key.__getitem__, at=5.0)
    assert [(event.data["variant"], event.data["island"]) for event in events] == [("v1", 1), ("v3", 0)]
    assert {(event.kind, event.at) for event in events} == {("migration", 5.0)}


def test_a_migrant_lives_on_both_islands_and_does_not_migrate_there_again(three):
    islands, population, key = three
    for event in migrants(islands, 10, population, key.__getitem__, at=0.0):
        population.note(event)
    assert list(population.on(1)) == ["v0", "v2", "v1"]
    assert population.lives_on("v1", 0)
    again = migrants(islands, 20, population, key.__getitem__, at=0.0)
    assert [(event.data["variant"], event.data["island"]) for event in again] == [("v3", 1), ("v1", 2)]


def test_recorded_migrations_are_followed_and_other_events_are_not(three, a_variant):
    islands, *_ = three
    moved = [Event("champion", "v1", 0.0), Event("migration", "", 0.0, {"variant": "v1", "island": 2})]
    assert list(members(islands, [a_variant("v1", "v0")], moved).on(2)) == ["v1"]


@pytest.mark.parametrize(
    ("islands", "child"),
    [(Islands(3, 10), 11), (Islands(3, 10), 0), (Islands(3, 0), 10), (Islands(1, 10), 10)],
)
def test_nobody_migrates_out_of_turn(islands, child, a_variant):
    population = members(islands, [a_variant("v0"), a_variant("v1", "v0")], [])
    assert migrants(islands, child, population, lambda _: 1.0, 0.0) == []


def test_empty_islands_send_nobody():
    islands = Islands(2, 1)
    assert migrants(islands, 1, Members(islands), lambda _: 1.0, 0.0) == []


def test_fewer_islands_than_before_wrap_around(a_variant):
    assert list(members(Islands(count=2), [a_variant("v5", "v0", island=3)], []).on(1)) == ["v5"]


@pytest.mark.parametrize("settings", [{"count": 0}, {"migration_every": -1}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match="got"):
        Islands(**settings)
