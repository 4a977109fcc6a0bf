from __future__ import annotations

from evolve.page.graph import columns, lanes
from population.store import Population
from population.variant import Variant


def born(name: str, *parents: str) -> Variant:
    return Variant(name, "d", "d", f"f{name}", parents, "mutate", f"idea of {name}", 0, len(parents))


def test_columns_say_what_the_tree_says(run: Population) -> None:
    found = columns(run)
    assert found["id"] == ["v0", "v1", "v2", "v3", "v4"]
    assert found["parents"] == [[], [0], [0], [1, 0], [1]]
    assert found["line"] == [0, 1]
    assert [found["words"]["state"][n] for n in found["state"]] == [
        "scored",
        "scored",
        "failed",
        "scored",
        "waiting",
    ]
    assert [n if n < 0 else found["words"]["failure"][n] for n in found["failure"]] == [
        -1,
        -1,
        "exception",
        -1,
        -1,
    ]
    assert found["score"] == [2.51, 2.305, None, 2.45, None]
    assert found["n"] == [2, 2, 0, 1, 0]
    assert round(found["gain"][1], 3) == 0.205
    assert found["trials"] == [0, 1, 0, 0, 0]


def test_hypotheses_are_safe_to_show(run: Population) -> None:
    said = columns(run)["hypothesis"][3]
    assert said == "red one two esrever [bold]not markup[/bold]"


def test_the_champion_s_descent_is_straight_and_others_keep_away_from_it() -> None:
    variants = [
        born("v0"),
        born("v1", "v0"),
        born("v2", "v0"),
        born("v3", "v1"),
        born("v4", "v2"),
        born("v5", "v2"),
    ]
    found = lanes(variants, ["v0", "v2", "v5"])
    assert [found[n] for n in (0, 2, 5)] == [0, 0, 0]
    assert found[1] == found[3] != 0
    assert found[4] != 0


def test_a_lane_is_free_again_once_its_branch_has_ended() -> None:
    variants = [born("v0"), *(born(f"v{n}", "v0") for n in range(1, 9))]
    assert set(lanes(variants, ["v0"])[1:]) == {1}


def test_a_branch_that_grows_moves_nobody_born_before_it() -> None:
    variants = [born("v0"), born("v1", "v0"), born("v2", "v0"), born("v3", "v2"), born("v4", "v1")]
    line = ["v0"]
    for size in range(2, len(variants)):
        assert lanes(variants, line)[:2] == lanes(variants[:size], line)[:2]


def test_an_empty_run_has_empty_columns(empty: Population) -> None:
    assert columns(empty)["id"] == []
    assert columns(empty)["lane"] == []


def test_a_variant_whose_parent_is_gone_is_drawn() -> None:
    assert lanes([born("v5", "v3"), born("v6", "v5")], []) == [1, 1]
