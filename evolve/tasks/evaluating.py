"""Runs somebody's evaluator on one program, and writes what it says into a JSON file.

    python evaluating.py EVALUATOR PROGRAM RESULT [--objective NAME] [--threshold NUMBER ...]

It runs in the interpreter of the evaluator, which need not have this package: nothing of it is imported here.
An evaluator defines ``evaluate(path)``, perhaps ``evaluate_stage1`` to ``evaluate_stage3`` before it, as
OpenEvolve has it; or it is a program of its own that takes ``--program_path`` and ``--results_dir`` and
writes ``metrics.json`` and ``correct.json`` there, as ShinkaEvolve has it.

RESULT, a file or the number of an open one, gets ``score``, ``metrics`` (the numbers by their names),
``said`` (text for whoever writes the next program), and ``problem``, a sentence, where there is no score.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import math
import os
import runpy
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

COMBINED = "combined_score"
LONGEST = 12_000  # characters of what it said that are kept
MOST = 64  # numbers that are kept
STAGES = ("evaluate_stage1", "evaluate_stage2", "evaluate_stage3")
RESULTS = "results"
PR_SET_DUMPABLE = 4
RETURNS = "return a number, a dict of numbers, or an object with metrics"


class Problem(Exception):
    """There is no score.

    Args:
        reason: why, in a sentence.
        said: what the evaluator said beside it.
    """

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.said = said


@dataclass
class EvaluationResult:
    """What an evaluator may return, numbers and text beside them, where OpenEvolve's own is not there."""

    metrics: dict[str, Any]
    artifacts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, metrics: dict[str, Any]) -> EvaluationResult:
        """Return a result without text."""
        return cls(metrics)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers."""
        return self.metrics


def stand_in() -> None:
    """Let an evaluator import ``openevolve.evaluation_result`` where that is not installed."""
    if importlib.util.find_spec("openevolve") is not None:
        return
    package, module = types.ModuleType("openevolve"), types.ModuleType("openevolve.evaluation_result")
    vars(package).update(__path__=[], evaluation_result=module, EvaluationResult=EvaluationResult)
    vars(module).update(EvaluationResult=EvaluationResult)
    sys.modules |= {package.__name__: package, module.__name__: module}


def evaluated(
    evaluator: Path, program: Path, thresholds: Sequence[float] | None, objective: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return metrics and artifacts of a program; no stages come before the whole without thresholds."""
    functions = loaded(evaluator)
    stages: list[Callable[[str], object]] = [functions[name] for name in STAGES if name in functions]
    if thresholds is None or len(stages) < 2 or STAGES[0] not in functions:
        return parts(functions.get("evaluate", *stages[:1])(str(program)))
    metrics: dict[str, Any] = {}
    artifacts: dict[str, Any] = {}
    for place, stage in enumerate(stages, start=1):
        more, text = parts(stage(str(program)))
        metrics |= more
        artifacts |= text
        bar = thresholds[place - 1] if place <= len(thresholds) else -math.inf
        came = level(metrics, objective)
        if place < len(stages) and came < bar:
            said = written({**artifacts, **numbers(metrics)})
            raise Problem(f"stopped after stage {place} of {len(stages)}: {came:g} is below {bar:g}", said)
    return metrics, artifacts


def loaded(evaluator: Path) -> dict[str, Any]:
    """Return what an evaluator defines."""
    spec = importlib.util.spec_from_file_location("evaluation_module", evaluator)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return vars(module)


def defines(evaluator: Path) -> bool:
    """Say whether an evaluator is to be called, by its text."""
    text = evaluator.read_text(encoding="utf-8")
    return any(f"def {name}(" in text for name in ("evaluate", STAGES[0]))


def written_results(evaluator: Path, program: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run an evaluator that is a program; return what it wrote."""
    sys.argv = [str(evaluator), "--program_path", str(program), "--results_dir", RESULTS]
    Path(RESULTS).mkdir(exist_ok=True)
    try:
        runpy.run_path(str(evaluator), run_name="__main__")
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise
    correct, metrics = (read(Path(RESULTS, f"{name}.json")) for name in ("correct", "metrics"))
    if correct is not None and not correct.get("correct"):
        reason = correct.get("error") or "no reason is given"
        raise Problem(f"it is not correct: {reason}", written(metrics or {}))
    if metrics is None:
        raise Problem(f"{evaluator.name} wrote no {RESULTS}/metrics.json")
    inner = {k: v for part in ("public", "private") for k, v in (metrics.get(part) or {}).items()}
    text = {k: v for k, v in metrics.items() if k not in ("public", "private")}
    return {**inner, **text}, {}


def read(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, None when it is not there."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Problem(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Problem(f"{path} holds no JSON object")
    return found


def parts(returned: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return metrics and artifacts of what an evaluator returned."""
    if isinstance(returned, bool) or returned is None or isinstance(returned, str | bytes):
        what = "nothing" if returned is None else repr(returned)[:80]
        raise Problem(f"the evaluator returned {what}; {RETURNS}")
    if isinstance(returned, dict):
        return returned, {}
    metrics, artifacts = getattr(returned, "metrics", None), getattr(returned, "artifacts", None)
    if isinstance(metrics, dict):
        return metrics, artifacts if isinstance(artifacts, dict) else {}
    try:
        return {"score": float(returned)}, {}
    except (TypeError, ValueError, OverflowError):
        raise Problem(f"the evaluator returned a {type(returned).__name__}; {RETURNS}") from None


def number(value: Any) -> float | None:
    """Return a value as a number, None when it is none."""
    if isinstance(value, bool | str | bytes) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that are numbers."""
    return {str(k): v for k, value in metrics.items() if k != "error" and (v := number(value)) is not None}


def level(metrics: Mapping[str, Any], objective: str | None) -> float:
    """Return what a stage is passed by: the objective, the combined score, else the mean of all numbers."""
    found = numbers(metrics)
    for name in (objective or COMBINED, COMBINED):
        if name in found:
            return found[name]
    return sum(found.values()) / len(found) if found else -math.inf


def score_of(metrics: Mapping[str, Any], objective: str | None) -> float:
    """Return the score among metrics."""
    found = numbers(metrics)
    if objective is None and COMBINED not in metrics and len(found) == 1:
        return next(iter(found.values()))
    name = objective or COMBINED
    if name not in metrics:
        known = ", ".join(found) or "no number"
        how = "" if objective else "; say which one counts by --objective"
        raise Problem(f"the evaluator returned no {name!r}, but {known}{how}")
    if name not in found:
        raise Problem(f"the evaluator returned {metrics[name]!r:.80} for {name!r}, no number")
    return found[name]


def written(artifacts: Mapping[str, Any]) -> str:
    """Write artifacts as text."""
    told = []
    for name, value in artifacts.items():
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        told.append(f"{name}: {text}" if "\n" not in text else f"{name}:\n{text.rstrip()}")
    return "\n".join(told)[:LONGEST]


def keep_to_yourself(descriptor: int) -> None:
    """Let no program that is started have the result's file, by descriptor or through /proc."""
    os.set_inheritable(descriptor, False)
    if not os.environ.get("CUDA_VISIBLE_DEVICES"):  # CUDA writes to its own /proc entries
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def opened(result: str) -> IO[str]:
    """Open what the result is written to: a file by its name, or an open one by its number."""
    return open(int(result) if result.isdigit() else result, "w", encoding="utf-8")  # noqa: PTH123


def main() -> None:
    """Evaluate one program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("evaluator")
    parser.add_argument("program")
    parser.add_argument("result")
    parser.add_argument("--objective")
    parser.add_argument("--threshold", type=float, action="append")
    given = parser.parse_args()
    evaluator, program = Path(given.evaluator).absolute(), Path(given.program).absolute()
    if given.result.isdigit():
        keep_to_yourself(int(given.result))
    sys.path.insert(0, str(evaluator.parent))
    try:
        if defines(evaluator):
            stand_in()
            try:
                metrics, artifacts = evaluated(evaluator, program, given.threshold, given.objective)
            except SystemExit as ended:
                raise Problem(
                    f"the evaluator, or the program in it, called sys.exit({ended.code!r})"
                ) from None
        else:
            metrics, artifacts = written_results(evaluator, program)
        words = {k: v for k, v in metrics.items() if isinstance(v, str | bytes) and v}
        score, said = score_of(metrics, given.objective), written({**words, **artifacts})
        kept = dict(list(numbers(metrics).items())[:MOST])
        told: dict[str, Any] = {"score": score, "metrics": kept, "said": said}
    except Problem as problem:
        told = {"problem": problem.reason, "said": problem.said}
    with opened(given.result) as file:
        file.write(json.dumps(told))


if __name__ == "__main__":
    main()
