"""When a variant becomes champion: only when it is better by more than luck (pure)."""

from __future__ import annotations

import enum

from population.fitness import Fitness, probability_better
from population.variant import Direction

FEWEST = 2  # bursts that a champion has, so that no single lucky seed is crowned
MOST = 5  # bursts after which a contender is left alone


class Verdict(enum.Enum):
    """What to do with a variant."""

    CROWN = "crown"
    MEASURE_AGAIN = "measure again"
    LEAVE = "leave"


def judge(
    contender: Fitness | None, champion: Fitness | None, direction: Direction, confidence: float
) -> Verdict:
    """Compare a variant with the champion.

    Args:
        contender: its fitness, None when it has no score.
        champion: the champion's fitness, None when there is none yet.
        direction: which way the metric is better.
        confidence: P(better) that it needs.
    """
    if contender is None:
        return Verdict.LEAVE
    if champion is None:
        return Verdict.CROWN
    if direction.gain(contender.mean, over=champion.mean) <= 0:
        return Verdict.LEAVE
    if contender.n < FEWEST:
        return Verdict.MEASURE_AGAIN
    if probability_better(contender, champion, direction) >= confidence:
        return Verdict.CROWN
    return Verdict.MEASURE_AGAIN if contender.n < MOST else Verdict.LEAVE
