"""What ``init`` asks a person who did not say it by a flag."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from evolve.tasks import layouts

_ENTRY = "def train(burst"


def completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for the script, its command, its metric and the direction, as far as they are open."""
    found = dict(given)
    if found["seed_file"] is None:
        found["seed_file"] = Path(typer.prompt("The program to improve", default="train.py"))
    seed = found["seed_file"]
    if seed.is_dir() or not seed.exists() or found["evaluator"] is not None:
        return found  # a folder says it all, and a file that is not there is told of later
    ways = ("command", "metric", "metric_file", "metric_line")
    if _ENTRY in seed.read_text(encoding="utf-8", errors="replace") and all(
        found[one] is None for one in ways
    ):
        return found  # a variant of the language task
    if found["command"] is None:
        python = layouts.python(seed.resolve().parent)
        usual = f"{python} {{file}}" if seed.suffix == ".py" else None
        found["command"] = typer.prompt("How it is run, {file} standing for its file", default=usual)
    if all(found[one] is None for one in ways[1:]):
        found["metric"] = typer.prompt("A regular expression for its score, such as 'val_loss: ([0-9.]+)'")
    if found["direction"] is None:
        better = typer.prompt("Is less better, or more?", default="less")
        found["direction"] = "maximize" if better.strip().lower().startswith("m") else "minimize"
    return found
