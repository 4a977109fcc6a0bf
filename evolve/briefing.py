"""What an operator gets to know: the parents, what was tried around them, and a few others."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.rungs import PROMOTED
from evolve.stopping import percent
from operators.proposal import Attempt, Context, Parent
from population import selection
from population.fitness import Fitness
from population.ranking import Ranking
from population.selection import Lines
from population.store import Population
from population.variant import Direction, Measurement, State, Variant

_ATTEMPTS = 10
_INSPIRATIONS = 2


@dataclass(frozen=True, slots=True)
class Briefing:
    """What every operator is told, whoever the parents are."""

    task: str
    metric: str
    direction: Direction
    directions: str


class Writer:
    """Writes the contexts of operators.

    Args:
        population: what is known.
        briefing: what every operator is told.
    """

    def __init__(self, population: Population, briefing: Briefing) -> None:
        self._population = population
        self._briefing = briefing
        self._children: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def note(self, variant: Variant) -> None:
        """Let a variant be an attempt around its parents."""
        for parent in variant.parents:
            self._children[parent][variant.id] = None

    def context(self, ticket: int, names: Sequence[str], neighbours: Ranking | None) -> Context:
        """Write what the operator of one birth gets to know.

        Args:
            ticket: number of the birth.
            names: ids of the parents.
            neighbours: where inspirations are looked for; None when no language model reads them.
        """
        briefing = self._briefing
        parents = tuple(map(self._parent, names))
        return Context(
            task=briefing.task,
            metric=briefing.metric,
            direction=briefing.direction,
            directions=briefing.directions,
            parents=parents,
            inspirations=() if neighbours is None else self._inspirations(parents, neighbours),
            attempts=self._attempts(parents[0].variant),
            noise=self._population.noise(),
            number=ticket,
        )

    def _parent(self, name: str) -> Parent:
        """Put together all that is known of a variant."""
        population = self._population
        variant = population.variants[name]
        measured = [m for m in population.measurements(name) if m.purpose.searches]
        last = measured[-1] if measured else None
        whole = (m for m in reversed(measured) if m.purpose.whole)
        curve = next((m.curve for m in whole if m.digest == variant.digest and m.curve), ())
        failure = last.failure if last is not None and last.state is State.FAILED else None
        return Parent(variant, population.source(variant.digest), population.fitness(name), curve, failure)

    def _inspirations(self, parents: Sequence[Parent], ranking: Ranking) -> tuple[Parent, ...]:
        """Choose a few other variants that are good and unlike the parents."""

        @functools.cache
        def lines(name: str) -> Lines:
            return selection.lines_of(self._population.source(self._population.variants[name].digest))

        chosen = selection.diverse(
            ranking.best(selection.POOL + len(parents)),
            ranking.key,
            lambda one, other: selection.line_distance(lines(one), lines(other)),
            _INSPIRATIONS,
            apart_from=[parent.variant.id for parent in parents],
        )
        return tuple(map(self._parent, chosen))

    def _attempts(self, parent: Variant) -> tuple[Attempt, ...]:
        """Tell what was tried on the parent and beside it, and what came of it; oldest first."""
        around = (self._children.get(one, {}) for one in (parent.id, *reversed(parent.parents)))
        latest = (one for children in around for one in reversed(children) if one != parent.id)
        near = [self._population.variants[one] for one in itertools.islice(latest, _ATTEMPTS)]
        return tuple(Attempt(one.hypothesis, self._outcome(one)) for one in reversed(near))

    def _outcome(self, variant: Variant) -> str:
        """Say in a few words what came of a variant."""
        population = self._population
        own = population.fitness(variant.id)
        if own is None:
            measured = population.measurements(variant.id)
            return unscored(measured[-1] if measured else None, variant.id in population.notes(PROMOTED))
        return compared(own, population.before(variant.id), self._briefing.direction)


def unscored(last: Measurement | None, promoted: bool) -> str:
    """Say what came of a variant without a score.

    Args:
        last: its last burst, if it had any.
        promoted: its full burst is to come.
    """
    if last is None:
        return "not measured yet"
    if last.failure is not None:
        return f"failed: {last.failure.kind}: {last.failure.message}"
    if last.score is None:
        return f"stopped at {percent(last.share)} of its burst: its loss was well above the best one's"
    if promoted:
        return f"{last.score:.4f} at {percent(last.share)} of a burst, its full burst is to come"
    return f"stopped at {percent(last.share)} of a burst: {last.score:.4f}, not among the best there"


def compared(own: Fitness, parents: Sequence[Fitness], direction: Direction) -> str:
    """Say how a child's fitness stands to its best parent's."""
    if not parents:
        return f"{own}"
    best = min(parents, key=lambda one: direction.key(one.mean))
    gain = direction.gain(own.mean, over=best.mean)
    noise = np.hypot(own.standard_error, best.standard_error)
    word = "better" if gain > 0 else "worse"
    doubt = " (within noise)" if abs(gain) < noise else ""
    return f"{own}, {word} than its parent by {abs(gain):.4f}{doubt}"
