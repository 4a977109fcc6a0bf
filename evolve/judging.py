"""What variants are probably worth, given all that was measured of their relatives."""

from __future__ import annotations

import functools
import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence

from evolve.pitfalls import Pitfall, Trial, pitfalls
from population import selection, surrogate
from population.fitness import failed
from population.genome import Tunable, TuneError, parse_tunables
from population.ranking import Ranking
from population.store import Population
from population.surrogate import Point, Surrogate, Traits
from population.variant import Direction, Value

_BEST, _LATEST = 48, 80  # variants that are looked at: a fit costs the cube of their number
_TRIED = 200  # variants whose failures say what to keep away from
_TOP = 16  # variants among which the leader is looked for
_KNOWN = 1024  # programs whose traits are kept in memory


class Judge:
    """Fits a surrogate to the best and the latest variants, whenever something has changed.

    Args:
        population: what is known.
        direction: which way the metric is better.
        seed: id of the seed variant.
    """

    def __init__(self, population: Population, direction: Direction, seed: str) -> None:
        self._population = population
        self._direction = direction
        self._seed = seed
        self._latest: deque[str] = deque(maxlen=_LATEST)
        self._traits: dict[str, Traits] = {}
        self._tried: deque[str] = deque(maxlen=_TRIED)
        self._met: set[str] = set()
        self._parts = functools.lru_cache(_KNOWN)(self._read)
        self._pitfalls: tuple[Pitfall, ...] | None = None
        self._fitted: Surrogate | None = None

    def note(self, variant: str, new: bool) -> None:
        """Take in that a variant has a score, or (where it is not new) another one."""
        if new:
            self._latest.append(variant)
        self._fitted = None

    def tried(self, variant: str) -> None:
        """Take in that a variant has been measured (again), whether it has a score or failed."""
        if variant not in self._met:
            self._met.add(variant)
            self._tried.append(variant)
        self._pitfalls = None

    def doomed(self, source: str) -> bool:
        """Say whether a program has numbers at which programs have failed so far, and never worked."""
        if self._pitfalls is None:
            trials = (self._trial(name) for name in self._tried)
            self._pitfalls = pitfalls([one for one in trials if one is not None])
        if not self._pitfalls:
            return False
        values = {name: one.value for name, one in self.tunables(source).items()}
        return any(one.holds(values) for one in self._pitfalls)

    def _trial(self, name: str) -> Trial | None:
        """Return what came of a variant as it was proposed, None before anything did."""
        scores = self._population.scores(name)
        parts = self._parts(self._population.variants[name].proposed) if scores else None
        return None if parts is None else Trial(*parts, failed(scores))

    def _read(self, digest: str) -> tuple[int, Mapping[str, Value]] | None:
        """Return what a source is but for its numbers, and their values; None where it is gone."""
        if not self._population.has_source(digest):
            return None
        source = self._population.source(digest)
        tunables = self.tunables(source)
        lines = tuple(surrogate.lines_of(source, [*tunables.values()]))
        return hash(lines), {name: one.value for name, one in tunables.items()}

    def forget(self, variant: str) -> None:
        """Leave a variant out from now on."""
        self._latest = deque((one for one in self._latest if one != variant), maxlen=_LATEST)
        self._fitted = None

    def fitted(self, everybody: Ranking) -> Surrogate | None:
        """Return the surrogate of what is known now; None before anything is.

        Args:
            everybody: ranks all that have a score.
        """
        if self._fitted is None and len(everybody):
            names = sorted({*everybody.best(_BEST), *self._latest}, key=lambda one: int(one[1:]))
            points = {name: point for name in names if (point := self._point(name)) is not None}
            if points:
                noise = self._population.noise()
                known = 0.0 if math.isnan(noise) else noise
                self._fitted = surrogate.fit([*points.values()], known, self._scale(points, known))
        return self._fitted

    def posterior(self, names: Sequence[str], everybody: Ranking) -> list[tuple[float, float]]:
        """Return mean and standard deviation of what variants are worth, smaller means better."""
        fitted = self.fitted(everybody)
        assert fitted is not None
        means, deviations = fitted.predict([*map(self.traits_of_variant, names)])
        return [*zip(means.tolist(), deviations.tolist(), strict=True)]

    def leader(self, everybody: Ranking) -> tuple[str, float, float] | None:
        """Return who is best as far as is known, with mean and deviation; None before anybody has a score."""
        names = everybody.best(_TOP)
        if not names:
            return None
        return min(
            ((name, *worth) for name, worth in zip(names, self.posterior(names, everybody), strict=True)),
            key=lambda one: one[1],
        )

    def source(self, name: str) -> str:
        """Return a variant's text."""
        return self._population.source(self._population.variants[name].digest)

    def traits_of_variant(self, name: str) -> Traits:
        """Return what a variant is compared by."""
        return self.traits(self._population.variants[name].digest)

    def traits(self, digest: str) -> Traits:
        """Return what a known source is compared by."""
        found = self._traits.get(digest)
        if found is None:
            source = self._population.source(digest)
            found = self.traits_of(source, self.tunables(source))
            while len(self._traits) >= _KNOWN:
                del self._traits[next(iter(self._traits))]
            self._traits[digest] = found
        return found

    def traits_of(self, source: str, tunables: Mapping[str, Tunable]) -> Traits:
        """Return what a source with these numbers is compared by."""
        return surrogate.traits_of(source, [*tunables.values()], self._seed_lines)

    def tunables(self, source: str) -> Mapping[str, Tunable]:
        """Return the numbers of a source by name; one that cannot be read has none."""
        try:
            return {one.name: one for one in parse_tunables(source)}
        except (TuneError, SyntaxError, ValueError, RecursionError):
            return {}

    @functools.cached_property
    def _seed_lines(self) -> Sequence[str]:
        source = self._population.source(self._population.variants[self._seed].digest)
        return surrogate.lines_of(source, parse_tunables(source))

    def _point(self, name: str) -> Point | None:
        fitness = self._population.fitness(name)
        if fitness is None:
            return None
        return Point(self.traits_of_variant(name), selection.rank_key(fitness, self._direction), fitness.n)

    def _scale(self, points: Mapping[str, Point], noise: float) -> float:
        """Return the size of a typical effect."""
        gaps = [
            abs(point.key - points[parent].key)
            for name, point in points.items()
            for parent in self._population.variants[name].parents[:1]
            if parent in points
        ]
        usual = statistics.median(gaps) if gaps else 0.0
        return max(noise, 0.5 * usual) or max(abs(next(iter(points.values())).key), 1.0) * 1e-2
