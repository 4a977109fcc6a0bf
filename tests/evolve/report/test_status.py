from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from evolve.report.final import final
from evolve.report.status import ArmCount, arm_counts, call_counts, status, status_data
from population.ledger import Event
from population.store import Population
from tests.evolve.report.conftest import HOSTILE

Render = Callable[..., str]


def test_the_page_says_budgets_bursts_failures_and_refusals(run: Population, render: Render) -> None:
    text = render(status(run, running=False))
    assert "not running: the budget of 10 evaluations is used" in text
    assert re.search(r"evaluations .* 8 of 10", text)
    assert re.search(r"target +val_bpb 2", text)
    assert "8: 4 first, 1 trial, 3 replicate; 8 per hour" in text
    assert "1: 1 exception" in text
    assert "1: 1 reply" in text


def test_the_champion_is_compared_with_the_seed(run: Population, render: Render) -> None:
    text = render(status(run, running=True))
    assert text.startswith("running now")
    assert re.search(r"gain +\+0\.205 ± 0\.\d+ +P\(better than the seed\) 9\d\.\d %", text)


def test_the_contender_is_named(run: Population, render: Render) -> None:
    assert re.search(r"contender +none now", render(status(run, running=True)))
    run.commit(Event("contender", "v3 enters", 1030.0, {"variant": "v3", "place": 1}))
    assert re.search(r"contender +v3 +2\.45", render(status(run, running=True)))
    assert status_data(run, running=True)["contender"] == "v3"


def test_who_is_probably_better_than_the_champion_is_named_and_told_from_the_champion(
    run: Population, render: Render
) -> None:
    champion = run.meta("champion")
    for named in (None, (champion, 2.4, 0.01), ("v99", 2.4, 0.01)):
        run.commit(meta={"leader": named})
        assert "leader" not in render(status(run, running=True))
        assert status_data(run, running=True)["leader"] is None
    run.commit(meta={"leader": ("v3", 2.4, 0.01)})
    assert re.search(r"leader +v3 +2\.40* ± 0\.010* +probably better", render(status(run, running=True)))
    assert re.search(r"leader +v3 +2\.40* ± 0\.010* +probably better", render(final(run, run.folder)))
    assert status_data(run, running=True)["leader"] == {"variant": "v3", "mean": 2.4, "deviation": 0.01}


def test_an_unknown_price_is_said(run: Population, render: Render) -> None:
    text = render(status(run, running=False))
    assert re.search(r"timeout +1 .* unknown", text)
    assert "together: $0.2500 + 1 call of unknown price" in text


def test_operators_are_counted_with_their_models(run: Population) -> None:
    assert arm_counts(run) == [
        ArmCount("mutate", "openai/x", 3, refused=1, failed=0, improved=1, dollars=0.25, unpriced=1),
        ArmCount("crossover", "openai/x", tried=1, refused=0, failed=0, improved=0),
        ArmCount("syntactic", "", tried=1, refused=0, failed=1, improved=0),
    ]


def test_calls_are_counted_by_outcome_the_good_ones_first(run: Population) -> None:
    good, bad = call_counts(run.calls)
    assert (good.outcome, good.calls, good.prompt_tokens, good.dollars, good.unpriced) == (
        "ok",
        1,
        900,
        0.25,
        0,
    )
    assert (bad.outcome, bad.calls, bad.dollars, bad.unpriced) == ("timeout", 1, 0.0, 1)


def test_an_empty_population_has_a_status(empty: Population, render: Render) -> None:
    text = render(status(empty, running=True))
    assert "none yet: no variant has a score" in text
    assert status_data(empty, running=True)["bursts_per_hour"] is None


def test_the_data_holds_what_the_page_says(run: Population) -> None:
    data = status_data(run, running=False)
    spent = {"first": 4, "trial": 1, "confirm": 0, "replicate": 3, "control": 0, "credit": 0, "rung": 0}
    assert data["evaluations"] == {"total": 8, **spent}
    assert data["failures"] == {"exception": 1}
    assert data["refusals"] == {"reply": 1}
    assert data["dollars"] == {"known": 0.25, "calls_of_unknown_price": 1}
    assert [budget["name"] for budget in data["budgets"]] == ["evaluations", "dollars"]
    assert data["champion"] == "v1"
    json.dumps(data, allow_nan=False)


ARMS = [
    [["syntactic", "", ""], [0.0, 0.0, 8.0]],
    [["mutate", "openai/x", "diff"], [0.5, 0.25, 10.0]],
    [["mutate", "openai/x", "whole"], [0.1, 0.05, 10.0]],
]


def chosen(arms: list[Any], alive: list[Any]) -> dict[str, Any]:
    """Return what a search keeps of its choices."""
    return {"breeder": {"arms": arms, "lineages": {"alive": alive}}}


def test_arms_are_shown_with_the_gain_that_is_expected_of_a_burst(run: Population, render: Render) -> None:
    assert "gain per burst" not in render(status(run, running=True))
    run.set_meta(search=chosen(ARMS, []))
    text = render(status(run, running=True))
    rows = [r"mutate +openai/x +diff +0\.044", r"mutate +openai/x +whole +0\.015", r"syntactic +\S +0\.0094"]
    assert re.search(r" *\n +".join(rows), text)
    arms = status_data(run, running=True)["arms"]
    assert [(one["operator"], one["form"]) for one in arms] == [
        ("mutate", "diff"),
        ("mutate", "whole"),
        ("syntactic", ""),
    ]
    rates = [one["gain_per_burst"] for one in arms]
    assert rates == sorted(rates, reverse=True)
    assert 0.0 < rates[2] < rates[0] < 0.05


def test_before_anything_was_gained_no_gain_is_expected_in_numbers(run: Population, render: Render) -> None:
    run.set_meta(search=chosen(ARMS[:1], []))
    assert re.search(r"syntactic +– +unknown", render(status(run, running=True)))  # noqa: RUF001
    assert status_data(run, running=True)["arms"][0]["gain_per_burst"] is None


def test_the_lineages_that_are_alive_are_shown(run: Population, render: Render) -> None:
    assert "lineages" not in render(status(run, running=True))
    run.set_meta(search=chosen([], [[3, "v1", 12, 4], [0, "", 0, 0]]))
    text = render(status(run, running=True))
    assert re.search(r"\n +0 +0 +0 *\n +3 +v1 +2\.305 ± 0\.\d+ +12 +4", text)
    assert status_data(run, running=True)["lineages"] == [
        {"island": 0, "best": "", "children": 0, "barren": 0},
        {"island": 3, "best": "v1", "children": 12, "barren": 4},
    ]


def test_of_many_lineages_a_few_are_shown(run: Population, render: Render) -> None:
    run.set_meta(search=chosen([], [[island, "v1", 1, 0] for island in range(100)]))
    text = render(status(run, running=True))
    assert text.count("v1 ") < 20
    assert "and 88 more" in text


def test_a_hostile_name_does_no_harm_there(run: Population, render: Render) -> None:
    run.set_meta(search=chosen([[["mutate", HOSTILE, HOSTILE], [0.0, 0.0, 1.0]]], [[0, HOSTILE, 1, 0]]))
    text = render(status(run, running=True), width=200)
    assert "\x1b" not in text
    assert "[bold]not markup[/bold]" in text
