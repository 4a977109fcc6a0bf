from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.lineages import ENDED, STAGNATION, Keeping, Lineages
from population.islands import AFTER, FOUNDED, Members, members
from population.variant import Variant

Making = Callable[..., Variant]


def seed_founds(island: int, others: Sequence[str]) -> str:
    return "v0"


def settled(population: Members, lineages: Lineages, used: float = 0.0) -> list[tuple[str, int | None]]:
    """Settle, and return kinds and islands of the events."""
    events = lineages.settle(population, used, seed_founds, 5.0)
    return [(event.kind, event.data.get("island")) for event in events]


@pytest.fixture
def populated(a_variant: Making) -> Callable[[int], Members]:
    """Return what makes so many islands with one child each, the later the better."""

    def made(count: int) -> Members:
        variants = [a_variant("v0"), *(a_variant(f"v{n + 1}", "v0", island=n) for n in range(count))]
        return members(count, [(one, 100.0 - n) for n, one in enumerate(variants)], [])

    return made


# who has the next child


def test_lineages_without_a_child_come_first_in_turn() -> None:
    lineages, rng = Lineages(Keeping(4)), np.random.default_rng(0)
    assert [lineages.choose(rng) for _ in range(4)] == [0, 1, 2, 3]
    assert lineages.choose(rng) in range(4)


def test_a_lineage_that_was_founded_late_comes_first_too(populated: Callable[[int], Members]) -> None:
    lineages, rng = Lineages(Keeping(2, patience=1)), np.random.default_rng(0)
    for _ in range(2):
        island = lineages.choose(rng)
    lineages.learn(0, "v1", 1.0, 1.0)
    lineages.learn(1, "v2", 1.0, 1.0)
    lineages.learn(0, "v1", 0.0, 1.0)
    assert settled(populated(2), lineages) == [(ENDED, 0), (FOUNDED, 2)]
    island = lineages.choose(rng)
    assert island == 2
    assert lineages.alive[2].children == 1


def test_a_lineage_whose_children_gain_has_more_of_them() -> None:
    lineages, rng = Lineages(Keeping(3)), np.random.default_rng(0)
    for _ in range(60):
        island = lineages.choose(rng)
        lineages.learn(island, "v1", 0.3 if island == 1 else 0.0, 1.0)
    chosen = Counter(lineages.choose(rng) for _ in range(200))
    assert chosen[1] > 100


# what came of it


def test_children_are_barren_until_the_best_is_another() -> None:
    lineages = Lineages(Keeping(2))
    for island, best in [(0, "v1"), (0, "v1"), (1, "v2"), (0, "v1"), (1, "v2")]:
        lineages.learn(island, best, 0.0, 1.0)
    assert [one.barren for one in lineages.alive.values()] == [2, 1]
    assert lineages.barren == 2
    lineages.learn(0, "v3", 0.1, 1.0)
    assert [one.barren for one in lineages.alive.values()] == [0, 1]
    assert [one.best for one in lineages.alive.values()] == ["v3", "v2"]
    assert lineages.barren == 0


def test_the_late_child_of_a_lineage_that_was_given_up_teaches_nothing() -> None:
    lineages = Lineages(Keeping(1))
    before = lineages.state()
    lineages.learn(7, "v9", 1.0, 1.0)
    assert lineages.state() == before


# who is given up


@pytest.mark.parametrize(
    ("used", "left"), [(0.0, 12), (0.24, 12), (0.25, 5), (0.49, 5), (0.5, 2), (0.75, 1), (1.0, 1), (3.0, 1)]
)
def test_twelve_lineages_are_halved_to_five_two_and_one(
    used: float, left: int, populated: Callable[[int], Members]
) -> None:
    lineages = Lineages(Keeping(12))
    assert lineages.keeping.surviving(used) == left
    ended = settled(populated(12), lineages, used)
    assert {kind for kind, _ in ended} <= {ENDED}
    assert [*lineages.alive] == [*range(12 - left, 12)]  # the later ones are the better ones


@given(st.integers(1, 100), st.floats(0, 2), st.floats(0, 2))
def test_there_are_never_more_lineages_later_and_always_one(count: int, one: float, other: float) -> None:
    keeping, (earlier, later) = Keeping(count), sorted([one, other])
    assert 1 <= keeping.surviving(later) <= keeping.surviving(earlier) <= count
    assert keeping.surviving(0.0) == count


def test_a_lineage_that_is_given_up_says_why(populated: Callable[[int], Members]) -> None:
    lineages = Lineages(Keeping(2))
    lineages.learn(0, "v1", 0.0, 1.0)
    (event,) = lineages.settle(populated(2), 0.5, seed_founds, 5.0)
    assert (event.kind, event.at, event.data) == (ENDED, 5.0, {"island": 0, "best": "v1", "children": 0})
    assert event.text == "lineage 0 is given up: the budget goes to better lineages"


def test_a_barren_lineage_makes_room_for_another(populated: Callable[[int], Members]) -> None:
    population, lineages = populated(2), Lineages(Keeping(2, patience=3))
    for best in ("v1", "v1", "v1"):
        lineages.learn(0, best, 0.0, 1.0)
    assert settled(population, lineages) == []
    lineages.learn(0, "v1", 0.0, 1.0)
    ended, founded = lineages.settle(population, 0.0, seed_founds, 5.0)
    assert (ended.kind, ended.text) == (ENDED, "lineage 0 is given up: no gain in 3 children")
    assert founded.data == {"variant": "v0", "island": 2, AFTER: 3}
    assert founded.text == "v0 founds lineage 2"
    assert [*lineages.alive] == [1, 2]
    assert list(population.on(2)) == ["v0"]
    assert settled(population, lineages) == []
    assert lineages.alive[2].best == "v0"


def test_a_founder_is_chosen_beside_the_best_of_the_others(populated: Callable[[int], Members]) -> None:
    lineages, asked = Lineages(Keeping(3, patience=1)), []
    for island in range(3):
        lineages.learn(island, f"v{island + 1}", 0.1, 1.0)
    lineages.learn(1, "v2", 0.0, 1.0)

    def founder(island: int, others: Sequence[str]) -> str:
        asked.append((island, list(others)))
        return "v3"

    lineages.settle(populated(3), 0.0, founder, 5.0)
    assert asked == [(3, ["v1", "v3"])]


def test_with_no_patience_set_nobody_is_barren(populated: Callable[[int], Members]) -> None:
    lineages = Lineages(Keeping(2, patience=0))
    for _ in range(500):
        lineages.learn(0, "v1", 0.0, 1.0)
    assert settled(populated(2), lineages) == []


# what models are asked for


def test_what_is_asked_for_moves_on_while_nothing_helps_and_back_with_a_gain(
    populated: Callable[[int], Members],
) -> None:
    population, lineages = populated(1), Lineages(Keeping(1, stagnation=2))
    lineages.learn(0, "v1", 0.1, 1.0)
    levels, told = [], []
    for best in ["v1"] * 6 + ["v2"]:
        lineages.learn(0, best, 0.0, 1.0)
        told += lineages.settle(population, 0.0, seed_founds, 5.0)
        levels.append(lineages.level)
    assert levels == [0, 1, 1, 2, 2, 2, 0]
    assert [(event.kind, event.data) for event in told] == [
        (STAGNATION, {"level": 1, "before": 0}),
        (STAGNATION, {"level": 2, "before": 1}),
        (STAGNATION, {"level": 0, "before": 2}),
    ]
    assert [event.text for event in told] == [
        "no gain in 2 children: models are asked for another mechanism",
        "no gain in 4 children: models are asked for a new start from what was learnt",
        "a gain: models are asked for one refinement",
    ]


def test_with_no_stagnation_set_the_same_is_asked_for_always(populated: Callable[[int], Members]) -> None:
    lineages = Lineages(Keeping(1, stagnation=0))
    for _ in range(500):
        lineages.learn(0, "v1", 0.0, 1.0)
    assert settled(populated(1), lineages) == []
    assert lineages.level == 0


# after a restart


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_lineages_that_were_restored_go_on_as_the_others(seed: int, steps: int) -> None:
    keeping, draws = Keeping(4, patience=5, stagnation=3), np.random.default_rng(seed)
    live, population = Lineages(keeping), Members(4)
    population.add(_seed(), 1.0)

    def step(number: int, *several: Lineages) -> None:
        said = []
        best, gain = f"v{draws.integers(3)}", float(draws.random())
        for one in several:
            island = one.choose(np.random.default_rng(number))
            one.learn(island, best, gain, 1.0)
            said.append((island, one.settle(population, number / 100, seed_founds, 1.0), one.state()))
        assert said == [said[0]] * len(said)

    for number in range(steps):
        step(number, live)
    state = json.loads(json.dumps(live.state()))
    restored = Lineages(keeping)
    restored.restore(state)
    assert restored.state() == state
    for number in range(steps, steps + 20):
        step(number, live, restored)


def _seed() -> Variant:
    return Variant("v0", "d", "d", "f", (), "seed", "the seed", island=0, generation=0)
