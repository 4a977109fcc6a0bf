from __future__ import annotations

import json
import re
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from evolve.report.standing import contender
from evolve.report.tree import layout, tree, tree_data
from population.ledger import Event
from population.lineage import tree as roots_of
from population.store import Population
from population.variant import Variant

Render = Callable[..., str]


def row_of(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if f" {name} " in line)


def test_the_champion_has_a_star_its_score_error_gain_and_trials(run: Population, render: Render) -> None:
    row = row_of(render(tree(run)), "v1")
    assert row.startswith("★ v1") or "★ v1" in row
    assert re.search(r"2\.305 ± 0\.\d+ +\+0\.205", row)
    assert "[1 trial] idea of v1" in row


def test_who_is_measured_against_the_champion_is_marked(run: Population, render: Render) -> None:
    assert "● v3" in row_of(render(tree(run)), "v3")
    run.commit(Event("contender", "v3 enters", 1030.0, {"variant": "v3", "place": 1}))
    assert "◆ v3" in row_of(render(tree(run)), "v3")
    assert contender(run) == "v3"
    run.commit(Event("left", "v3 leaves", 1040.0, {"variant": "v3", "place": 1}))
    assert "● v3" in row_of(render(tree(run)), "v3")
    assert contender(run) is None


def test_a_failure_shows_its_kind_and_no_score(run: Population, render: Render) -> None:
    assert re.match(r"├─✗ v2 +exception +syntactic", row_of(render(tree(run)), "v2"))


def test_a_second_parent_is_named(run: Population, render: Render) -> None:
    assert "(+ v0)" in row_of(render(tree(run)), "v3")


def test_a_variant_without_a_burst_waits(run: Population, render: Render) -> None:
    assert "waiting" in row_of(render(tree(run)), "v4")


def test_a_hostile_hypothesis_is_shown_as_plain_text(run: Population, render: Render) -> None:
    row = row_of(render(tree(run), 120), "v3")
    assert "red one two esrever [bold]not markup[/bold]" in row


def test_nothing_is_wider_than_the_terminal(run: Population, render: Render) -> None:
    for width in (60, 80, 120):
        assert max(map(cell_len, render(tree(run), width).splitlines())) <= width


def test_an_empty_population_has_a_tree(empty: Population, render: Render) -> None:
    assert "0 variants: none yet" in render(tree(empty))


def test_the_data_holds_the_variants_in_order_of_birth(run: Population) -> None:
    data = tree_data(run)
    assert [v["id"] for v in data["variants"]] == ["v0", "v1", "v2", "v3", "v4"]
    assert [v["state"] for v in data["variants"]] == ["scored", "scored", "failed", "scored", "waiting"]
    assert [v["on_champion_line"] for v in data["variants"]] == [True, True, False, False, False]
    assert data["variants"][3]["parents"] == ["v1", "v0"]
    json.dumps(data, allow_nan=False)


def grown(parents: list[int]) -> list[Variant]:
    """Return a tree in which variant i + 1 descends from variant ``parents[i] % (i + 1)``."""
    seed = Variant("v0", "", "", "", (), "seed", "", 0, 0)
    return [seed] + [
        Variant(f"v{i}", "", "", "", (f"v{p % i}",), "mutate", "", 0, 1) for i, p in enumerate(parents, 1)
    ]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 10**6), max_size=60))
def test_every_variant_is_drawn_once_below_its_parent_and_never_far_to_the_right(parents: list[int]) -> None:
    variants = grown(parents)
    rows = list(layout(roots_of(variants), []))
    names = [row.node.variant.id for row in rows]
    assert sorted(names) == sorted(v.id for v in variants)
    assert all(names.index(v.parents[0]) < names.index(v.id) for v in variants if v.parents)
    assert max(row.indent for row in rows) <= len(variants).bit_length()


def test_the_champions_line_goes_straight_down(run: Population) -> None:
    variants = grown([0, 0, 1, 1, 1, 2])  # v2's branch is small, v1's is large
    rows = {row.node.variant.id: row.indent for row in layout(roots_of(variants), ["v0", "v2", "v6"])}
    assert [rows[name] for name in ("v0", "v2", "v6")] == [0, 0, 0]
    assert rows["v1"] == 1


def test_a_lineage_of_five_thousand_generations_is_one_straight_line() -> None:
    rows = list(layout(roots_of(grown(list(range(5000)))), []))
    assert {row.indent for row in rows} == {0}
