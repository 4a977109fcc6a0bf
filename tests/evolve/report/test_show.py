from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from evolve.errors import InputError
from evolve.report.show import show, show_data
from evolve.report.status import status, status_data
from population.store import Population

Render = Callable[..., str]


def test_a_variant_is_shown_with_parent_maker_bursts_and_values(run: Population, render: Render) -> None:
    text = render(show(run, "v1"))
    for part in ("★ champion", "idea of v1", "from 2 bursts", "mutate, openai/x", "v0 → v1", "gain +0.205"):
        assert part in text
    for part in ("first", "trial 0", "replicate", "20.0k", "LR=0.007", "learning curve"):
        assert part in text


def test_a_failure_shows_the_last_lines_of_its_traceback_without_escapes(
    run: Population, render: Render
) -> None:
    text = render(show(run, "v2"))
    assert "failure of burst 1: exception" in text
    assert "      x = 1" in text
    assert text.count("ValueError: bad shape") == 1
    assert "\x1b" not in text


def test_both_parents_of_a_crossover_are_shown(run: Population, render: Render) -> None:
    text = render(show(run, "v3"))
    assert text.count("\nparent ") == 2
    assert "red one two esrever [bold]not markup[/bold]" in text


def test_the_diff_spells_out_what_is_invisible(run: Population, render: Render) -> None:
    text = render(show(run, "v2", diff=True))
    assert "changes since v0" in text
    assert "+# \\u202e hidden\\x1b[2J" in text


def test_the_diff_is_coloured_on_a_terminal(run: Population, render: Render) -> None:
    assert "\x1b[" in render(show(run, "v2", diff=True), colour=True)


def test_a_seed_that_was_not_tuned_has_no_changes(run: Population, render: Render) -> None:
    text = render(show(run, "v0", diff=True))
    assert text.rstrip().endswith("none")


def test_a_variant_that_waits_can_be_shown(run: Population, render: Render) -> None:
    assert "none has ended yet" in render(show(run, "v4"))


def test_an_unknown_variant_is_refused_and_the_known_are_named(run: Population) -> None:
    with pytest.raises(InputError, match="no variant 'v9' in this run; it has v0 to v4"):
        show(run, "v9")


def test_the_data_holds_measurements_source_and_diff(run: Population) -> None:
    data = show_data(run, "v1", diff=True)
    assert [m["state"] for m in data["measurements"]] == ["scored"] * 4
    assert data["fitness"]["n"] == 2
    assert data["champion"] is True
    assert "LR = 7e-3" in data["source"]
    assert "-LR = 3e-3" in data["diff"]
    json.dumps(data, allow_nan=False)


def test_the_command_that_opens_the_study_of_a_tuned_variant_is_shown(
    run: Population, render: Render
) -> None:
    assert "optuna-dashboard" not in render(show(run, "v1"), 300)
    assert show_data(run, "v1")["study"] is None
    file = run.folder / "studies" / "v1.log"
    file.parent.mkdir()
    file.write_text("")
    assert f"optuna-dashboard {file}" in render(show(run, "v1"), 300)
    assert show_data(run, "v1")["study"] == str(file)
    assert "optuna-dashboard" not in render(show(run, "v0"), 300)


def test_status_opens_the_study_of_the_champion_or_else_the_newest(run: Population, render: Render) -> None:
    folder = run.folder / "studies"
    folder.mkdir()
    assert "studies" not in render(status(run, running=False), 300)
    for name, first in (("v0", "v0"), ("v3", "v3"), ("v1", "v1")):
        (folder / f"{name}.log").write_text("")
        assert f"optuna-dashboard {folder / first}.log" in render(status(run, running=False), 300)
    assert status_data(run, running=False)["studies"] == ["v1", "v3", "v0"]
