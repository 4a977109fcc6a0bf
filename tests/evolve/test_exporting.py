from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InputError
from evolve.exporting import export
from population.store import Population


@pytest.fixture
def run(tmp_path: Path, a_variant: Any) -> Path:
    with Population.create(tmp_path / "run") as population:
        population.commit(a_variant("v0"), meta={"metric": "loss"})
    (tmp_path / "run" / "seed.py").write_text("a = 1\n")
    return tmp_path / "run"


def test_a_file_that_is_there_is_replaced_only_by_force(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("mine")
    with pytest.raises(InputError, match=r"x\.json exists; replace it by --force"):
        export(run, file, every=False, force=False)
    assert file.read_text() == "mine"
    assert export(run, file, every=False, force=True) == {"variants": 1, "meta": 1}
    assert json.loads(file.read_text())["meta"] == {"1": {"key": "metric", "value": "loss"}}


def test_the_run_itself_is_never_replaced_but_an_export_beside_it_is(run: Path) -> None:
    for name in ("population.journal", "seed.py"):
        before = (run / name).read_bytes()
        with pytest.raises(InputError, match="belongs to the run itself"):
            export(run, run / name, every=False, force=True)
        assert (run / name).read_bytes() == before
    for _ in range(2):
        export(run, run / "all.json", every=False, force=True)


@pytest.mark.parametrize(
    ("target", "said"),
    [("run", "it is no file"), ("nowhere/x.json", "there is no folder"), ("/dev/null", "it is no file")],
)
def test_where_no_file_can_be_is_said(run: Path, tmp_path: Path, target: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        export(run, tmp_path / target, every=False, force=True)


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        export(tmp_path, tmp_path / "x.json", every=False, force=False)
    assert list(tmp_path.iterdir()) == []
