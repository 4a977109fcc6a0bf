"""The numbers that a search decides by."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.budget import Limits
from evolve.rewards import Prices
from population.variant import Direction


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers that the loop decides by.

    Args:
        direction: which way the metric is better.
        limits: what the search may use.
        prices: what a burst and a dollar are worth beside each other.
        entry: the function that a variant must define (see ``admission.examine``).
        ahead: jobs under way at once.
        asking: births that may wait for a language model at once.
        ordered: fold outcomes in the order of their tickets, so that timing cannot change the result.
        trials: Optuna trials of one tuning; 0 for no tuning at all.
        proposals: children proposed for each that is measured; 0 to measure each.
        explored: share of those measured that is drawn from all proposals alike.
        together: ideas put together in one child at most.
        numbers_only: have no children; let Optuna try the seed's numbers, and nothing else.
        self_reported: scores are the variants' own word.
        approve: a new champion waits until a person approves of it.
        seed_replicates: bursts of the seed variant that measure the noise.
        replicates: share of bursts that may re-measure contenders.
        confidence: P(better than the champion) that a new champion needs.
        control: share of bursts that may tell what a champion owes to its numbers.
        rung: share of a full burst that a new child gets first; 0 for none.
        reduction: one in so many children goes on from there to its full burst.
        early_stop: standard deviations by which a learning curve may be worse than the champion's; 0 for any.
    """

    direction: Direction
    limits: Limits
    prices: Prices
    entry: str | None
    ahead: int
    asking: int
    ordered: bool
    trials: int
    seed_replicates: int
    replicates: float
    confidence: float
    numbers_only: bool = False
    self_reported: bool = False
    approve: bool = False
    proposals: float = 0.0
    explored: float = 0.0
    together: int = 1
    control: float = 0.0
    rung: float = 0.0
    reduction: int = 3
    early_stop: float = 0.0
