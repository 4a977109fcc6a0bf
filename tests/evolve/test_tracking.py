from __future__ import annotations

import importlib.util
import math
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolve import flags
from evolve.errors import InputError
from evolve.progress import Snapshot
from evolve.report.live import Unmanaged
from evolve.settings import Settings, differing, load
from evolve.tracking import feed as feeding
from evolve.tracking.feed import KEY, Feed, numbers, tracked
from evolve.tracking.tracker import Told, check
from population.fitness import Fitness
from population.ledger import Event
from population.store import Population

SOURCE = "LR = 1\n```\n# not a heading\n"
SNAPSHOT = Snapshot(
    run="runs/x",
    metric="val_bpb",
    direction="minimize",
    budgets=(),
    slots=2,
    running=1,
    asking=0,
    evaluations=5.0,
    variants=2,
    failed=1,
    refused=3,
    champion="v1",
    best=Fitness(2.25, 0.5, 2),
    seed=Fitness(2.5, 0.5, 2),
    dollars=0.125,
    unpriced=0,
    elapsed=3600.0,
    remaining=None,
)
CHAMPION = Event("champion", "v1 is the new champion", 1.0, {"variant": "v1"})


class Kept(Unmanaged):
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.pictures = 0

    def event(self, event: Event) -> None:
        self.events.append(event)

    def update(self, snapshot: Snapshot) -> None:
        self.pictures += 1

    def notes(self) -> list[str]:
        return [event.text for event in self.events if event.kind == "note"]


@pytest.fixture
def run(tmp_path: Path, a_variant: Any, a_measurement: Any) -> Iterator[Population]:
    with Population.create(tmp_path / "run") as population:
        digest = population.keep_source(SOURCE)
        population.commit(
            a_variant("v0"),
            a_variant("v1", "v0", digest=digest, hypothesis="an idea"),
            a_measurement("v1", 2.25, digest=digest),
            meta={"metric": "val_bpb", "direction": "minimize"},
        )
        yield population


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'evolve-train[{package}]'")


def searched(run: Population, *names: Any, evaluations: float = 5.0) -> Kept:
    """Show what a search would show, with these trackers."""
    kept = Kept()
    with tracked(kept, Settings(track=names, seed=7), run) as display:
        display.update(replace(SNAPSHOT, evaluations=evaluations))
        display.event(Event("measured", "v1 2.25", 1.0, {"variant": "v1"}))
        display.event(CHAMPION)
        display.update(replace(SNAPSHOT, evaluations=evaluations + 1, best=Fitness(2.0, math.nan, 1)))
    return kept


def test_without_a_tracker_the_display_is_shown_all_and_nothing_else_is_there(run: Population) -> None:
    kept = Kept()
    with tracked(kept, Settings(), run) as display:
        assert display is kept
    assert run.meta(KEY) is None


def test_the_numbers_of_a_snapshot_are_those_that_are_known() -> None:
    whole = numbers(SNAPSHOT)
    assert whole == {
        "dollars": 0.125,
        "variants": 2,
        "failed": 1,
        "refused": 3,
        "best": 2.25,
        "best_error": 0.5,
        "seed": 2.5,
        "gain": 0.25,
    }
    assert numbers(replace(SNAPSHOT, direction="maximize"))["gain"] == -0.25
    assert "best_error" not in numbers(replace(SNAPSHOT, best=Fitness(2.0, math.nan, 1)))
    assert not {"best", "gain", "seed"} & set(numbers(replace(SNAPSHOT, best=None, seed=None)))


def board(folder: Path) -> Any:
    """Read what TensorBoard would show of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()
    return read


def test_tensorboard_is_told_scores_costs_and_the_champion(run: Population) -> None:
    needs("tensorboard")
    kept = searched(run, "tensorboard")
    assert kept.notes() == []
    assert (len(kept.events), kept.pictures) == (2, 2)
    read = board(run.folder)
    assert [(one.step, one.value) for one in read.Scalars("best")] == [(5, 2.25), (6, 2.0)]
    assert [(one.step, one.value) for one in read.Scalars("score")] == [(5, 2.25)]
    assert [one.value for one in read.Scalars("dollars")] == [0.125, 0.125]
    assert [one.value for one in read.Scalars("gain")] == [0.25, 0.5]
    (champion,) = read.Tensors("champion/text_summary")
    assert champion.tensor_proto.string_val[0].decode() == f"v1: an idea\n\n````python\n{SOURCE}````"


def test_a_resumed_search_goes_on_in_the_same_run(run: Population) -> None:
    needs("tensorboard")
    searched(run, "tensorboard")
    known = run.meta(KEY)
    searched(run, "tensorboard", evaluations=7.0)
    assert run.meta(KEY) == known
    files = list((run.folder / "tensorboard").iterdir())
    assert len(files) == 2
    assert {one.step for one in board(run.folder).Scalars("variants")} == {5, 6, 7, 8}


def test_a_tracker_that_fails_is_said_once_and_the_search_goes_on(run: Population) -> None:
    needs("tensorboard")
    (run.folder / "tensorboard").write_text("in the way")
    kept = Kept()
    with tracked(kept, Settings(track=("tensorboard",)), run) as display:
        deadline = time.monotonic() + 60
        while not kept.notes() and time.monotonic() < deadline:
            display.update(SNAPSHOT)
            time.sleep(0.02)
        for _ in range(3):
            display.update(SNAPSHOT)
            display.event(CHAMPION)
    (note,) = kept.notes()
    assert note.startswith("tensorboard is told nothing more, the search goes on: ")
    assert "\n" not in note
    assert len([event for event in kept.events if event.kind == "champion"]) == 3


def test_a_tracker_that_hangs_delays_nothing_and_is_ended(run: Population) -> None:
    needs("tensorboard")
    feed = Feed("tensorboard", Told("id", str(run.folder), "val_bpb", "minimize", {}))
    os.kill(feed.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(2000):  # far more than a pipe holds
        feed.send(["numbers", [1.0, {"a_number_with_a_rather_long_name": 1.0}]])
    assert time.monotonic() - began < 5
    assert feed.failure() is None
    said = feed.close(patience=0.2)
    assert said is not None
    assert said.startswith("tensorboard did not finish in 0.2 s, and was ended")
    assert feed.process.returncode == -signal.SIGKILL


def test_mlflow_is_told_scores_and_the_champion_in_one_run(
    run: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("mlflow")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert searched(run, "mlflow").notes() == []
    assert searched(run, "mlflow", evaluations=7.0).notes() == []
    read = sqlite3.connect(run.folder / "mlflow" / "mlflow.db")
    try:
        assert read.execute("select name, status from runs").fetchall() == [("run", "FINISHED")]
        steps = read.execute("select step, value from metrics where key = 'best' order by step").fetchall()
        assert steps == [(5, 2.25), (6, 2.0), (7, 2.25), (8, 2.0)]
        assert ("seed", "7") in read.execute("select key, value from params").fetchall()
    finally:
        read.close()
    (source,) = (run.folder / "mlflow" / "artifacts").glob("*/artifacts/champions/v1.py")
    assert source.read_text() == SOURCE


def test_wandb_is_told_offline_under_the_id_of_the_search(
    run: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert searched(run, "wandb").notes() == []
    (file,) = (run.folder / "wandb").glob(f"offline-run-*/run-{run.meta(KEY)}.wandb")
    written = file.read_bytes()
    assert all(word in written for word in (b"evaluations", b"best_error", b"v1.py", b"champion-"))


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_package_that_is_missing_is_named_by_its_extra(name: str) -> None:
    found = importlib.util.find_spec(name)
    if found is not None and found.origin is not None:
        check([name])
    else:
        with pytest.raises(InputError, match=rf"--track {name} .*pip install 'evolve-train\[{name}\]'"):
            check([name])


def test_a_folder_that_a_tracker_left_is_not_taken_for_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(InputError, match="--track wandb needs a package"):
        check(["wandb"])


def test_a_search_that_cannot_start_a_tracker_goes_on(run: Population) -> None:
    (run.folder / "logs").write_text("in the way")
    kept = searched(run, "tensorboard")
    assert kept.notes() == ["tensorboard cannot be told, the search goes on: File exists"]
    assert (len(kept.events), kept.pictures) == (3, 2)


def test_a_champion_whose_source_is_lost_is_no_end_of_the_search(run: Population) -> None:
    needs("tensorboard")
    (file,) = (run.folder / "variants").glob("*/*.py")
    file.unlink()
    assert searched(run, "tensorboard").notes() == []
    assert board(run.folder).Scalars("best")


def test_trackers_are_named_one_by_one_or_between_commas() -> None:
    words = {"track": ["tensorboard, mlflow", "wandb"]}
    assert load(None, flags.given(words)).track == ("tensorboard", "mlflow", "wandb")
    with pytest.raises(InputError, match="--track: track = 'papers': input should be 'tensorboard'"):
        load(None, flags.given({"track": ["papers"]}))


def test_keys_of_models_and_passwords_are_not_for_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "abcdefgh")
    kept = feeding.environment()
    assert "ANTHROPIC_API_KEY" not in kept
    assert {"WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN", "AWS_SESSION_TOKEN"} <= set(kept)
    given = Settings(api_base="http://me:word@host:8000/v1?key=x", data=Path("/home/me/text"), trials=2)
    assert differing(given) == {"data": "text", "api_base": "http://host:8000/v1", "trials": "2"}
