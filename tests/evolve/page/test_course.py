from __future__ import annotations

from pathlib import Path

import pytest

from evolve.page.course import course
from population.ledger import Call, Event
from population.store import Population
from population.variant import Purpose, Variant


@pytest.fixture
def crowned(tmp_path: Path, a_measurement) -> Population:
    """The seed, twice measured; a failure; a champion that won on two fresh seeds."""
    with Population.create(tmp_path) as population:
        digest = population.keep_source("x = 1\n")

        def made(name: str, *parents: str) -> Variant:
            return Variant(name, digest, digest, name, parents, "mutate", name, 0, 0, created=100.0)

        def burst(name: str, score: float, **more: object):
            return a_measurement(name, score, digest=digest, seconds=10.0, **more)

        def call(dollars: float | None, at: float) -> Call:
            return Call("m", "mutate", "ok", 1, 1, dollars, 1.0, 1, f"{at}.json", at)

        population.commit(
            made("v0"),
            burst("v0", 3.0),
            Event("measured", "", 10.0),
            Event("champion", "", 10.0, {"variant": "v0"}),
        )
        population.commit(
            burst("v0", 3.2, seed=1, purpose=Purpose.REPLICATE),
            Event("replicated", "", 20.0),
            call(0.5, 25.0),
        )
        population.commit(
            made("v1", "v0"), burst("v1", 2.0, share=0.5), Event("measured", "", 30.0), call(None, 35.0)
        )
        population.commit(burst("v1", 2.2, seed=1, purpose=Purpose.REPLICATE), Event("replicated", "", 40.0))
        population.commit(Event("champion", "", 40.0, {"variant": "v1"}), call(0.25, 45.0))
        population.commit(burst("v1", 9.0, seed=7, purpose=Purpose.VERIFY), meta={"champion": "v1"})
        return population


def test_each_champion_stands_at_what_had_been_spent_when_it_was_crowned(crowned: Population) -> None:
    seed, best = course(crowned)["champions"]
    assert [seed[name] for name in ("id", "evaluations", "seconds", "dollars")] == ["v0", 1.0, 10.0, 0.0]
    assert [best[name] for name in ("id", "evaluations", "seconds", "dollars")] == ["v1", 3.5, 40.0, 0.5]


def test_its_score_is_the_estimate_of_the_engine(crowned: Population) -> None:
    best = course(crowned)["champions"][1]
    fitness = crowned.fitness("v1")
    assert fitness is not None
    assert (best["mean"], best["error"], best["n"]) == (fitness.mean, fitness.standard_error, fitness.n)


def test_what_is_no_search_costs_no_budget(crowned: Population) -> None:
    assert course(crowned)["now"] == {"evaluations": [3.5], "seconds": [40.0], "dollars": [0.75]}


def test_each_variant_stands_at_its_first_full_burst(crowned: Population) -> None:
    assert course(crowned)["variants"]["evaluations"] == [1.0, 2.5]


def test_an_empty_run_has_no_course(empty: Population) -> None:
    assert course(empty) == {
        "champions": [],
        "now": {"evaluations": [0.0], "seconds": [0.0], "dollars": [0.0]},
        "variants": {"evaluations": [], "seconds": [], "dollars": []},
    }
