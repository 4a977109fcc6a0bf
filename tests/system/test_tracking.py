"""A search that is tracked, killed and resumed: nothing of it is left, and it goes on in the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.command import SEED, TASK, count, ended, evolve, family, follow, left, started

pytestmark = pytest.mark.system


def test_a_tracked_search_that_is_killed_leaves_no_process_and_goes_on(text: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    usual = (SEED, "--data", text, *TASK, "--model", "none", "--seed", 1, "--slots", 2, "--burst", 0.2)
    words = ("run", *usual, "--run", tmp_path / "run", "--track", "tensorboard", "--json")
    with started(*words, cwd=tmp_path) as process:
        follow(process, lambda seen: count(seen, "measured") >= 3)
        everybody = family(process)
        assert any("evolve.tracking" in " ".join(one.cmdline()) for one in everybody)
        process.kill()
        assert left(everybody) == []
        ended(process)
    done = evolve("resume", tmp_path / "run", "--evaluations", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 2
    read = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    read.Reload()
    assert [one.value for one in read.Scalars("seed")]
    assert read.Scalars("variants")[-1].value >= 3
    assert read.Tensors("champion/text_summary")


def test_a_tracker_that_is_unknown_is_said_before_anything_is_written(text: Path, tmp_path: Path) -> None:
    words = ("run", SEED, "--data", text, *TASK, "--model", "none", "--track", "tensorboard,foo")
    done = evolve(*words, "--run", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --track: track = 'foo': input should be 'tensorboard'")
    assert not (tmp_path / "run").exists()
