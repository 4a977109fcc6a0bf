"""What a program is probably worth, from all that was measured of programs like it (pure).

One burst says little where noise is as large as the gains. But variants share lines and numbers, so each
burst says something of all its relatives: a Gaussian process over programs puts this together (Rasmussen &
Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1; over the parts that structures share,
as in Ru et al., Interpretable Neural Architecture Search via Bayesian Optimisation, ICLR 2021). Its kernel is
a sum: every change from the seed has an effect of its own, shared out among its lines; so has every pair of
changes (the second order of Duvenaud et al., Additive Gaussian Processes, NeurIPS 2011, section 2), and the
changes as a whole; and so has each number.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.special import ndtr

from population.genome import Tunable, digest

Array = NDArray[np.float64]

# variances of the effects, in squares of a typical effect
_CHANGE, _PAIR, _WHOLE, _NUMBER = 2.0, 0.5, 2.0, 1.5
_LARGEST = (
    3  # lines that a change counts for at most: neighbours are told apart, and a rewrite is no revolution
)
_GONE = 0.2  # of a change that puts lines in the place of others, what is due to those that are gone
_OWN = 0.1  # of a change, what a program has for itself
_FADING = 0.15  # how much less changes say of others with each that they do not share
_WIDTH = 0.25  # share of a number's range over which its effect is much the same
_RELATIVE_JITTER = 1e-6
_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)  # multiples of the scale given that are compared
_DOUBT = 0.35
"""How much smaller than the scale given effects may well be: standard deviation of the multiple's logarithm.
A few noisy scores are most likely where nothing has an effect at all, and then nothing new would look worth
a burst."""


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
class Rows:
    """Programs as arrays.

    Args:
        lines: weights of their lines, (programs, words).
        numbers: where their numbers lie, (programs, names); NaN where a program has not this one.
    """

    lines: Array
    numbers: Array

    def one(self, at: int) -> Rows:
        """Return one of the programs."""
        return Rows(self.lines[at : at + 1], self.numbers[at : at + 1])


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column stands for which line and which number, in ``Rows``."""

    words: Mapping[str, int]
    names: Mapping[str, int]

    def rows(self, programs: Sequence[Traits]) -> Rows:
        """Return programs as arrays; all of their lines and numbers have to have a column."""
        lines = np.zeros((len(programs), len(self.words)))
        numbers = np.full((len(programs), len(self.names)), math.nan)
        for i, one in enumerate(programs):
            lines[i, [self.words[line] for line in one.lines]] = [*one.lines.values()]
            numbers[i, [self.names[name] for name in one.numbers]] = [*one.numbers.values()]
        return Rows(lines, numbers)


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
            gone, come = [f"-{line}" for line in seed[start:end]], [f"+{line}" for line in own[at:stop]]
            size = min(max(len(gone), len(come)), _LARGEST)
            share = (_GONE if come else 1.0) if gone else 0.0
            for lines, part in ((gone, share), (come, 1.0 - share)):
                for line in lines:
                    weights[line] += size * part / len(lines)
    roots = {line: math.sqrt(weight) for line, weight in weights.items()}
    return Traits(apart(roots, digest(source)), numbers_of(tunables))


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
        noise: standard deviation of one burst.
        scale: size of a typical effect.
        columns: of the rows.
        rows: the points.
        mean: of the keys.
        factor: lower Cholesky factor of the covariance of the keys, (points, points).
        weights: the inverse of that covariance times the keys about their mean, (points,).
        least: the smallest key that a point is expected to have without noise.
    """

    points: tuple[Point, ...]
    noise: float
    scale: float
    columns: Columns
    rows: Rows
    mean: float
    factor: Array
    weights: Array
    least: float

    def predict(self, programs: Sequence[Traits]) -> tuple[Array, Array]:
        """Return mean and standard deviation of the keys that programs have without noise."""
        return self.predict_rows(self.rows_of(programs))

    def rows_of(self, programs: Sequence[Traits]) -> Rows:
        """Return programs as rows for it."""
        columns = self.extended(
            (line for p in programs for line in p.lines), (n for p in programs for n in p.numbers)
        )
        return columns.rows(programs)

    def extended(self, lines: Iterable[str], numbers: Iterable[str]) -> Columns:
        """Return the columns with more of them, after its own, for what the points have not."""
        words, names = dict(self.columns.words), dict(self.columns.names)
        for line in lines:
            words.setdefault(line, len(words))
        for name in numbers:
            names.setdefault(name, len(names))
        return Columns(words, names)

    def predict_rows(self, rows: Rows) -> tuple[Array, Array]:
        """Return mean and standard deviation of the keys that programs have without noise.

        Args:
            rows: the programs, in its columns or more.
        """
        words = rows.lines.shape[1] - self.rows.lines.shape[1]
        names = rows.numbers.shape[1] - self.rows.numbers.shape[1]
        known = Rows(
            np.pad(self.rows.lines, ((0, 0), (0, words))),
            np.pad(self.rows.numbers, ((0, 0), (0, names)), constant_values=math.nan),
        )
        across = self.scale**2 * _kernel(rows, known)
        means = self.mean + across @ self.weights
        inner = solve_triangular(self.factor, across.T, lower=True)
        rest = self.scale**2 * _variances(rows) - np.einsum("ij,ij->j", inner, inner)
        return means, np.sqrt(np.maximum(rest, 0.0))

    def believing(self, programs: Sequence[Traits]) -> Surrogate:
        """Return what it would be if programs that are being measured came out as expected.

        So the next one is chosen for what they will not tell (the kriging believer of Ginsbourger, Le Riche &
        Carraro, "Kriging Is Well-Suited to Parallelize Optimization", 2010, section 3.2).
        """
        if not programs:
            return self
        means, _ = self.predict(programs)
        believed = [Point(one, mean, 1) for one, mean in zip(programs, means.tolist(), strict=True)]
        return replace(_fitted([*self.points, *believed], self.noise, self.scale, (1.0,)), least=self.least)

    def improvement(self, rows: Rows) -> Array:
        """Return by how much programs are expected to be better than the best of the points."""
        return expected_improvement(*self.predict_rows(rows), self.least)


def fit(points: Sequence[Point], noise: float, scale: float) -> Surrogate:
    """Fit a Gaussian process; it costs O(points^3).

    Args:
        points: one or more.
        noise: standard deviation of one burst, 0 where there is none.
        scale: about the size of a typical effect, more than 0; the multiple of it is taken that is most
            likely, given the keys and a prior against small ones (Rasmussen & Williams 2006, section 5.4.1).
    """
    return _fitted(points, noise, scale, _SCALES)


def _fitted(points: Sequence[Point], noise: float, usual: float, multiples: Sequence[float]) -> Surrogate:
    """Fit a Gaussian process with that multiple of the usual scale which is most likely."""
    columns = Columns(
        {line: i for i, line in enumerate(sorted({line for p in points for line in p.traits.lines}))},
        {name: i for i, name in enumerate(sorted({name for p in points for name in p.traits.numbers}))},
    )
    rows = columns.rows([point.traits for point in points])
    keys, bursts = (np.array(one) for one in zip(*((p.key, p.bursts) for p in points), strict=True))
    mean, kernel = float(keys.mean()), _kernel(rows, rows)
    found: list[tuple[float, Surrogate]] = []
    for multiple in multiples:
        scale = usual * multiple
        error = noise**2 / bursts + _RELATIVE_JITTER * scale**2
        factor = cholesky(scale**2 * kernel + np.diag(error), lower=True)
        weights = cho_solve((factor, True), keys - mean)
        likely = -0.5 * float((keys - mean) @ weights) - float(np.log(np.diag(factor)).sum())
        least = float((keys - error * weights).min())  # covariance @ weights is keys - mean - error * weights
        one = Surrogate(tuple(points), noise, scale, columns, rows, mean, factor, weights, least)
        found.append((likely - 0.5 * (min(math.log(multiple), 0.0) / _DOUBT) ** 2, one))
    return max(found, key=lambda one: one[0])[1]


def expected_improvement(means: Array, deviations: Array, best: float) -> Array:
    """Return by how much keys are expected to be smaller than the best one (Mockus, 1975)."""
    spread = np.maximum(deviations, 1e-12)
    z = (best - means) / spread
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    found: Array = spread * (z * ndtr(z) + density)
    return found


def _kernel(rows: Rows, others: Rows) -> Array:
    """Return how much programs say of others, for effects of size 1."""
    squares, theirs = rows.lines**2, others.lines**2
    both = rows.lines @ others.lines.T
    apart = squares.sum(axis=1)[:, None] + theirs.sum(axis=1)[None, :] - 2.0 * both
    pairs = 0.5 * (both**2 - squares @ theirs.T)
    kernel: Array = _CHANGE * both + _PAIR * pairs + _WHOLE * np.exp(-_FADING * apart)
    for places, those in zip(rows.numbers.T, others.numbers.T, strict=True):
        own, which = np.unique(places, return_inverse=True)  # of many programs most share a number
        gap = own[:, None] - those[None, :]
        kernel += np.nan_to_num(_NUMBER * np.exp(-0.5 * (gap / _WIDTH) ** 2), nan=0.0)[which]
    return kernel


def _variances(rows: Rows) -> Array:
    """Return what the kernel gives of each program with itself."""
    squares = rows.lines**2
    changes = squares.sum(axis=1)
    pairs = 0.5 * (changes**2 - (squares**2).sum(axis=1))
    numbers = np.count_nonzero(~np.isnan(rows.numbers), axis=1)
    found: Array = _CHANGE * changes + _PAIR * pairs + _WHOLE + _NUMBER * numbers
    return found
