from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from evolve.errors import InputError
from evolve.report import events, exchanges
from evolve.report.dot import dot
from evolve.report.pair import pair, pair_data
from evolve.report.ranking import ranking, ranking_data
from evolve.report.running import under_way
from evolve.report.show import show, show_data
from evolve.report.shown import Choice, choose
from evolve.report.status import status
from evolve.report.tree import tree, tree_data
from population.records import Note
from population.store import Population

Render = Callable[..., str]


def names(population: Population, **choice: object) -> list[str]:
    return [variant.id for variant in choose(population, Choice(**choice)).shown]  # type: ignore[arg-type]


def test_a_lineage_is_shown_as_deep_as_is_asked(run: Population) -> None:
    assert names(run, depth=0) == ["v0"]
    assert names(run) == ["v0", "v1", "v2", "v3", "v4"]


def test_failures_are_shown_with_the_way_to_them(run: Population, render: Render) -> None:
    assert names(run, failed=True) == ["v0", "v2"]
    assert [one["id"] for one in tree_data(run, Choice(failed=True))["variants"]] == ["v2"]
    assert "v1" not in render(tree(run, Choice(failed=True)), 80).split("★")[0]


def test_alive_is_what_has_a_score_in_a_lineage_that_goes_on(run: Population) -> None:
    assert names(run, alive=True) == []
    run.set_meta(search={"breeder": {"lineages": {"alive": [[0, "v1", 3, 0]]}}})
    assert names(run, alive=True) == ["v0", "v1", "v3"]
    run.set_meta(search={"breeder": {"lineages": {"alive": [[7, "", 0, 0]]}}})
    assert names(run, alive=True) == []


def test_since_is_a_time_of_the_search_or_a_variant(run: Population) -> None:
    for at, name in enumerate(run.variants):
        run.commit(replace(run.variants[name], created=1000.0 + 60 * at))
    assert [one["id"] for one in tree_data(run, Choice(since="2m"))["variants"]] == ["v2", "v3", "v4"]
    assert [one["id"] for one in tree_data(run, Choice(since="v3"))["variants"]] == ["v3", "v4"]
    assert [one["id"] for one in tree_data(run, Choice(since="3"))["variants"]] == ["v3", "v4"]


@pytest.mark.parametrize("since", ["yesterday", "", "5", "v9", "2 weeks", "-1h"])
def test_a_since_that_is_neither_is_told_in_a_sentence(run: Population, since: str) -> None:
    with pytest.raises(InputError, match=r"such as 30m|no variant"):
        choose(run, Choice(since=since))


def test_nothing_to_show_is_said(run: Population, render: Render) -> None:
    assert "no variant is like that" in render(tree(run, Choice(alive=True)))


def test_a_graph_names_each_edge_and_escapes_what_a_model_wrote(run: Population) -> None:
    run.commit(replace(run.variants["v2"], hypothesis='say "hi" \\ \n// x'))
    text = dot(run, Choice())
    assert "v0 -> v1 [style=bold];" in text
    assert "v0 -> v3 [style=dashed];" in text
    assert r'tooltip="say \"hi\" \\ // x"' in text
    assert text.count("{") == text.count("}")


def test_the_best_come_first_and_the_champion_has_a_star(run: Population, render: Render) -> None:
    assert [one["id"] for one in ranking_data(run, 2)["variants"]] == ["v1", "v3"]
    text = render(ranking(run, 5), 80)
    assert re.search(r"★ v1 .*\n +v3 .*\n +v0 ", text)
    assert "v2" not in text  # it failed


def test_nothing_has_a_score_yet(empty: Population, render: Render) -> None:
    assert "no variant has a score yet" in render(ranking(empty, 5))


def test_two_variants_are_compared_with_an_interval(run: Population, render: Render) -> None:
    found = pair_data(run, "v0", "1")
    low, high = found["interval"]
    assert low < found["gain"] < high
    assert found["gain"] == pytest.approx(run.evidence("v0")[2] - 2.30, abs=0.02)
    assert "-LR = 3e-3" in found["diff"]
    assert "95 % interval" in render(pair(run, "v0", "v1"), 100)


def test_scores_that_were_chosen_by_have_no_interval(run: Population, render: Render) -> None:
    assert pair_data(run, "v0", "v3")["interval"] is None
    assert "without an interval" in render(pair(run, "v0", "v3"), 200)
    assert "one of them has no score" in render(pair(run, "v0", "v2"), 100)


def test_the_exchange_with_a_model_is_shown(run: Population, render: Render) -> None:
    folder = run.folder / exchanges.FOLDER
    folder.mkdir()
    written = {
        "model": "openai/x",
        "request": {"messages": [{"role": "user", "content": "Improve \x1b[2J it."}]},
        "response": "LR = 5e-3",
        "usage": {"prompt_tokens": 900, "completion_tokens": 80},
        "dollars": 0.25,
    }
    (folder / "1.json").write_text(json.dumps(written))
    (folder / "2.json").write_text("{ torn")
    run.commit(replace(run.variants["v1"], transcripts=("1.json", "2.json", "gone.json")))
    text = render(show(run, "v1", prompt=True), 100)
    assert "asked openai/x: 900 tokens, $0.2500" in text
    assert "Improve  it." in text
    assert "LR = 5e-3" in text
    assert [one["transcript"] for one in show_data(run, "v1", prompt=True)["exchanges"]] == ["1.json"]
    assert "asked openai/x" not in render(show(run, "v1"), 100)


def test_events_are_chosen_by_kind_and_number(run: Population) -> None:
    assert [event.kind for event in events.chosen(run, (), 1)] == ["refusal"]
    assert [event.kind for event in events.chosen(run, ("started", "measured"), 0)] == ["started", "measured"]


def test_following_a_run_that_has_ended_ends(run: Population) -> None:
    run.close()
    assert [event.kind for event in events.followed(run.folder, (), 2)] == ["measured", "refusal"]


def test_what_is_under_way_is_said_while_a_search_runs(run: Population, render: Render) -> None:
    birth = {"kind": "birth", "arm": {"operator": "mutate", "model": "openai/x"}}
    run.commit(
        Note("notes.jobs", "3", {"kind": "tune", "job": {"variant": "v1", "purpose": "trial"}}),
        Note("notes.jobs", "4", {**birth, "context": '{"parents": [{"variant": {"id": "v1"}}]}'}),
        Note("notes.jobs", "5", birth),
        Note("notes.progress", "5", {"variant": "v4"}),
        Note("notes.running", "5", "digest"),
    )
    assert [(job.what, job.variant, job.state) for job in under_way(run)] == [
        ("first burst of v4: idea of v4", "v4", "burst"),
        ("tuning of v1: idea of v1", "v1", "waits"),
        ("mutate openai/x: a child of v1", "", "asks"),
    ]
    assert "tuning of v1" in render(status(run, running=True), 100)
    assert "tuning of v1" not in render(status(run, running=False), 100)


def test_what_an_improvement_cost_is_unknown_where_a_price_is(run: Population, render: Render) -> None:
    row = next(line for line in render(status(run, False), 100).splitlines() if "mutate" in line)
    assert row.rstrip().endswith("unknown")
