"""What two parents descend from, and what each of them changed since: by whom, and with what gain."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from operators.edits import one_line
from operators.merging import Merging
from operators.proposal import Ancestor, Branch, Change, Origin
from population.errors import Corrupt
from population.genome import TuneError, values_of
from population.lineage import meeting
from population.statements import Statement, changes, in_lines, statements
from population.store import Population
from population.tracing import Steps, setters, steps_of
from population.variant import Direction, Value

STEPS = 24
"""Steps of a lineage that are told apart; what is older counts as one."""

_KEPT = 256  # sources that are kept taken apart
_IDEA = 100  # characters of one idea


@dataclass(frozen=True, slots=True)
class _Read:
    """A source taken apart."""

    statements: tuple[Statement, ...]
    values: dict[str, Value]


class Ancestry:
    """Looks up the lineages of a population.

    Args:
        population: what is known.
        direction: which way the metric is better.
    """

    def __init__(self, population: Population, direction: Direction) -> None:
        self._population = population
        self._direction = direction
        self._read = functools.lru_cache(_KEPT)(self._taken_apart)

    def ancestor(self, first: str, second: str) -> Ancestor | None:
        """Return the nearest common ancestor of two variants, None where it is not known, or is one of them.

        It is taken as it was proposed: what was tuned later is no part of what its children changed.
        """
        variants = self._population.variants
        ways = meeting(variants, first, second)
        if ways is None or min(map(len, ways)) < 2:
            return None
        top = variants[ways[0][0]]
        digest = top.proposed if self._population.has_source(top.proposed) else top.digest
        try:
            source = self._population.source(digest)
            branches = (self._branch(digest, ways[0]), self._branch(digest, ways[1]))
        except Corrupt:
            return None
        return Ancestor(top.id, digest, source, branches)

    def offers(self, first: str, second: str) -> int:
        """Return how many changes of the second variant a merge could add to the first without conflict."""
        above = self.ancestor(first, second)
        if above is None:
            return 0
        known = self._population
        one, other = (known.source(known.variants[name].digest) for name in (first, second))
        return Merging(above.source, one, other, above.branches).offers(1)

    def _branch(self, digest: str, way: Sequence[str]) -> Branch:
        """Return how the last variant of a way differs from the source that the way begins with."""
        variants = self._population.variants
        whole = [name for name in way[1:-1] if self._population.has_source(variants[name].digest)]
        stops = [way[0], *whole[-STEPS:], way[-1]]
        texts = [self._read(digest), *(self._read(variants[name].digest) for name in stops[1:])]
        trees = [text.statements for text in texts]
        spans = changes(trees[0], trees[-1])
        places: dict[Steps, int] = {}

        def place(steps: Steps) -> int:
            return places.setdefault(steps, len(places))

        made = []
        for span, steps in zip(spans, steps_of(trees, spans), strict=True):
            lines = in_lines(span, trees[0], trees[-1])
            made.append(Change(lines.start, lines.end, lines.at, lines.stop, place(steps)))
        before = texts[0].values
        values = {
            name: place(frozenset({step} if step else ()))
            for name, step in setters([text.values for text in texts]).items()
            if texts[-1].values[name] != before.get(name)
        }
        return Branch(tuple(self._origin(stops, steps) for steps in places), tuple(made), values)

    def _origin(self, stops: Sequence[str], steps: Steps) -> Origin:
        """Tell of some steps of a way: whose they are, and what they gained together."""
        names = [stops[step] for step in sorted(steps)]
        variants = [self._population.variants[name] for name in names]
        idea = one_line("; ".join(_short(one.hypothesis) for one in reversed(variants)))
        gain, error = self._gain(stops, steps)
        return Origin(tuple(names), idea, gain, error)

    def _gain(self, stops: Sequence[str], steps: Steps) -> tuple[float | None, float]:
        """Return the sum of the gains of some steps, with its standard error.

        A variant between two of them counts in neither.
        """
        weights: defaultdict[str, int] = defaultdict(int)
        for step in steps:
            weights[stops[step]] += 1
            weights[stops[step - 1]] -= 1
        gain, variance = 0.0, 0.0
        for name, weight in weights.items():
            fitness = self._population.fitness(name) if weight else None
            if weight and fitness is None:
                return None, math.nan
            if fitness is not None:
                gain += weight * self._direction.gain(fitness.mean, over=0.0)
                variance += fitness.standard_error**2
        return (gain, math.sqrt(variance)) if steps else (None, math.nan)

    def _taken_apart(self, digest: str) -> _Read:
        """Read a source; one that failed may be no program."""
        source = self._population.source(digest)
        try:
            values = values_of(source)
        except (SyntaxError, TuneError):
            values = {}
        return _Read(statements(source), values)


def _short(text: str) -> str:
    return text if len(text) <= _IDEA else text[: _IDEA - 1] + "…"
