from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.errors import EvolveError
from evolve.report.best import best, best_data, best_line
from evolve.report.final import final, final_data
from evolve.report.show import show
from evolve.report.status import status
from evolve.report.terminal import to_json
from evolve.report.tree import tree
from population.ledger import Call
from population.store import Population

Render = Callable[..., str]


def test_the_end_says_gain_ideas_cost_and_what_to_type_next(run: Population, render: Render) -> None:
    text = render(final(run, Path("runs/my run")), 100)
    assert "the budget of 10 evaluations is used" in text
    assert "8 bursts of 5 variants, 1:00:00, 2 LLM calls, $0.2500 + 1 call of unknown price" in text
    assert "★ v1" in text
    assert "P(better than the seed) 99." in text
    assert "idea of v1" in text
    assert "python -m evolve tree 'runs/my run'" in text
    assert "python -m evolve show 'runs/my run' v1 --diff" in text


def test_names_that_look_like_markup_are_shown_as_they_are(run: Population, render: Render) -> None:
    run.set_meta(metric="[red]loss")
    text = render(final(run, Path("runs/[bold]x")), 100)
    assert "[red]loss 2.305" in text
    assert "tree 'runs/[bold]x'" in text
    for page in (tree(run), status(run, running=False), show(run, "v1"), best_line(run)):
        assert "[red]loss" in render(page, 100)


def test_a_search_that_found_nothing_better_says_so(run: Population, render: Render) -> None:
    run.set_meta(champion="v0")
    text = render(final(run, Path("runs/x")))
    assert "is still the best" in text
    assert "gain" not in text


def test_a_search_whose_every_llm_call_failed_says_so(empty: Population, render: Render) -> None:
    call = Call("openai/x", "mutate", "auth", 0, 0, 0.0, 0.4, 1, "1.json", 1.0)
    empty.commit(call, replace(call, outcome="resting"))
    assert "2 LLM calls, none answered, $0.00" in render(final(empty, Path("runs/x")))


def test_an_empty_population_has_an_end(empty: Population, render: Render) -> None:
    assert "no champion: no variant has a score" in render(final(empty, Path("runs/x")))


def test_the_data_holds_no_times(run: Population) -> None:
    data = json.loads(to_json(final_data(run)))
    assert data["champion"] == "v1"
    assert data["reason"] == "the budget of 10 evaluations is used"
    assert data["evaluations"] == 8
    assert [v["failure"] for v in data["variants"]] == [None, None, "exception", None, None]
    assert not {"created", "seconds", "at"} & set().union(*data["variants"])


def test_the_best_is_the_champion_with_its_tuned_source(run: Population) -> None:
    variant, source = best(run)
    assert variant.id == "v1"
    assert "LR = 7e-3" in source
    assert best_data(run)["source"] == source


def test_the_summary_of_the_best_is_one_line(run: Population, render: Render) -> None:
    text = render(best_line(run), 60)
    assert text.count("\n") == 1
    assert "★ v1" in text
    assert "+0.205 over the seed" in text


def test_without_a_score_there_is_no_best(empty: Population) -> None:
    with pytest.raises(EvolveError, match="no champion yet"):
        best(empty)
