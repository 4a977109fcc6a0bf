from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from evolve.proof.ablation import KIND, Ablation, Effect, Row, Smallest, Verdict
from evolve.report.ablation import ablated, ablated_data, recorded, smallest, smallest_data
from evolve.report.show import show
from evolve.report.terminal import to_json
from population.store import Population
from tests.evolve.report.conftest import HOSTILE

Render = Callable[..., str]
GOOD = Effect(0.31, 0.02, 0.27, 0.35, 0.0001)
NONE = Effect(0.01, 0.02, -0.03, 0.05, 1.0)
FAILS = Effect(failure=f"exception: {HOSTILE}")


@pytest.fixture
def table(run: Population) -> Ablation:
    best, base = run.variants["v1"], run.variants["v0"]
    rows = (
        Row(1, (1, 1), "LR = 3e-3 -> 7e-3", GOOD, NONE, "a", "b", Verdict.HELPS),
        Row(2, (4, 9), f"+ {HOSTILE}", FAILS, FAILS, "", "", Verdict.NEEDED),
    )
    found = Ablation("v1", best.digest, "v0", base.proposed, (1, 2, 3), GOOD, rows, 2, 5, 0.021, 8, ())
    run.set_meta(**{KIND: found.data()})
    return found


def test_the_table_shows_each_hunk_with_its_lines_its_gains_and_its_verdict(
    table: Ablation, render: Render
) -> None:
    text = render(ablated(table), 120)
    assert "1      1  LR = 3e-3 -> 7e-3" in text
    assert "+0.310 ± 0.020  " in text
    assert "helps" in text
    assert "2    4-9  + red one two" in text
    assert "fails: exception" in text
    assert "all together +0.310 ± 0.020" in text
    assert "5 programs on 3 seeds each, noise 0.021 for one burst (8 degrees of freedom)" in text
    assert "2 further changes in comments and whitespace alone left the program as it is" in text
    assert "\x1b" not in text


def test_it_fits_a_narrow_terminal(table: Ablation, render: Render) -> None:
    text = render(ablated(table), 80)
    assert max(map(len, text.splitlines())) <= 80
    for part in ("left out", "alone", "verdict", "+0.310 ± 0.020", "helps"):
        assert part in text


def test_it_is_shown_with_the_champion_that_it_is_of(
    table: Ablation, run: Population, render: Render
) -> None:
    assert recorded(run) == table
    assert "all together" in render(show(run, "v1"), 120)
    assert "all together" not in render(show(run, "v0"), 120)
    run.set_meta(champion="v3")
    assert recorded(run) is None


def test_the_smallest_champion_is_compared_before_it_is_written(table: Ablation, render: Render) -> None:
    small = Smallest("", "d", (1,), (2,), NONE, as_good=True)
    assert smallest(table, small, "s.py").plain == (
        "v1 with 1 of its 2 hunks is as good, within noise: +0.010 ± 0.020 against v1 "
        "(95 % interval -0.030 to +0.050); written to s.py"
    )
    better = replace(small, effect=GOOD)
    assert "is better than v1: +0.310" in smallest(table, better, "s.py").plain
    worse = replace(small, effect=replace(GOOD, gain=-0.31), as_good=False)
    assert "is worse than v1: -0.310" in smallest(table, worse, "s.py").plain
    assert smallest(table, worse, "s.py").plain.endswith("s.py is not written")
    fails = replace(small, effect=FAILS, as_good=False)
    assert smallest(table, fails, "s.py").plain.endswith("not markup[/bold]): s.py is not written")
    unknown = replace(small, effect=Effect(), as_good=False)
    assert "could not be measured" in smallest(table, unknown, "s.py").plain


def test_the_data_is_plain(table: Ablation) -> None:
    small = Smallest("text", "d", (1,), (2,), NONE, as_good=True)
    data = json.loads(to_json({**ablated_data(table), "minimal": smallest_data(small)}))
    assert [row["verdict"] for row in data["rows"]] == ["helps", "needed"]
    assert data["rows"][0]["left_out"]["gain"] == 0.31
    assert data["minimal"]["kept"] == [1]
