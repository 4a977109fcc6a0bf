"""When a full burst is ended early: its learning curve is worse than the champion's by more than the noise.

Curves are compared at equal progress, step by step, as in the median rule of Golovin et al. (Google Vizier,
KDD 2017, section 3.2.2), but against one program and its noise: the bar is the mean of the champion's curves
and so many standard deviations more, pooled over the replicates of the seed variant and of the champion.

A curve is what a variant says of itself: with one that is too good it is not stopped, and with one that is
too bad it harms nobody but itself. Whoever reports nothing is not stopped.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from evolve.policy import Policy
from population.store import Population
from population.variant import Direction, Measurement, Purpose

Curve = Sequence[tuple[float, float]]
Bar = tuple[float | None, ...]
"""The worst key (see ``Direction.key``) at each step that is not stopped; None where nothing is compared."""

STEPS = 20
_FIRST, _LAST = 6, 15  # steps that are compared: earlier ones say little, later ones save little
_IN_A_ROW = 2  # steps that must be worse
_FREEDOM = 4  # degrees of freedom that the noise of a step needs
_OF_ITSELF = frozenset({Purpose.FIRST, Purpose.REPLICATE, Purpose.CONFIRM})


class Watcher:
    """Watches one burst's learning curve.

    Args:
        bar: what it must not be worse than.
        direction: which way the reported numbers are better.
        spare: let it run on; ``stopped`` says where it would have been stopped.
    """

    def __init__(self, bar: Bar, direction: Direction, spare: bool = False) -> None:
        self._bar = bar
        self._direction = direction
        self._spare = spare
        self._begin()

    def _begin(self) -> None:
        self._step = self._count = self._worse = 0
        self._sum = 0.0
        self.stopped: float | None = None
        """Progress at which the burst was, or would have been, stopped."""

    def watch(self, count: int, progress: float, loss: float) -> bool:
        """See a point of the curve, number 1 of a burst first; say whether to stop the burst."""
        if count == 1:
            self._begin()  # the burst is made once more
        step = _step(progress)
        if step > self._step:
            self._close()
            self._step, self._sum, self._count = step, 0.0, 0
            if self._worse >= _IN_A_ROW and self.stopped is None and step <= _LAST + 1:
                self.stopped = progress
        if step == self._step:
            self._sum += self._direction.key(loss)
            self._count += 1
        return self.stopped is not None and not self._spare

    def _close(self) -> None:
        """Compare the step that is over, if there is something to compare."""
        worst = self._bar[self._step] if self._step < len(self._bar) else None
        if worst is not None and self._count:
            self._worse = self._worse + 1 if self._sum / self._count > worst else 0


def stopped_at(bar: Bar, curve: Curve, direction: Direction) -> float | None:
    """Return the progress at which a curve is stopped, None if it is not."""
    watcher = Watcher(bar, direction, spare=True)
    for count, (progress, loss) in enumerate(curve, 1):
        watcher.watch(count, progress, loss)
    return watcher.stopped


def bar_of(best: str, curves: Mapping[str, Sequence[Curve]], direction: Direction, width: float) -> Bar:
    """Return the bar that the curves of one program set.

    Args:
        best: whose curves they are compared with.
        curves: of this program and of others, several of each: they tell the noise.
        direction: which way the reported numbers are better.
        width: standard deviations that a curve may be worse.
    """
    stepped = {name: [_stepped(curve, direction) for curve in several] for name, several in curves.items()}
    bar: list[float | None] = []
    for step in range(STEPS):
        groups = {name: [one[step] for one in several if step in one] for name, several in stepped.items()}
        own = groups.get(best, [])
        freedom = sum(len(group) - 1 for group in groups.values() if group)
        if not own or freedom < _FREEDOM or not _FIRST <= step <= _LAST:
            bar.append(None)
            continue
        squares = sum((x - math.fsum(group) / len(group)) ** 2 for group in groups.values() for x in group)
        mean, deviation = math.fsum(own) / len(own), math.sqrt(squares / freedom)
        height = mean + width * deviation * math.sqrt(1.0 + 1.0 / len(own))
        bar.append(height if math.isfinite(height) else None)
    return tuple(bar)


class Bars:
    """The bar that the champion sets as things stand.

    Args:
        policy: how far worse a curve may be.
        population: holds the curves.
        seed: id of the seed variant, whose replicates tell the noise.
    """

    def __init__(self, policy: Policy, population: Population, seed: str) -> None:
        self._policy = policy
        self._population = population
        self._seed = seed
        self._known: tuple[object, ...] = ()
        self._bar: Bar = ()

    def now(self) -> Bar:
        """Return the bar, read anew only when it may have changed; empty while nobody is to be stopped."""
        champion = self._population.meta("champion")
        if not self._policy.early_stop or champion is None:
            return ()
        digest = self._population.variants[champion].digest
        counts = (len(self._population.scores(name)) for name in (champion, self._seed))
        known = (champion, digest, *counts)
        if known != self._known:
            self._known, self._bar = known, self._read(champion, digest)
        return self._bar

    def _read(self, champion: str, digest: str) -> Bar:
        curves: defaultdict[str, list[Curve]] = defaultdict(list)
        for name in dict.fromkeys((champion, self._seed)):
            for measured in filter(_tells, self._population.measurements(name)):
                curves[measured.digest].append(measured.curve)
        return bar_of(digest, curves, self._policy.direction, self._policy.early_stop)


def percent(share: float) -> str:
    """Write a share of a burst."""
    return f"{100 * share:.0f} %"


def _tells(measured: Measurement) -> bool:
    """Say whether a burst was a full one of the variant itself that came to its end."""
    return measured.score is not None and measured.purpose in _OF_ITSELF


def _stepped(curve: Curve, direction: Direction) -> dict[int, float]:
    """Return the mean key in each step of a curve."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for progress, loss in curve:
        if math.isfinite(loss):
            found[_step(progress)].append(direction.key(loss))
    return {step: math.fsum(keys) / len(keys) for step, keys in found.items()}


def _step(progress: float) -> int:
    return min(int(progress * STEPS), STEPS - 1)
