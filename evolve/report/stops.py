"""What stopping early came to: how many children, what it saved, and how often it was wrong."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from evolve.race import ENTERED
from evolve.report import figures
from evolve.rungs import PROMOTED, SPARED
from population.store import Population
from population.variant import Purpose, Score, State

_Z = 1.959964  # of the 95 % interval


@dataclass(frozen=True, slots=True)
class Stops:
    """The children that were stopped early, or would have been.

    Args:
        short: stopped after a short burst.
        curve: stopped by the learning curve of a full one.
        run_on: would have been stopped, and ran on all the same.
        judged: those of ``run_on`` whose full burst has ended.
        wrong: those of ``judged`` that were better than their parents by more than one standard error, or
            good enough to be measured against the champion.
        saved: full bursts that stopping saved, less what the short ones cost.
    """

    short: int = 0
    curve: int = 0
    run_on: int = 0
    judged: int = 0
    wrong: int = 0
    saved: float = 0.0

    @property
    def all(self) -> int:
        """All that were to be stopped."""
        return self.short + self.curve + self.run_on

    @property
    def interval(self) -> tuple[float, float]:
        """Between what shares of wrong stops the truth lies, with 95 % confidence."""
        return wilson(self.wrong, self.judged)


def stops(population: Population) -> Stops:
    """Count the stops of a run."""
    short = curve = 0
    saved = 0.0
    for name in population.variants:
        scores = population.scores(name)
        rungs = [m for m in scores if m.purpose is Purpose.RUNG and m.spent]
        first = _first(scores)
        saved -= sum(m.share for m in rungs)
        if first is not None and first.state is State.PRUNED:
            curve += 1
            saved += 1.0 - first.share
        elif rungs and first is None and name not in population.notes(PROMOTED):
            short += any(m.state is State.SCORED for m in rungs)
            saved += 1.0
    spared = {str(event.data["variant"]) for event in population.events_of(SPARED)}
    judged = {name for name in spared if name in population.variants and _first(population.scores(name))}
    wrong = judged & _better(population) if judged else set()
    return Stops(short, curve, len(spared), len(judged), len(wrong), round(saved, 3))


def _first(scores: Iterable[Score]) -> Score | None:
    """Return a variant's first full burst, None before it has ended."""
    return next((m for m in scores if m.purpose is Purpose.FIRST), None)


def _better(population: Population) -> set[str]:
    """Return the variants that improved on their parents, or were contenders."""
    told = population.events_of("measured", ENTERED)
    return {str(e.data.get("variant")) for e in told if e.kind == ENTERED or e.data.get("improved")}


def wilson(successes: int, tries: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 22, 1927); all from 0 to 1 without a try."""
    if not tries:
        return 0.0, 1.0
    share, weight = successes / tries, _Z**2 / tries
    middle = (share + weight / 2.0) / (1.0 + weight)
    reach = math.sqrt(share * (1.0 - share) * weight + weight**2 / 4.0) / (1.0 + weight)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def stops_line(now: Stops) -> str:
    """Say in one line what stopping came to."""
    text = f"{figures.number(now.all)}, of which run on {now.run_on}"
    if now.judged:
        low, high = (f"{100 * share:.0f}" for share in now.interval)
        text += f", wrongly stopped {now.wrong} of {now.judged} ({low}-{high} %)"
    word = "saved" if now.saved >= 0.0 else "lost"
    return f"{text}; {figures.counted(abs(now.saved), 'burst')} {word}"


def stops_data(population: Population) -> dict[str, Any]:
    """Return what stopping came to as plain data."""
    now = stops(population)
    return {**dataclasses.asdict(now), "interval": list(now.interval)}


def stops_table(population: Population) -> Iterable[Table]:
    """Yield what stopping came to, if anybody was stopped, with its name before it."""
    now = stops(population)
    if now.all:
        table = Table.grid(padding=(0, 2))
        table.add_row("stopped early", stops_line(now))
        yield table
