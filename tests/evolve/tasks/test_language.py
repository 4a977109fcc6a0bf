"""The language task: one split in a process, the same windows for everyone, refusals in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evolve.tasks.corpus import DataError
from evolve.tasks.language import LanguageSettings, LanguageTask, usual
from evolve.tasks.registry import from_spec
from population.variant import Direction


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(60):
        letters = rng.choice(list("abcdefgh \n"), size=1000)
        (tmp_path / f"{number}.txt").write_text("".join(letters))
    return tmp_path


@pytest.fixture
def settings(folder: Path) -> LanguageSettings:
    return LanguageSettings(str(folder), context=32, windows=20)


def uniform(tokens: np.ndarray) -> np.ndarray:
    return np.zeros((*tokens.shape, 256), np.float32)


def test_a_task_rebuilt_from_its_json_scores_the_same_data(settings):
    task = LanguageTask.load(settings)
    rebuilt = from_spec(json.loads(json.dumps(task.to_spec())))
    assert rebuilt.fingerprint() == task.fingerprint()
    assert rebuilt.direction is Direction.MINIMIZE
    assert rebuilt.score(uniform, np.random.default_rng(0)) == pytest.approx(8.0)


def test_a_scorer_asked_for_the_test_split_holds_other_documents(settings):
    task = LanguageTask.load(settings)
    usual, last = (from_spec(json.loads(json.dumps(spec))) for spec in (task.to_spec(), task.to_spec("test")))
    assert (usual.split, last.split) == ("validation", "test")
    documents = [set(one.text.tobytes().split(b"\0")) - {b""} for one in (usual, last)]
    assert documents[0].isdisjoint(documents[1])
    assert usual.fingerprint() == last.fingerprint()
    assert last.score(uniform, np.random.default_rng(0)) == pytest.approx(8.0)


def test_the_train_split_shares_no_document_with_the_others(settings):
    held = {
        name: set(LanguageTask.load(settings, name).text.tobytes().split(b"\0")) - {b""}
        for name in ("train", "validation", "test")
    }
    assert [len(part) for part in held.values()] == [54, 3, 3]
    assert len(set.union(*held.values())) == 60


def test_windows_are_the_same_each_time_and_do_not_overlap(settings):
    one = LanguageTask.load(settings, "validation")
    windows = one.windows()
    assert windows.shape == (20, 33)
    assert (windows == LanguageTask.load(settings, "validation").windows()).all()
    assert len({row.tobytes() for row in windows}) == 20


def test_short_text_gives_all_the_windows_all_the_same(folder):
    task = LanguageTask.load(LanguageSettings(str(folder), context=32, windows=500), "validation")
    assert task.windows().shape == (500, 33)


def test_a_smaller_task_scores_fewer_windows_of_the_same_text(settings):
    small = LanguageTask.load(settings, "validation").smaller()
    assert len(small.windows()) == 8
    assert small.score(uniform, np.random.default_rng(0)) == pytest.approx(8.0)


def test_a_process_that_trains_cannot_score_and_one_that_scores_holds_no_train_split(settings):
    with pytest.raises(ValueError, match="train split"):
        LanguageTask.load(settings).score(uniform, np.random.default_rng(0))
    with pytest.raises(ValueError, match="validation split"):
        LanguageTask.load(settings, "validation").train_bytes()


def test_text_that_changed_since_the_run_was_started_is_refused(settings, folder):
    spec = LanguageTask.load(settings).to_spec()
    (folder / "new.txt").write_text("one more document")
    with pytest.raises(DataError, match="has changed: its content hash is"):
        from_spec(spec)


def test_files_may_be_renamed(settings, folder):
    spec = LanguageTask.load(settings).to_spec()
    (folder / "0.txt").rename(folder / "zero.txt")
    assert from_spec(spec).fingerprint() == spec["fingerprint"]


def test_the_description_names_the_metric_and_the_contract(settings):
    text = LanguageTask.load(settings).describe()
    for phrase in ("val_bpb", "Lower is better", "def train(burst)", "burst.progress()", "any T up to 32"):
        assert phrase in text


def test_a_gpu_gets_longer_windows_and_more_bytes_to_score(folder):
    small, large = usual("cpu", folder), usual("cuda:0", folder)
    assert small.data == large.data == str(folder)
    assert large.context * large.windows > small.context * small.windows


@pytest.mark.parametrize("wrong", [{"context": 4}, {"windows": 0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(DataError, match="must be at least"):
        LanguageSettings(**wrong)


def test_what_is_held_out_of_a_users_text_is_the_text(settings):
    assert LanguageTask.load(settings).held_out() == (Path(settings.data),)


@pytest.mark.slow
def test_what_is_held_out_of_pythons_library_are_the_files_that_are_not_trained_on():
    task = LanguageTask.load(LanguageSettings())
    train = task.train_bytes().tobytes()
    held_out = task.held_out()
    assert len(held_out) > 20
    assert not [path for path in held_out if path.read_bytes() + b"\0" in train]
    assert sum(path.stat().st_size for path in held_out) > 0.08 * len(train)


def test_text_to_spare_shares_no_byte_with_what_is_scored(settings):
    held = LanguageTask.load(settings, "validation").held()
    length = held.windows.shape[1]
    assert held.spare.shape[1] == length
    assert len(held.windows) + len(held.spare) <= len(held.text) // length
    scored = {row.tobytes() for row in held.windows}
    assert not [row for row in held.spare if row.tobytes() in scored]


def test_the_prefixes_that_are_scored_are_the_same_for_every_process(settings):
    one, other = (LanguageTask.load(settings, "validation").held() for _ in range(2))
    assert [(cut.length, *cut.rows) for cut in one.cuts] == [(cut.length, *cut.rows) for cut in other.cuts]
