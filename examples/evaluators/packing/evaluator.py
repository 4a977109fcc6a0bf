"""A cascade with artifacts: a small case first, then many, each stage with words for the next attempt."""

import importlib.util
import random

from openevolve.evaluation_result import EvaluationResult

WIDTH = 20.0


def load(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def packed(program, rng, count):
    """Return the share of the rows that is used, and the rows; none is used where one is too wide."""
    sizes = [rng.uniform(1, 12) for _ in range(count)]
    places = program.place(sizes, WIDTH)
    rows = {}
    for size, place in zip(sizes, places, strict=True):
        rows[place] = rows.get(place, 0.0) + size
    if max(rows.values()) > WIDTH + 1e-9:
        return 0.0, rows
    return sum(sizes) / (WIDTH * len(rows)), rows


def evaluate_stage1(program_path):
    used, rows = packed(load(program_path), random.Random(0), 12)
    shown = ", ".join(f"{row}: {width:.1f}" for row, width in sorted(rows.items()))
    return EvaluationResult(metrics={"combined_score": used}, artifacts={"rows of the small case": shown})


def evaluate_stage2(program_path):
    program, rng = load(program_path), random.Random(1)
    used = [packed(program, rng, 60)[0] for _ in range(30)]
    worst = f"the worst of {len(used)} cases uses {min(used):.3f} of its rows"
    return EvaluationResult(
        metrics={"combined_score": sum(used) / len(used), "worst": min(used)}, artifacts={"cases": worst}
    )


def evaluate(program_path):
    return evaluate_stage2(program_path)
