"""What evaluators of other systems may return, and what is made of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evolve.tasks import evaluating

SHINKA = """\
import argparse, json, pathlib
given = argparse.ArgumentParser()
given.add_argument("--program_path")
given.add_argument("--results_dir")
if __name__ == "__main__":
    given = given.parse_args()
    folder = pathlib.Path(given.results_dir)
    value = float(open(given.program_path).read())
    {body}
"""
WRITES = (
    '(folder / "metrics.json").write_text(json.dumps('
    '{"combined_score": value, "public": {"a": 1}, "private": {"b": 2}, "text_feedback": "go on"}))\n'
    '    (folder / "correct.json").write_text(json.dumps({"correct": value > 0, "error": "too low"}))'
)


def said(tmp_path: Path, evaluator: str, *flags: str, program: str = "3") -> dict[str, Any]:
    """Evaluate a program that is a number, as a burst does, but for the confinement."""
    (tmp_path / "evaluator.py").write_text(evaluator)
    (tmp_path / "program.txt").write_text(program)
    words = [sys.executable, "-P", evaluating.__file__, "evaluator.py", "program.txt", "out.json", *flags]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    return found


def returning(what: str) -> str:
    return f"def evaluate(path):\n    value = float(open(path).read())\n    return {what}\n"


def test_all_ways_to_return_a_score_are_taken(tmp_path: Path) -> None:
    assert said(tmp_path, returning("value"))["score"] == 3.0
    assert said(tmp_path, returning('{"only": value}'))["score"] == 3.0
    found = said(tmp_path, returning('{"combined_score": value, "time": 2, "note": "slow", "error": "none"}'))
    assert (found["score"], found["metrics"]) == (3.0, {"combined_score": 3.0, "time": 2.0})
    assert found["said"] == "note: slow\nerror: none"
    shim = "from openevolve.evaluation_result import EvaluationResult\n"
    result = 'EvaluationResult(metrics={"combined_score": value}, artifacts={"log": "a\\nb", "raw": b"c"})'
    found = said(tmp_path, shim + returning(result))
    assert (found["score"], found["said"]) == (3.0, "log:\na\nb\nraw: c")


def test_the_objective_counts_where_one_is_named(tmp_path: Path) -> None:
    both = returning('{"combined_score": 1, "speed": value}')
    assert said(tmp_path, both, "--objective", "speed")["score"] == 3.0
    assert said(tmp_path, both)["score"] == 1.0


PROBLEMS = {
    "None": "the evaluator returned nothing; return a number, a dict of numbers",
    "'high'": "the evaluator returned 'high'; return a number",
    "True": "the evaluator returned True; return a number",
    "[1, 2]": "the evaluator returned a list; return a number",
    "{'a': 1, 'b': 2}": "returned no 'combined_score', but a, b; say which one counts by --objective",
    "{}": "returned no 'combined_score', but no number",
    "{'combined_score': 'high'}": "returned 'high' for 'combined_score', no number",
}


@pytest.mark.parametrize("returned", PROBLEMS)
def test_what_is_no_score_is_told_in_a_sentence(tmp_path: Path, returned: str) -> None:
    assert PROBLEMS[returned] in said(tmp_path, returning(returned))["problem"]


STAGES = """\
def evaluate_stage1(path):
    return {"combined_score": 0.6, "first": 1}
def evaluate_stage2(path):
    return {"combined_score": float(open(path).read()), "second": 2}
def evaluate_stage3(path):
    return {"third": 3}
def evaluate(path):
    return 9
"""


def test_stages_are_passed_one_after_the_other(tmp_path: Path) -> None:
    bars = ("--threshold", "0.5", "--threshold", "2")
    found = said(tmp_path, STAGES, *bars)
    assert (found["score"], set(found["metrics"])) == (3.0, {"combined_score", "first", "second", "third"})
    stopped = said(tmp_path, STAGES, *bars, program="1")
    assert stopped["problem"] == "stopped after stage 2 of 3: 1 is below 2"
    assert "second: 2.0" in stopped["said"]
    first = said(tmp_path, STAGES, "--threshold", "0.7")
    assert first["problem"] == "stopped after stage 1 of 3: 0.6 is below 0.7"


def test_without_thresholds_there_are_no_stages(tmp_path: Path) -> None:
    assert said(tmp_path, STAGES)["score"] == 9.0


def test_an_evaluator_that_is_a_program_writes_its_metrics(tmp_path: Path) -> None:
    found = said(tmp_path, SHINKA.format(body=WRITES))
    assert (found["score"], found["metrics"]) == (3.0, {"a": 1.0, "b": 2.0, "combined_score": 3.0})
    assert found["said"] == "text_feedback: go on"
    assert said(tmp_path, SHINKA.format(body=WRITES), program="-1")["problem"] == "it is not correct: too low"
    (tmp_path / "new").mkdir()
    nothing = said(tmp_path / "new", SHINKA.format(body="pass"))
    assert nothing["problem"] == "evaluator.py wrote no results/metrics.json"


def test_an_evaluator_finds_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("FACTOR = 2\n")
    assert said(tmp_path, "import beside\n" + returning("value * beside.FACTOR"))["score"] == 6.0
