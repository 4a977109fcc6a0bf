"""Proposals that wait for a burst: each time the one that promises most is measured.

A proposal costs an LLM call, a burst much more. So more is proposed than is measured, and what to measure is
decided when a slot is free, by all that is known then: the expected improvement (Mockus, 1975; Jones et al.,
"Efficient Global Optimization of Expensive Black-Box Functions", 1998, section 4) under the surrogate of
``judging``. Since screens also reject what would have been a gain, some bursts go to a proposal drawn from
all alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from evolve import admission
from evolve.jobs import Birth
from evolve.judging import Judge
from operators.edits import change_line
from operators.jitter import stepped
from operators.proposal import Proposal
from population.genome import parse_tunables, with_values
from population.ranking import Ranking
from population.surrogate import Traits, expected_improvement
from population.variant import Value

LIMIT = 32
"""Proposals that may wait; beyond, the least promising is given up."""

_STEPS = 12  # steps of the numbers of the best variant that are looked at each time
_TOGETHER = (0.5, 0.3, 0.2)  # chances of stepping 1, 2 or 3 numbers at once
_TOP = 16  # variants among which the best is looked for


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal that waits.

    Args:
        birth: the job that it came of.
        proposal: the child's source.
        traits: what it is compared by.
        mark: its fingerprint.
    """

    birth: Birth
    proposal: Proposal
    traits: Traits
    mark: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a variant's numbers: its values, and those of them that differ."""

    variant: str
    values: Mapping[str, Value]
    said: str


class Shelf:
    """The proposals that wait, and the choice among them.

    Args:
        judge: knows what programs are probably worth.
        explored: share of the bursts that go to a proposal drawn from all alike.
    """

    def __init__(self, judge: Judge, explored: float) -> None:
        self._judge = judge
        self._explored = explored
        self._waiting: dict[int, Waiting] = {}
        self._marks: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, birth: Birth, proposal: Proposal, known: Mapping[str, str]) -> str:
        """Let a proposal wait, unless it is a copy; return of whom.

        Args:
            birth: the job that it came of.
            proposal: the child.
            known: variants by fingerprint.
        """
        mark = admission.mark(proposal.source)
        twin = known.get(mark, "") or self._marks.get(mark, "")
        if not twin:
            self._marks[mark] = "a proposal that waits"
            traits = self._judge.traits_of(proposal.source)
            self._waiting[birth.ticket] = Waiting(birth, proposal, traits, mark)
        return twin

    def take(self, ticket: int) -> Waiting:
        """Take what a job proposed."""
        taken = self._waiting.pop(ticket)
        del self._marks[taken.mark]
        return taken

    def least(self, everybody: Ranking) -> int | None:
        """Return the job whose proposal promises least, None while there is room for all."""
        if len(self._waiting) <= LIMIT:
            return None
        waiting = [*self._waiting.values()]
        promise = self._promise([one.traits for one in waiting], everybody)
        return waiting[int(np.argmin(promise))].birth.ticket

    def choose(self, everybody: Ranking, rng: Generator) -> int | Step | None:
        """Choose what to measure next: what a job proposed, or a step of the best variant's numbers."""
        waiting = [*self._waiting.values()]
        if waiting and rng.random() < self._explored:
            return waiting[int(rng.integers(len(waiting)))].birth.ticket
        steps = self._steps(everybody, rng)
        traits = [*(one.traits for one in waiting), *(traits for _, traits in steps)]
        if not traits:
            return None
        best = int(np.argmax(self._promise(traits, everybody)))
        return waiting[best].birth.ticket if best < len(waiting) else steps[best - len(waiting)][0]

    def _promise(self, traits: Sequence[Traits], everybody: Ranking) -> Sequence[float]:
        """Return the expected improvements over the best variant."""
        fitted = self._judge.fitted(everybody)
        if fitted is None:
            return [0.0] * len(traits)
        means, deviations = fitted.predict(traits)
        promise: list[float] = expected_improvement(means, deviations, fitted.least).tolist()
        return promise

    def _steps(self, everybody: Ranking, rng: Generator) -> list[tuple[Step, Traits]]:
        """Draw steps of the numbers of the variant that is best as far as is known."""
        names = everybody.best(_TOP)
        if not names:
            return []
        means = [mean for mean, _ in self._judge.posterior(names, everybody)]
        name = names[int(np.argmin(means))]
        source, own = self._judge.source(name), self._judge.traits_of_variant(name)
        tunables = {one.name: one for one in parse_tunables(source)}
        if not tunables:
            return []
        steps = []
        for number in range(_STEPS):
            count = min(1 + int(rng.choice(len(_TOGETHER), p=_TOGETHER)), len(tunables))
            picked = sorted(rng.choice(sorted(tunables), size=count, replace=False).tolist())
            moved = {one: value for one in picked if (value := stepped(tunables[one], rng)) is not None}
            if moved:
                said = change_line({one: (tunables[one].value, value) for one, value in moved.items()})
                traits = self._judge.stepped(own, tunables, moved, number)
                steps.append((Step(name, moved, said), traits))
        return steps

    def stepped(self, step: Step) -> str:
        """Return the source after a step."""
        return with_values(self._judge.source(step.variant), step.values)
