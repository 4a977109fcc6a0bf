"""What a child was worth and what it cost: what both bandits learn from (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evolve import trials
from population.fitness import Fitness
from population.variant import Direction

_LEAST = 0.05  # bursts that any birth costs: somebody had to choose, write and look at it


@dataclass(frozen=True, slots=True)
class Prices:
    """Puts bursts and LLM calls on one scale, in bursts.

    Args:
        seconds: what a burst takes; where its budget is in tokens, what it is taken to take.
        dollars_per_hour: what an hour of one slot costs.
        timed: whether a burst's own seconds count. Not where timing must not decide anything: there each
            burst costs the same.
    """

    seconds: float
    dollars_per_hour: float
    timed: bool

    def cost(self, bursts: float, seconds: float, dollars: float) -> float:
        """Return what a birth cost, in bursts.

        Args:
            bursts: how many it took.
            seconds: how long they took together.
            dollars: what its LLM call cost.
        """
        took = seconds / self.seconds if self.timed else bursts
        price = self.seconds / 3600.0 * self.dollars_per_hour
        return max(_LEAST, took + (dollars / price if price > 0.0 else 0.0))


def shrunk(own: Fitness, prior: Fitness | None, direction: Direction) -> tuple[float, float]:
    """Return mean and standard deviation of what a variant is worth, as a key: smaller is better.

    A single score is shrunk towards that of the variant it was made from: most children are worth about as
    much as their parents, and the best looking of many are those that were lucky (James & Stein, Fourth
    Berkeley Symposium, 1961; Efron & Morris, JASA 68, 1973). True gains are taken to spread as one burst's
    noise does.
    """
    mean, error = direction.key(own.mean), own.standard_error
    if math.isnan(error) or error == 0.0 or prior is None:
        return mean, 0.0 if math.isnan(error) else error
    noise = error * math.sqrt(own.n)
    before = noise**2 + _known(prior.standard_error) ** 2
    weight = before / (before + error**2)
    return weight * mean + (1.0 - weight) * direction.key(prior.mean), math.sqrt(weight) * error


def improvement(own: Fitness, over: Fitness, direction: Direction) -> float:
    """Return the expected improvement of a child over somebody else, less what noise alone would show.

    It is E[max(0, gain)] under the posterior of the gain (as in expected improvement: Mockus, 1975), less the
    same for a child that scored just as well; 0 or more.
    """
    gain = direction.gain(own.mean, over=over.mean)
    error = math.hypot(_known(own.standard_error), _known(over.standard_error))
    if error == 0.0:
        return max(0.0, gain)
    noise = max(_known(one.standard_error) * math.sqrt(one.n) for one in (own, over))
    weight = noise**2 / (noise**2 + error**2)
    mean, deviation = weight * gain, math.sqrt(weight) * error
    return max(0.0, trials.improvement(mean, deviation) - trials.improvement(0.0, deviation))


def _known(error: float) -> float:
    return 0.0 if math.isnan(error) else error
