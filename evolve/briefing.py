"""What an operator gets to know: the parents, what was tried around them, and a few others."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evolve.ancestry import Ancestry
from evolve.memory import Memory
from evolve.rungs import PROMOTED
from evolve.steering import Steering
from evolve.stopping import percent
from evolve.tuned import newest_weights
from operators.proposal import Ancestor, Attempt, Context, Number, Parent
from population import selection
from population.fitness import Fitness, failed
from population.gain import gained
from population.genome import TuneError, values_of
from population.ranking import Ranking
from population.store import Population
from population.variant import Direction, Measurement, State, Variant

_ATTEMPTS = 10
_NEAR = 40  # variants around a parent that are looked at for those
_INSPIRATIONS = 2
_NUMBERS = 12
_KNOWN = 512  # sources whose lines are kept in memory


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
        ancestry: looks up what two parents descend from; None to leave that out.
        memory: knows the ideas that were tried; without it only those near the parents are told.
        steering: what a person has told the search.
    """

    def __init__(
        self,
        population: Population,
        briefing: Briefing,
        ancestry: Ancestry | None = None,
        memory: Memory | None = None,
        steering: Steering | None = None,
    ) -> None:
        self.steering = Steering() if steering is None else steering
        self._population = population
        self._briefing = briefing
        self._ancestry = ancestry
        self._memory = memory
        self._children: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._lines = functools.lru_cache(_KNOWN)(lambda one: selection.lines_of(population.source(one)))

    def distance(self, one: str, other: str) -> float:
        """Return how unlike the lines of two variants are, 0 to 1."""
        variants = self._population.variants
        return selection.line_distance(*(self._lines(variants[name].digest) for name in (one, other)))

    def note(self, variant: Variant) -> None:
        """Let a variant be an attempt around its parents."""
        for parent in variant.parents:
            self._children[parent][variant.id] = None

    def context(
        self, ticket: int, names: Sequence[str], neighbours: Ranking | None, level: int = 0
    ) -> Context:
        """Write what the operator of one birth gets to know.

        Args:
            ticket: number of the birth.
            names: ids of the parents.
            neighbours: where inspirations are looked for; None when no language model reads them.
            level: what is asked for (see ``Context``).
        """
        briefing = self._briefing
        parents = tuple(map(self._parent, names))
        context = Context(
            task=briefing.task,
            metric=briefing.metric,
            direction=briefing.direction,
            directions=self.steering.directions(briefing.directions, neighbours is not None),
            parents=parents,
            inspirations=() if neighbours is None else self._inspirations(parents, neighbours),
            attempts=self._attempts(parents[0].variant),
            noise=self._population.noise(),
            number=ticket,
            ancestor=self._ancestor(names),
            level=level,
        )
        return (
            context if self._memory is None else self._reminded(context, self._memory, neighbours is not None)
        )

    def _reminded(self, context: Context, memory: Memory, read: bool) -> Context:
        """Return a context with what is remembered; most of it only if a model reads it."""
        if not read:
            return replace(context, known=memory.known)
        parent = context.parents[0].variant.id
        return replace(
            context,
            attempts=(*memory.refused(parent), *context.attempts),
            history=memory.history(parent),
            failures=memory.recurring(),
            lessons=memory.lessons(),
            known=memory.known,
        )

    def _ancestor(self, names: Sequence[str]) -> Ancestor | None:
        """Return what two parents have in common, None where it is not to be told."""
        return self._ancestry.ancestor(*names) if self._ancestry is not None and len(names) == 2 else None

    def _parent(self, name: str) -> Parent:
        """Put together all that is known of a variant."""
        population = self._population
        variant = population.variants[name]
        measured = [m for m in population.measurements(name) if m.purpose.searches]
        last = measured[-1] if measured else None
        whole = (m for m in reversed(measured) if m.purpose.whole)
        curve = next((m.curve for m in whole if m.digest == variant.digest and m.curve), ())
        failure = last.failure if last is not None and last.state is State.FAILED else None
        source = population.source(variant.digest)
        numbers = self._numbers(name, source)
        said = next((m.said for m in reversed(measured) if m.digest == variant.digest and m.said), "")
        return Parent(variant, source, population.fitness(name), curve, failure, numbers, said)

    def _numbers(self, name: str, source: str) -> tuple[Number, ...]:
        """Tell what tuning says of a variant's numbers: its own, or that of a tuned ancestor."""
        weights = newest_weights(self._population, name)
        if not weights:
            return ()
        try:
            values = values_of(source)
        except (SyntaxError, TuneError):
            return ()
        known = [one for one in weights if one in values][:_NUMBERS]
        return tuple(Number(one, weights[one]["matters"], values[one]) for one in known)

    def _inspirations(self, parents: Sequence[Parent], ranking: Ranking) -> tuple[Parent, ...]:
        """Choose a few other variants that are good and unlike the parents."""
        chosen = selection.diverse(
            ranking.best(selection.POOL + len(parents)),
            ranking.key,
            self.distance,
            _INSPIRATIONS,
            apart_from=[parent.variant.id for parent in parents],
        )
        return tuple(map(self._parent, chosen))

    def _attempts(self, parent: Variant) -> tuple[Attempt, ...]:
        """Tell what was tried on the parent and beside it, and what came of it; oldest first.

        What was tried on the parent goes before what was tried beside it, then what is clear before what is
        within the noise, then the latest; each idea once.
        """
        around = (self._children.get(one, {}) for one in (parent.id, *reversed(parent.parents)))
        latest = ((place > 0, one) for place, names in enumerate(around) for one in reversed(names))
        near: dict[str, tuple[bool, bool, int, Variant]] = {}
        for age, (beside, name) in enumerate(itertools.islice(latest, _NEAR)):
            variant = self._population.variants[name]
            if name != parent.id:
                near.setdefault(variant.hypothesis, (beside, not self._clear(variant), age, variant))
        chosen = sorted(near.values(), key=lambda one: one[:3])[:_ATTEMPTS]
        shown = [variant for *_, variant in sorted(chosen, key=lambda one: -one[2])]
        return tuple(Attempt(one.hypothesis, self._outcome(one)) for one in shown)

    def _clear(self, variant: Variant) -> bool:
        """Say whether it is known what an idea is worth: it fails, or its gain or loss is past the noise."""
        population = self._population
        own = population.fitness(variant.id)
        if own is None:
            return failed(population.scores(variant.id))
        gain = gained(own, population.before(variant.id), self._briefing.direction)
        return gain is not None and abs(gain.value) > gain.error

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
    gain = gained(own, parents, direction)
    if gain is None:
        return f"{own}"
    word = "better" if gain.value > 0 else "worse"
    doubt = " (within noise)" if abs(gain.value) < gain.error else ""
    return f"{own}, {word} than its parent by {abs(gain.value):.4f}{doubt}"
