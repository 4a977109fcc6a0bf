from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from evolve.proof.verification import KIND, Side, judged
from evolve.report.best import best_data, best_line
from evolve.report.final import final, final_data
from evolve.report.show import show, show_data
from evolve.report.status import status, status_data
from evolve.report.terminal import to_json
from evolve.report.verified import recorded, verified, verified_data, verified_line
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Purpose
from tests.evolve.report.conftest import HOSTILE, burst

Render = Callable[..., str]
SEEDS = (101, 102, 103)


def keep(run: Population, *failures: str) -> None:
    """Put a verification of the champion on record."""
    best, base = run.variants["v1"], run.variants["v0"]
    found = judged(
        Side("v1", best.digest, (None if failures else 2.21, 2.25, 2.18), failures),
        Side("v0", base.proposed, (2.52, 2.51, 2.47), ()),
        "test",
        SEEDS,
        Direction.MINIMIZE,
        20.0,
    )
    run.set_meta(**{KIND: found.data()})


def page(run: Population, render: Render) -> str:
    found = recorded(run)
    assert found is not None
    return render(verified(run, found), 100)


def test_the_page_shows_each_pair_the_gain_and_what_it_means(run: Population, render: Render) -> None:
    keep(run)
    text = page(run, render)
    assert "bpb on the test split" in text
    assert "101  2.210  2.520  +0.310" in text
    assert "+0.287  (95 % interval +0.224 to +0.349; p = 0.0013)" in text
    assert "+0.0143 for each of the 20 s of a burst" in text
    assert "v1 is better than the seed, on seeds and text that the search never saw" in text


def test_a_failure_is_shown_without_what_it_could_do_to_a_terminal(run: Population, render: Render) -> None:
    keep(run, f"seed 101: exception: {HOSTILE}")
    text = page(run, render)
    assert "101  failed  2.520" in text
    assert "v1, seed 101: exception: red one two" in text
    assert "v1 fails on a seed that the search never saw: it is not verified" in text
    line = verified_line(run)
    assert line is not None
    assert line.plain.startswith("not verified (failed) on the test split, 2 seeds: +")


def test_every_report_shows_it_for_the_champion_alone(run: Population, render: Render) -> None:
    line = "verified on the test split, 3 seeds: +0.287"
    pages = (lambda: status(run, running=False), lambda: best_line(run), lambda: final(run, Path("x")))
    assert not any(line in render(make(), 100) for make in pages)
    keep(run)
    assert all(line in render(make(), 100) for make in pages)
    assert "verified" in render(show(run, "v1"))
    assert "verified" not in render(show(run, "v0"))
    data = [status_data(run, running=False), best_data(run), final_data(run), show_data(run, "v1")]
    assert all(json.loads(to_json(one))["verified"]["pairs"] == 3 for one in data)
    assert show_data(run, "v0")["verified"] is None


def test_that_of_an_earlier_champion_is_not_shown(run: Population) -> None:
    keep(run)
    run.set_meta(champion="v3")
    assert recorded(run) is None
    assert verified_line(run) is None
    assert verified_data(run) is None


def test_bursts_of_a_look_afterwards_count_for_no_budget_and_no_score(
    run: Population, render: Render
) -> None:
    before = status_data(run, running=False), final_data(run)
    best = run.variants["v1"].digest
    failure = Failure(FailureKind.EXCEPTION, "no")
    run.commit(
        burst("v1", best, 9.0, Purpose.VERIFY, 101),
        burst("v1", best, None, Purpose.VERIFY, 102, failure),
        burst("v1", "c" * 32, 9.5, Purpose.ABLATION, 201),
    )
    after = status_data(run, running=False), final_data(run)
    assert after[0] == before[0] | {"afterwards": {"verify": 2, "ablation": 1}}
    assert after[1] == before[1]
    assert "3: 2 verify, 1 ablation" in render(status(run, running=False), 100)
    assert "9.0" not in render(show(run, "v1"), 100)


def test_an_empty_population_has_none(empty: Population) -> None:
    assert verified_data(empty) is None
