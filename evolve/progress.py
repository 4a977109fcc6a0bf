"""What a running search shows: one frozen picture of it."""

from __future__ import annotations

from dataclasses import dataclass

from population.fitness import Fitness


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget: how much is used, of how much, in which unit."""

    name: str
    used: float
    limit: float
    unit: str

    @property
    def fraction(self) -> float:
        """Used over limit, 0 to 1."""
        return min(1.0, self.used / self.limit) if self.limit > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A search as it stands now.

    Args:
        run: the run folder.
        metric: name of the metric.
        direction: ``minimize`` or ``maximize``.
        budgets: those that are set, each with its use; empty when the search runs until it is stopped.
        slots: places where bursts run.
        running: bursts running now.
        asking: LLM calls under way now.
        evaluations: bursts finished, trials and replicates included; part of one for a short or stopped one.
        variants: variants admitted so far, the seed included.
        failed: variants that failed.
        refused: proposals refused.
        champion: id of the champion.
        best: the champion's fitness; None before the seed is measured.
        seed: the seed's fitness; None before it is measured.
        dollars: spent on LLM calls of known price.
        unpriced: LLM calls whose price is unknown.
        elapsed: seconds of search, earlier sessions included.
        remaining: estimated seconds left, None when it cannot be said.
    """

    run: str
    metric: str
    direction: str
    budgets: tuple[Budget, ...]
    slots: int
    running: int
    asking: int
    evaluations: float
    variants: int
    failed: int
    refused: int
    champion: str
    best: Fitness | None
    seed: Fitness | None
    dollars: float
    unpriced: int
    elapsed: float
    remaining: float | None
