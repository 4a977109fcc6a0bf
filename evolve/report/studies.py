"""The command that opens Optuna's study of a variant in optuna-dashboard."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.text import Text

from evolve.report.figures import counted
from evolve.report.standing import champion
from evolve.report.untrusted import one_line
from population.store import Population


def study(population: Population, name: str) -> Path | None:
    """Return the file of a variant's study, None where it was not tuned."""
    file = population.folder / "studies" / f"{name}.log"
    return file if file.is_file() else None


def studied(population: Population) -> list[str]:
    """Return the variants that were tuned: the champion first, then from the newest to the oldest."""
    best = champion(population)
    tuned = [name for name in reversed(list(population.variants)) if study(population, name) is not None]
    return sorted(tuned, key=lambda name: best is None or name != best.id)


def opening(file: Path) -> Text:
    """Return the command; optuna-dashboard is a package of its own."""
    return Text(one_line(shlex.join(["optuna-dashboard", str(file)])), style="cyan")


def studies_line(population: Population) -> Text | None:
    """Count the studies, and say how one is opened; None while there are none."""
    tuned = studied(population)
    if not tuned:
        return None
    file = population.folder / "studies" / f"{tuned[0]}.log"
    return Text(f"{counted(len(tuned), 'variant')}: ").append_text(opening(file))
