from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.peers import evaluator
from benchmarks.peers.evaluator import evaluate_source, outcomes, source_of
from benchmarks.peers.landscapes import landscape
from benchmarks.peers.sites import SEED_SOURCE

ROOT = Path(evaluator.__file__).parents[2]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "a run" / "log.jsonl"
    monkeypatch.setenv(evaluator.LANDSCAPE, "interplay:3")
    monkeypatch.setenv(evaluator.LOG, str(path))
    return path


def test_each_evaluation_is_one_line_and_noise_is_fresh(log: Path) -> None:
    first, second = evaluate_source(SEED_SOURCE), evaluate_source(SEED_SOURCE)
    assert outcomes(log) == [first, second]
    assert (first.index, second.index, first.repeat, second.repeat) == (1, 2, 0, 1)
    where = landscape("interplay", 3)
    assert [first.score, second.score] == [where.score(SEED_SOURCE, 0), where.score(SEED_SOURCE, 1)]
    assert first.truth == where.truth(SEED_SOURCE)
    assert source_of(log, first.digest) == SEED_SOURCE


def test_a_failure_is_data(log: Path) -> None:
    outcome = evaluate_source("import nothing\n")
    assert outcome.score is None
    assert outcome.failure
    assert outcomes(log) == [outcome]


def test_evaluations_side_by_side_are_all_counted(log: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(evaluate_source, [f"{SEED_SOURCE}\n# {n % 3}\n" for n in range(30)]))
    assert sorted(one.index for one in found) == list(range(1, 31))
    assert sorted((one.digest, one.repeat) for one in outcomes(log)) == sorted(
        (one.digest, one.repeat) for one in found
    )


def test_it_needs_nothing_but_the_standard_library(log: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(SEED_SOURCE)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from benchmarks.peers import evaluator, server; "
    code += f"print(evaluator.evaluate({str(program)!r}).index)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "1"
    assert len(outcomes(log)) == 1
