"""A search without an LLM, from the command line: repeatable, and every report tells the same of it."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from population.genome import digest, with_values
from population.store import Population
from population.variant import Purpose, State
from tests.system.command import SEED, TASK, Event, environment, events, evolve, side_by_side

pytestmark = pytest.mark.system

FLAGS = (
    *("--model", "none", "--burst-tokens", 3000, "--evaluations", 24, "--seed", 10),
    *("--ahead", 3, "--proposals", 0, "--trials", 5, "--seed-replicates", 2),
)
STATES = {
    State.SCORED: optuna.trial.TrialState.COMPLETE,
    State.FAILED: optuna.trial.TrialState.FAIL,
    State.PRUNED: optuna.trial.TrialState.PRUNED,
}


@dataclass(frozen=True)
class Searched:
    """Two searches with the same flags, side by side: what they printed, and the first one's reports."""

    cwd: Path
    one: list[Event]
    two: list[Event]
    reports: dict[str, Any]


@pytest.fixture(scope="module")
def searched(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    cwd = tmp_path_factory.mktemp("search")
    command = ("run", SEED, "--data", text, *TASK, *FLAGS, "--json")
    both = side_by_side([(*command, "--run", name) for name in ("a", "b")], cwd)
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    one, two = (events(done.stdout) for done in both)
    commands = {
        "tree": ("tree", "a"),
        "status": ("status", "a"),
        "best": ("best", "a", "-o", "champion.py"),
        "show": ("show", "a", one[-1]["champion"], "--diff"),
    }
    asked = side_by_side([(*words, "--json") for words in commands.values()], cwd)
    reports = {name: json.loads(done.stdout) for name, done in zip(commands, asked, strict=True)}
    return Searched(cwd, one, two, reports)


def test_the_same_seed_and_tokens_give_the_same_champion_scores_and_variants(searched: Searched) -> None:
    assert searched.one[-1] == searched.two[-1]
    assert searched.one[-1]["event"] == "finished"


def test_what_happens_happens_in_the_same_order(searched: Searched) -> None:
    def folded(lines: list[Event]) -> list[tuple[str, str]]:
        return [(line["event"], line["text"]) for line in lines[:-1] if line["event"] != "admitted"]

    assert folded(searched.one) == folded(searched.two)


def test_the_champion_is_better_than_the_seed_and_measured_more_than_once(searched: Searched) -> None:
    final = searched.one[-1]
    assert final["champion"] != "v0"
    assert final["gain"] > 0
    assert final["n"] >= 2
    assert final["evaluations"] == 24


def test_children_that_fail_are_kept_with_their_failure_and_without_a_score(searched: Searched) -> None:
    failed = [one for one in searched.one[-1]["variants"] if one["failure"]]
    assert failed
    assert {(one["failure"], one["score"]) for one in failed} == {("exception", None)}


def test_every_report_tells_the_same_of_a_run(searched: Searched) -> None:
    final = searched.one[-1]
    tree, status, best, shown = (searched.reports[name] for name in ("tree", "status", "best", "show"))
    assert {data["champion"] for data in (final, tree, status)} == {shown["id"]} == {best["variant"]["id"]}
    assert {data["score"] for data in (final, tree, status, best)} == {shown["fitness"]["mean"]}
    assert [one["id"] for one in tree["variants"]] == [one["id"] for one in final["variants"]]
    assert status["evaluations"]["total"] == final["evaluations"]
    assert status["variants"]["total"] == len(final["variants"])
    assert status["stopped"] == final["reason"] == "the budget of 24 evaluations is used"
    assert not status["running"]
    assert shown["source"] == best["source"]
    assert shown["diff"].startswith(f"--- {shown['parents'][0]}")


def test_a_variant_that_is_not_there_is_told_in_one_sentence(searched: Searched) -> None:
    done = evolve("show", "a", "v999", cwd=searched.cwd)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no variant 'v999' in this run; it has v0 to v")
    assert done.stderr.count("\n") == 1


def test_a_lineage_has_no_hole(searched: Searched) -> None:
    variants = searched.reports["tree"]["variants"]
    known = {one["id"] for one in variants}
    assert all(set(one["parents"]) <= known for one in variants)
    assert [one["id"] for one in variants if not one["parents"]] == ["v0"]


def test_best_writes_the_source_of_the_champion_to_a_file(searched: Searched) -> None:
    assert (searched.cwd / "champion.py").read_text() == searched.reports["best"]["source"]


def test_a_file_of_a_run_that_cannot_be_written_is_told_with_how_to_go_on(
    searched: Searched, tmp_path: Path
) -> None:
    shutil.copytree(searched.cwd / "a", tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "studies")
    (tmp_path / "a" / "studies").touch()
    done = evolve("resume", "a", "--evaluations", 30, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: a/studies: File exists; go on by `")
    assert done.stderr.endswith(" -m evolve resume a`\n")
    assert done.stderr.count("\n") == 1


def test_best_on_a_closed_output_is_silent(searched: Searched) -> None:
    line = shlex.join([sys.executable, "-m", "evolve", "best", "a"]) + " >&-"
    done = subprocess.run(
        line, shell=True, cwd=searched.cwd, env=environment(), stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_settings_saved_are_those_in_force_and_begin_the_same_search_on_a_pipe(
    searched: Searched,
) -> None:
    saved = tomllib.loads((searched.cwd / "a" / "evolve.toml").read_text())
    given = {"seed": 10, "burst_tokens": 3000, "evaluations": 24, "ahead": 3, "models": ["none"]}
    assert {name: saved[name] for name in given} == given
    assert {"slots", "device", "memory_mb", "context", "windows", "burst"} <= saved.keys()
    again = evolve("run", "--config", "a/evolve.toml", "--run", "c", "--evaluations", 5, cwd=searched.cwd)
    assert again.returncode == 0, again.stderr
    measured = [line["text"] for line in searched.one if line["event"] == "measured"]
    repeated = [line.split(maxsplit=2)[2] for line in again.stdout.splitlines() if "  measured   " in line]
    assert len(repeated) >= 3
    assert all(line.startswith(text) for line, text in zip(repeated, measured, strict=False))
    assert "\x1b" not in again.stdout
    assert "LLM: no LLM, since --model none was given" in again.stdout
    assert "python -m evolve tree c" in again.stdout


def test_the_journals_of_trials_open_with_stock_optuna(searched: Searched) -> None:
    def study(name: str) -> optuna.Study:
        file = searched.cwd / "a" / "studies" / f"{name}.log"
        return optuna.load_study(study_name=name, storage=JournalStorage(JournalFileBackend(str(file))))

    with Population.open(searched.cwd / "a") as population:
        trials = {
            (name, m.trial): STATES[m.state]
            for name in population.variants
            for m in population.measurements(name)
            if m.purpose is Purpose.TRIAL
        }
    names = {name for name, _ in trials}
    stored = {
        (name, trial.number): trial.state
        for name in names
        for trial in study(name).trials
        if not trial.user_attrs
    }
    assert stored == trials
    assert optuna.trial.TrialState.FAIL in trials.values()
    assert optuna.trial.TrialState.COMPLETE in trials.values()


def test_every_program_that_was_measured_can_be_written_out_again(searched: Searched) -> None:
    with Population.open(searched.cwd / "a") as population:
        measured = [m for name in population.variants for m in population.measurements(name)]
        for m in measured:
            proposed = population.source(population.variants[m.variant].proposed)
            assert digest(with_values(proposed, m.values)) == m.digest
    assert len({m.digest for m in measured}) > len(searched.one[-1]["variants"])  # trials among them
