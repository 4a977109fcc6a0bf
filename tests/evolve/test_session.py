from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolve.docket import RUNNING, Docket
from evolve.errors import InputError
from evolve.finding import is_running
from evolve.preparing import Prepared, prepare
from evolve.progress import Snapshot
from evolve.report.live import Unmanaged
from evolve.runs import check_data, create, settings_of
from evolve.session import plan, run
from evolve.settings import Settings
from population.errors import StoreFailed
from population.ledger import Event
from population.records import Note
from population.store import Population

SOURCE = "LR = 0.1  # tune: 0..1\n\n\ndef train(burst):\n    pass\n"
Ready = Callable[..., Prepared]


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    """Return what a run needs, read from a folder, but for what is given."""
    (tmp_path / "seed.py").write_text(SOURCE)
    (tmp_path / "directions.md").write_text("Keep it simple: größer is not better.")
    (tmp_path / "text").mkdir()
    for number in range(20):
        (tmp_path / "text" / f"{number}.txt").write_text(f"document {number} " * 40)

    def made(**fields: Any) -> Prepared:
        usual = {
            "seed_file": tmp_path / "seed.py",
            "program": tmp_path / "directions.md",
            "data": tmp_path / "text",
            "models": ("none",),
            "device": "cpu",
            "context": 16,
            "evaluations": 5,
        }
        return prepare(Settings(**(usual | fields)), {})

    return made


def test_a_new_run_holds_the_seed_and_what_it_is_about(ready: Ready, tmp_path: Path) -> None:
    prepared = ready()
    create(tmp_path / "runs" / "one", prepared)
    with Population.open(tmp_path / "runs" / "one") as population:
        (seed,) = population.variants.values()
        assert (seed.id, seed.parents, seed.operator, seed.generation) == ("v0", (), "seed", 0)
        assert population.source(seed.digest) == SOURCE
        assert population.meta("metric") == "val_bpb"
        assert population.meta("data") == prepared.task.fingerprint()
        assert population.meta("budgets") == {"evaluations": 5}
        assert population.meta("champion") is None


def test_a_run_goes_on_with_its_own_seed_and_directions_wherever_theirs_have_gone(
    ready: Ready, tmp_path: Path
) -> None:
    prepared = ready()
    create(tmp_path / "run", prepared)
    (tmp_path / "seed.py").unlink()
    (tmp_path / "directions.md").unlink()
    again = prepare(settings_of(tmp_path / "run", {"evaluations": 9}), {})
    assert (again.seed, again.directions) == (prepared.seed, prepared.directions)
    kept = {"seed_file", "program", "evaluations"}
    assert again.settings.model_dump(exclude=kept) == prepared.settings.model_dump(exclude=kept)
    assert again.settings.evaluations == 9


def test_a_run_without_directions_goes_on_without(ready: Ready, tmp_path: Path) -> None:
    create(tmp_path / "run", ready(program=None))
    assert settings_of(tmp_path / "run", {}).program is None


def test_a_folder_that_exists_is_left_as_it_is(ready: Ready, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match="mine exists, and is no run; give another --run"):
        create(tmp_path / "mine", ready())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("damaged", [False, True])
def test_of_a_run_that_exists_it_is_told_how_to_go_on_with_it(
    damaged: bool, ready: Ready, tmp_path: Path
) -> None:
    create(tmp_path / "run", ready())
    if damaged:
        (tmp_path / "run" / "population.journal").write_bytes(b"x")
    with pytest.raises(InputError, match=r"run exists; go on with it by .* -m evolve resume "):
        create(tmp_path / "run", ready())


@pytest.mark.parametrize("place", ["text/run", "text/deep/run", "text"])
def test_a_run_in_its_own_data_is_refused(place: str, ready: Ready, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies in the data folder"):
        create(tmp_path / place, ready())
    assert len(list((tmp_path / "text").iterdir())) == 20


def test_a_folder_that_cannot_be_made_is_told(ready: Ready, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot start a run in .*: Not a directory"):
        create(tmp_path / "seed.py" / "run", ready())


@pytest.fixture
def small_files() -> Iterator[int]:
    """Let this process write no file longer than this, as a disk that is nearly full."""
    most = 5000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    yield most
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("field", ["seed", "directions"])
def test_nothing_stays_of_a_run_that_the_disk_does_not_take(
    field: str, ready: Ready, small_files: int, tmp_path: Path
) -> None:
    long = replace(ready(), **{field: "# a long text\n" * small_files})
    with pytest.raises(InputError, match=r"cannot start a run in .*File too large"):
        create(tmp_path / "run", long)
    assert not (tmp_path / "run").exists()


def test_a_run_is_running_while_somebody_writes_it(ready: Ready, tmp_path: Path) -> None:
    create(tmp_path / "run", ready())
    assert not is_running(tmp_path / "run")
    with Population.open(tmp_path / "run", write=True):
        assert is_running(tmp_path / "run")
    assert not is_running(tmp_path / "run")


def test_settings_that_have_gone_are_told(ready: Ready, tmp_path: Path) -> None:
    create(tmp_path / "run", ready())
    (tmp_path / "run" / "evolve.toml").unlink()
    with pytest.raises(
        InputError, match=f"cannot read the settings file {tmp_path / 'run'}{os.sep}evolve.toml"
    ):
        settings_of(tmp_path / "run", {})


class Killed(BaseException):
    """The end of the process, as far as a session can see it."""


class Watched(Unmanaged):
    """A display under which the process is killed as soon as a session has begun."""

    def event(self, event: Event) -> None:
        raise Killed

    def update(self, snapshot: Snapshot) -> None:
        pass


def test_a_burst_counts_for_one_crash_however_often_the_next_session_is_killed_while_it_starts(
    ready: Ready, tmp_path: Path
) -> None:
    prepared, folder = ready(), tmp_path / "run"
    create(folder, prepared)
    digest = "d" * 32
    with Population.open(folder, write=True) as population:
        population.commit(Note(RUNNING, "7", digest), meta={"stopped": None})
    for _ in range(3):
        with pytest.raises(Killed):
            asyncio.run(run(folder, prepared, Watched()))
        with Population.open(folder) as population:
            assert not population.notes(RUNNING)
            assert Docket(population).crashes(digest) == 1


def test_a_run_without_a_note_of_its_data_is_told_from_one_on_other_data(
    ready: Ready, tmp_path: Path
) -> None:
    create(tmp_path / "run", ready())
    with Population.open(tmp_path / "run", write=True) as population:
        population.set_meta(data=None)
        with pytest.raises(InputError, match=r"has lost what it was founded on.* fsck "):
            check_data(population, ready(), tmp_path / "run")


def test_a_train_split_that_does_not_fit_is_told_by_its_name(ready: Ready, tmp_path: Path) -> None:
    create(tmp_path / "run", ready())
    (tmp_path / "run" / "data").mkdir()
    (tmp_path / "run" / "data" / "train.bin.tmp").mkdir()
    with pytest.raises(StoreFailed, match=r"train\.bin: not written"):
        plan(tmp_path / "run", ready())
