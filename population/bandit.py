"""Which arm to play next: a bandit on gain per cost (pure; the generator is an argument).

Thompson sampling (Thompson, Biometrika 25, 1933; Chapelle & Li, "An Empirical Evaluation of Thompson
Sampling", NeurIPS 2011, section 2). An outcome is a gain, 0 or more, and what it cost; gains come as if they
were events of a Poisson process over the cost, with a Gamma posterior on its rate: arms are compared by gain
per cost, whatever a single play of each costs. What helps early need not help late, so old outcomes are
discounted (Raj & Kalyani, "Taming Non-stationary Bandits: A Bayesian Approach", arXiv 1707.09727).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from numpy.random import Generator

K = TypeVar("K", bound=Hashable)

_LEAST = 0.05  # cost that a play counts for at least: who costs nothing and gives nothing is left, too
_EVENTS, _COST = 0.5, 2.0  # events, over this cost, that are taken to have been seen before anything was


@dataclass(frozen=True, slots=True)
class Tally:
    """Discounted sums over an arm's outcomes.

    Args:
        gain: of gains.
        squares: of squared gains.
        cost: of costs.
    """

    gain: float = 0.0
    squares: float = 0.0
    cost: float = 0.0

    def faded(self, discount: float) -> Tally:
        """Return what is left of it when everything counts less."""
        return Tally(discount * self.gain, discount * self.squares, discount * self.cost)


@dataclass(frozen=True, slots=True)
class Bandit:
    """Chooses arms. Holds no outcome: those are tallies, which the run keeps on record.

    Args:
        discount: what an outcome still counts one outcome later, in (0, 1].
        strength: cost that the prior counts for, in the unit of costs.
        floor: share of the choices that is drawn from all arms alike, in [0, 1).

    Raises:
        ValueError: a number is out of its range.
    """

    discount: float = 0.98
    strength: float = 4.0
    floor: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 < self.discount <= 1.0:
            raise ValueError(f"the discount must lie in (0, 1], got {self.discount}")
        if not self.strength > 0.0:
            raise ValueError(f"the strength must be positive, got {self.strength}")
        if not 0.0 <= self.floor < 1.0:
            raise ValueError(f"the floor must lie in [0, 1), got {self.floor}")

    def choose(
        self, tallies: Mapping[K, Tally], available: Sequence[K], weights: Mapping[K, float], rng: Generator
    ) -> K:
        """Draw the next arm from those available.

        Args:
            tallies: what came of the arms so far.
            available: who may be chosen.
            weights: what is expected of an arm before it is played, relative to the others'; 1 if absent.
            rng: draws from the posteriors.

        Raises:
            ValueError: no arm is available.
        """
        if not available:
            raise ValueError("no arm is available")
        if rng.random() < self.floor:
            return available[int(rng.integers(len(available)))]
        size, rate = typical(tallies)
        drawn = [
            rng.gamma(*self._posterior(tallies.get(arm, Tally()), weights.get(arm, 1.0) * rate, size))
            for arm in available
        ]
        return available[max(range(len(available)), key=drawn.__getitem__)]

    def rates(self, tallies: Mapping[K, Tally], weights: Mapping[K, float]) -> dict[K, float]:
        """Return the gain per cost that is expected of each arm of ``weights``."""
        size, rate = typical(tallies)
        posteriors = {
            arm: self._posterior(tallies.get(arm, Tally()), weight * rate, size)
            for arm, weight in weights.items()
        }
        return {arm: shape * scale * size for arm, (shape, scale) in posteriors.items()}

    def _posterior(self, tally: Tally, prior: float, size: float) -> tuple[float, float]:
        """Return shape and scale of the Gamma posterior of an arm's events per cost."""
        return self.strength * prior + tally.gain / size, 1.0 / (self.strength + tally.cost)

    def updated(self, tallies: Mapping[K, Tally], arm: K, gain: float, cost: float) -> dict[K, Tally]:
        """Return the tallies after one more outcome; what counts for nothing any more is left out."""
        faded = {one: tally.faded(self.discount) for one, tally in tallies.items() if tally.cost > 1e-6}
        old = faded.get(arm, Tally())
        faded[arm] = Tally(old.gain + gain, old.squares + gain**2, old.cost + max(cost, _LEAST))
        return faded


def typical(tallies: Mapping[K, Tally]) -> tuple[float, float]:
    """Return the size of a typical gain, and how many of that size come per cost, over all arms."""
    gain = sum(tally.gain for tally in tallies.values())
    squares = sum(tally.squares for tally in tallies.values())
    cost = sum(tally.cost for tally in tallies.values())
    size = squares / gain if gain > 0.0 and squares > 0.0 else 1.0
    return size, (gain / size + _EVENTS) / (cost + _COST)
