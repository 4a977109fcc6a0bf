from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.crediting import CREDIT
from evolve.report.final import final, final_data
from evolve.report.show import show, show_data
from evolve.report.tree import tree, tree_data
from evolve.tuned import TUNINGS
from population.ledger import Event
from population.records import Note
from population.store import Population

Render = Callable[..., str]
OWED: dict[str, Any] = {
    "variant": "v1",
    "parent": "v0",
    "trials": 4,
    "gain": 0.205,
    "error": 0.01,
    "structure": 0.15,
    "structure_error": 0.012,
    "numbers": 0.055,
    "numbers_error": 0.011,
}


def weight(share: float, matters: bool | None) -> dict[str, Any]:
    return {"share": share, "swing": share / 10, "ped_anova": share, "matters": matters}


@pytest.fixture
def credited(run: Population) -> Population:
    weights = {"WARMUP": weight(0.01, False), "LR": weight(0.9, True), "WIDTH": weight(0.09, None)}
    run.commit(Event(CREDIT, "said", 1030.0, OWED), Note(TUNINGS, "v1", {"weights": weights}))
    return run


def test_a_gain_is_said_with_what_it_is_owed_to(credited: Population, render: Render) -> None:
    said = "+0.205: structure +0.150 ± 0.012, numbers +0.055 ± 0.011"
    for page in (show(credited, "v1"), tree(credited), final(credited, Path("runs/x"))):
        assert said in render(page, 160)
    assert said not in render(show(credited, "v3"), 160)


def test_the_data_holds_the_credit(credited: Population) -> None:
    expected = {name: value for name, value in OWED.items() if name != "variant"}
    assert show_data(credited, "v1")["credit"] == expected
    for data in (tree_data(credited), final_data(credited)):
        assert [one["credit"] for one in data["variants"] if one["credit"]] == [expected]


def test_a_credit_without_known_noise_has_no_errors(run: Population, render: Render) -> None:
    run.commit(Event(CREDIT, "said", 1.0, {**OWED, "structure_error": None, "numbers_error": None}))
    assert "+0.205: structure +0.150, numbers +0.055" in render(show(run, "v1"), 160)


def test_which_numbers_matter_is_shown_the_weightiest_first(credited: Population, render: Render) -> None:
    text = render(show(credited, "v1"), 160)
    assert "LR matters (90 %), WIDTH matters little (9 %), WARMUP does not matter (1 %)" in text
