"""What a program is probably worth, from all that was measured of programs like it (pure).

One burst says little where noise is as large as the gains. But variants share lines and numbers, so each
burst says something of all its relatives: a Gaussian process over programs puts this together (Rasmussen &
Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1; over the parts that structures share,
as in Ru et al., Interpretable Neural Architecture Search via Bayesian Optimisation, ICLR 2021). Its kernel is
a sum: every change from the seed has an effect of its own, shared out among its lines; the changes as a whole
have one (ideas that help only together); and so has each number.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.special import ndtr

from population.genome import Tunable, digest

Array = NDArray[np.float64]

_CHANGE, _WHOLE, _NUMBER = 2.0, 2.0, 1.5  # variances of the effects, in squares of a typical effect
_LARGEST = (
    3  # lines that a change counts for at most: neighbours are told apart, and a rewrite is no revolution
)
_OWN = 0.1  # of a change, what a program has for itself
_FADING = 0.15  # how much less changes say of others with each that they do not share
_WIDTH = 0.25  # share of a number's range over which its effect is much the same
_RELATIVE_JITTER = 1e-6


@dataclass(frozen=True, slots=True)
class Traits:
    """What programs are compared by.

    Args:
        lines: what the program has and the seed has not, and the other way round, the values of its numbers
            left out; each with its weight. The squares of the weights sum up to 1 for a line that takes the
            place of another, and are shared out in larger changes (see ``_LARGEST``). And one line that no
            other program has, for what lines do not show.
        numbers: where each number lies in its range, 0 to 1; a choice is a number for each of its words.
    """

    lines: Mapping[str, float]
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Point:
    """A program with what was measured of it.

    Args:
        traits: what it is compared by.
        key: mean of its scores, smaller is better.
        bursts: how many there were.
    """

    traits: Traits
    key: float
    bursts: int


def traits_of(source: str, tunables: Sequence[Tunable], seed: Sequence[str]) -> Traits:
    """Return what a program is compared by.

    Args:
        source: its text.
        tunables: its numbers.
        seed: ``lines_of`` the seed variant.
    """
    own = lines_of(source, tunables)
    weights: defaultdict[str, float] = defaultdict(float)
    for tag, start, end, at, stop in SequenceMatcher(None, seed, own, autojunk=False).get_opcodes():
        if tag != "equal":
            changed = [*(f"-{line}" for line in seed[start:end]), *(f"+{line}" for line in own[at:stop])]
            for line in changed:
                weights[line] += min(max(end - start, stop - at), _LARGEST) / len(changed)
    lines = {line: math.sqrt(weight) for line, weight in weights.items()}
    return Traits(apart(lines, digest(source)), numbers_of(tunables))


def apart(lines: Mapping[str, float], mark: str) -> dict[str, float]:
    """Return lines with one that no other program has, in place of such a one."""
    shared = {line: weight for line, weight in lines.items() if not line.startswith("=")}
    return {**shared, f"={mark}": math.sqrt(_OWN)}


def lines_of(source: str, tunables: Sequence[Tunable]) -> list[str]:
    """Return a program's lines, without blanks and comments; of a number's line only its name."""
    names = {tunable.name for tunable in tunables}
    found = []
    for line in source.splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name = text.partition("=")[0].strip()
        found.append(name if name in names else text)
    return found


def numbers_of(tunables: Sequence[Tunable]) -> dict[str, float]:
    """Return where each number lies in its range, 0 to 1."""
    places: dict[str, float] = {}
    for one in tunables:
        if one.kind == "choice" or isinstance(one.value, str):
            places |= {f"{one.name}={word}": float(word == one.value) for word in one.choices}
        elif one.log:
            places[one.name] = math.log(one.value / one.low) / math.log(one.high / one.low)
        else:
            places[one.name] = (one.value - one.low) / ((one.high - one.low) or 1.0)
    return places


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A Gaussian process fitted to points; ``fit`` makes it.

    Args:
        points: what it was fitted to.
        scale: size of a typical effect.
        words: column of each line.
        names: column of each number.
        lines: weights of the lines of each point, (points, words).
        numbers: where the numbers of each point lie, (points, names), NaN where it has not this one.
        mean: of the keys.
        factor: lower Cholesky factor of the covariance of the keys, (points, points).
        weights: the inverse of that covariance times the keys about their mean, (points,).
        least: the smallest key that a point is expected to have without noise.
    """

    points: tuple[Point, ...]
    scale: float
    words: Mapping[str, int]
    names: Mapping[str, int]
    lines: Array
    numbers: Array
    mean: float
    factor: Array
    weights: Array
    least: float

    def predict(self, programs: Sequence[Traits]) -> tuple[Array, Array]:
        """Return mean and standard deviation of the keys that programs have without noise."""
        words = dict(self.words)
        for one in programs:
            for line in one.lines:
                words.setdefault(line, len(words))
        names = dict(self.names)
        for one in programs:
            for name in one.numbers:
                names.setdefault(name, len(names))
        lines, numbers = _arrays(programs, words, names)
        known = np.pad(self.lines, ((0, 0), (0, len(words) - len(self.words))))
        placed = np.pad(self.numbers, ((0, 0), (0, len(names) - len(self.names))), constant_values=math.nan)
        across = self.scale**2 * _kernel(lines, numbers, known, placed)
        means = self.mean + across @ self.weights
        inner = solve_triangular(self.factor, across.T, lower=True)
        own = np.array([_variance(lines[i], numbers[i]) for i in range(len(programs))])
        rest = self.scale**2 * own - np.einsum("ij,ij->j", inner, inner)
        return means, np.sqrt(np.maximum(rest, 0.0))


def fit(points: Sequence[Point], noise: float, scale: float) -> Surrogate:
    """Fit a Gaussian process; it costs O(points^3).

    Args:
        points: one or more.
        noise: standard deviation of one burst, 0 where there is none.
        scale: size of a typical effect, more than 0.
    """
    words = {line: i for i, line in enumerate(sorted({line for p in points for line in p.traits.lines}))}
    names = {name: i for i, name in enumerate(sorted({name for p in points for name in p.traits.numbers}))}
    lines, numbers = _arrays([point.traits for point in points], words, names)
    keys = np.array([point.key for point in points])
    covariance = scale**2 * _kernel(lines, numbers, lines, numbers)
    error = noise**2 / np.array([point.bursts for point in points]) + _RELATIVE_JITTER * scale**2
    factor = cholesky(covariance + np.diag(error), lower=True)
    mean = float(keys.mean())
    weights = cho_solve((factor, True), keys - mean)
    least = float((keys - error * weights).min())  # covariance @ weights is keys - mean - error * weights
    return Surrogate(tuple(points), scale, words, names, lines, numbers, mean, factor, weights, least)


def expected_improvement(means: Array, deviations: Array, best: float) -> Array:
    """Return by how much keys are expected to be smaller than the best one (Mockus, 1975)."""
    spread = np.maximum(deviations, 1e-12)
    z = (best - means) / spread
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    found: Array = spread * (z * ndtr(z) + density)
    return found


def _arrays(
    programs: Sequence[Traits], words: Mapping[str, int], names: Mapping[str, int]
) -> tuple[Array, Array]:
    """Return the weights of the lines that programs have, and where their numbers lie."""
    lines = np.zeros((len(programs), len(words)))
    numbers = np.full((len(programs), len(names)), math.nan)
    for i, one in enumerate(programs):
        lines[i, [words[line] for line in one.lines]] = [*one.lines.values()]
        for name, place in one.numbers.items():
            numbers[i, names[name]] = place
    return lines, numbers


def _kernel(lines: Array, numbers: Array, others: Array, places: Array) -> Array:
    """Return how much programs say of others, for effects of size 1."""
    both = lines @ others.T
    apart = (lines**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :] - 2.0 * both
    kernel: Array = np.asarray(_CHANGE * both + _WHOLE * np.exp(-_FADING * apart))
    for column in range(numbers.shape[1]):
        gap = numbers[:, column][:, None] - places[:, column][None, :]
        kernel += np.nan_to_num(_NUMBER * np.exp(-0.5 * (gap / _WIDTH) ** 2), nan=0.0)
    return kernel


def _variance(lines: Array, numbers: Array) -> float:
    """Return what the kernel gives of a program with itself."""
    count = np.count_nonzero(~np.isnan(numbers))
    return float(_CHANGE * (lines**2).sum() + _WHOLE + _NUMBER * count)
