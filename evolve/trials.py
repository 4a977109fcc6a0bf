"""Who gets trials: the variant whose tuning may be expected to bring most for its bursts (pure).

Value of information: what a tuning is worth is by how much it raises the expected improvement over the
champion (the expected value of a computation: Russell & Wefald, Artificial Intelligence 49, 1991, section 3;
the form of the expected improvement: Jones et al., Journal of Global Optimization 13, 1998). Scores are
noisy, so they are drawn towards what is known of all children (James & Stein, Fourth Berkeley Symposium,
1961), and what tunings brought towards what they brought on the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

HALF = 8.0
"""Trials after which a tunable counts as half tuned."""

FOREIGN = 0.5
"""What a trial of an ancestor counts for."""

_FADE = 0.97  # what a birth still counts for one birth later
_PRIOR = 1.0  # whole tunings that the run's average counts for in a family
_LEAST = 0.05  # variance of children's true differences, as a share of the noise's, at least
_NODES, _SHARES = np.polynomial.laguerre.laggauss(8)  # an exponential's mean, by Gauss and Laguerre
_CLIP = 4.0  # noise deviations past which a difference says only that the child is broken


@dataclass(frozen=True, slots=True)
class Tally:
    """What tunings brought.

    Args:
        weight: how many there were, each counting for the share of its tunables that was untuned.
        gain: sum of what they brought.
    """

    weight: float = 0.0
    gain: float = 0.0

    def plus(self, weight: float, gain: float) -> Tally:
        """Return the tally after one more."""
        return Tally(self.weight + weight, self.gain + gain)

    @property
    def mean(self) -> float:
        """What a tuning of tunables that are all untuned brings."""
        return self.gain / self.weight if self.weight > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Births:
    """What births brought, the latest counting most.

    Args:
        bursts: how many there were.
        gain: sum of their expected improvements over the champion.
        scored: how many have a score.
        difference: sum of their differences from their best parents.
        squares: sum of the squares of these.
    """

    bursts: float = 0.0
    gain: float = 0.0
    scored: float = 0.0
    difference: float = 0.0
    squares: float = 0.0

    def plus(self, gain: float, difference: float | None, noise: float) -> Births:
        """Return the sums after one more birth.

        Args:
            gain: its expected improvement over the champion, 0 for a failure.
            difference: by how much it is better than its best parent, None without a score.
            noise: standard deviation of one burst, 0 while unknown.
        """
        fade = replace(self, bursts=_FADE * self.bursts + 1.0, gain=_FADE * self.gain + gain)
        if difference is None:
            return fade
        if noise > 0.0:
            difference = min(max(difference, -_CLIP * noise), _CLIP * noise)
        return replace(
            fade,
            scored=_FADE * self.scored + 1.0,
            difference=_FADE * self.difference + difference,
            squares=_FADE * self.squares + difference**2,
        )

    @property
    def worth(self) -> float:
        """What one burst brings when it is spent on a birth."""
        return self.gain / self.bursts if self.bursts else 0.0

    def believed(self, difference: float, error: float) -> tuple[float, float]:
        """Return how much better than its parent a child may be taken to be, and the error of that.

        Args:
            difference: as measured.
            error: standard error of that.
        """
        if self.scored < 2.0 or not error > 0.0:
            return difference, error
        mean = self.difference / self.scored
        spread = self.squares / self.scored - mean**2
        true = max(spread - error**2, _LEAST * error**2)
        trust = true / (true + error**2)
        return mean + trust * (difference - mean), math.sqrt(trust) * error


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant that may be tuned.

    Args:
        variant: its id.
        gain: by how much it is better than the champion, negative for one behind it; 0 for itself.
        error: standard error of that.
        untuned: share of its tunables that no trial has tuned (see ``untuned``).
        family: what its earlier tunings and those of its parents brought.
        bursts: what a tuning costs, its confirmation included.
    """

    variant: str
    gain: float
    error: float
    untuned: float
    family: Tally
    bursts: int


def improvement(gain: float, error: float) -> float:
    """Return the expected improvement of what is better by ``gain``, give or take ``error``."""
    if not error > 1e-9 * abs(gain):
        return max(0.0, gain)
    z = gain / error
    return float(error * (z * ndtr(z) + math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)))


def untuned(trials: Iterable[float]) -> float:
    """Return the share of tunables that is untuned, by the trials that each has had."""
    shares = [1.0 / (1.0 + count / HALF) for count in trials]
    return sum(shares) / len(shares) if shares else 0.0


def expected_gain(candidate: Candidate, run: Tally) -> float:
    """Return what a burst brings that is spent on tuning a variant.

    What one tuning brings is taken as exponential: mostly little, never less than nothing.

    Args:
        candidate: the variant.
        run: what all tunings of the run brought.
    """
    family = candidate.family
    mean = (family.gain + _PRIOR * run.mean) / (family.weight + _PRIOR)
    brought = candidate.untuned * max(0.0, mean)
    gains = candidate.gain + brought * _NODES
    tuned = sum(w * improvement(float(gain), candidate.error) for w, gain in zip(_SHARES, gains, strict=True))
    now = improvement(candidate.gain, candidate.error)
    return max(0.0, tuned - now) / max(1, candidate.bursts)


def best_to_tune(candidates: Sequence[Candidate], run: Tally, worth: float) -> str | None:
    """Return the variant whose tuning brings most, None if a burst brings more elsewhere.

    Args:
        candidates: variants that are not being tuned; a few, such as the best of an island.
        run: what all tunings of the run brought.
        worth: what a burst brings elsewhere, such as ``Births.worth``.
    """
    ranked = [(expected_gain(one, run), one.variant) for one in candidates]
    gain, name = max(ranked, key=lambda pair: pair[0], default=(0.0, ""))
    return name if gain > worth else None
