"""What a new champion owes to its structure and what to its numbers: a control study on its parent.

A child brings a change of structure, and numbers that were tuned for it; to say that the structure helped one
must ask what the same trials would have brought its parent (an ablation with equal tuning on both sides:
Melis, Dyer & Blunsom, On the State of the Art of Evaluation in Neural Language Models, ICLR 2018; Lipton &
Steinhardt, Troubling Trends in Machine Learning Scholarship, 2018, section 3.2). So the parent gets as many
trials as the champion had, the champion's own numbers first, and its best ones are measured beside the
parent's own on fresh seeds. What these bring is credited to numbers, the rest of the champion's gain to
structure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from evolve.budget import Counts
from evolve.crowning import LOOKS
from evolve.jobs import Measured, Tuned
from evolve.policy import Policy
from evolve.race import Race
from evolve.seeds import FRESH
from evolve.tuned import own_trials, trial_noise, values_to_try
from evolve.tunings import Tunings
from evolve.wishes import Next, Wish
from population.comparison import Scores, compare
from population.errors import Corrupt
from population.fitness import screened
from population.genome import TuneError
from population.store import Population
from population.structure import same_structure
from population.variant import Purpose, Variant

CREDIT = "credit"
"""Kind of the event that says what a champion's gain over its parent is owed to."""

_NUMBERS = range(FRESH, FRESH + LOOKS[0])  # fresh seeds that every champion was measured under
_WAITING = 4  # champions that may wait for their control

Told = Callable[[str, str, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class Control:
    """A control study.

    Args:
        champion: whose gain is credited.
        parent: who is tuned for it.
        digest: content hash of the champion's source.
        trials: how many trials the champion had.
        best: content hash of the parent's best trial; empty before it is known.
    """

    champion: str
    parent: str
    digest: str
    trials: int
    best: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A gain, and its standard error; None while the noise is unknown."""

    gain: float
    error: float | None

    def __str__(self) -> str:
        return f"{self.gain:+.4f}" if self.error is None else f"{self.gain:+.4f} ± {self.error:.4f}"


NOTHING = Part(0.0, 0.0)


class Credits:
    """The control studies of one run, one at a time.

    Args:
        policy: the numbers to decide by.
        population: open for writing.
        counts: running totals, kept up to date here.
        race: knows seeds and champion.
        tunings: knows who is being tuned.
        tell: records an event.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        counts: Counts,
        race: Race,
        tunings: Tunings,
        tell: Told,
    ) -> None:
        self._policy = policy
        self._population = population
        self._counts = counts
        self._race = race
        self._tunings = tunings
        self._tell = tell
        self._waiting: list[Control] = []
        self._now: Control | None = None

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what ``restore`` cannot tell from elsewhere."""
        return {
            "waiting": [asdict(one) for one in self._waiting],
            "now": None if self._now is None else asdict(self._now),
        }

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Take in what an earlier session left; None for a search that begins, or of an older engine."""
        known = self._population.variants
        if state is None:
            return
        waiting = [Control(**one) for one in state["waiting"]]
        self._waiting = [one for one in waiting if one.champion in known and one.parent in known]
        now = None if state["now"] is None else Control(**state["now"])
        self._now = now if now is not None and now.champion in known and now.parent in known else None

    def crowned(self, name: str) -> None:
        """Credit a new champion's gain at once where that costs nothing, else put it in the queue."""
        variant = self._population.variants[name]
        parent = next((one for one in variant.parents if self._population.fitness(one) is not None), None)
        if parent is None:
            return
        try:
            source = self._population.source(variant.digest)
            alike = same_structure(source, self._population.source(self._population.variants[parent].digest))
        except (Corrupt, SyntaxError, TuneError):
            return
        control = Control(name, parent, variant.digest, own_trials(self._population, name))
        whole = self._apart((name, variant.digest), (parent, self._population.variants[parent].digest))
        if alike:
            self._credit(control, whole, NOTHING, whole)
        elif not control.trials and not values_to_try(self._population, parent, variant.digest):
            self._credit(control, whole, whole, NOTHING)
        elif self._policy.trials and self._policy.control:
            self._waiting = [control, *self._waiting][:_WAITING]

    def next(self) -> list[Next]:
        """Begin the control of the newest champion that there are bursts for."""
        if self._now is not None:
            return []
        for control in self._waiting:
            trials = control.trials or 1
            checks = 0 if trial_noise(self._population) == 0.0 else 2 * len(_NUMBERS)
            if self._tunings.busy(control.parent) or not self._affordable(trials + checks):
                continue
            self._waiting.remove(control)
            self._now = control
            self._tunings.hold(control.parent)
            return [Next(Wish.CONTROL, control.parent, trials, control.digest)]
        return []

    def tuned(self, outcome: Tuned) -> list[Next]:
        """Record the trials of a control; have the best one measured beside the parent's own numbers."""
        variant = self._tunings.record(outcome)
        now, winner = self._now, outcome.winner
        if now is None or now.parent != variant.id:
            return []
        if winner is None:
            whole = self._apart((now.champion, now.digest), (variant.id, variant.digest))
            return self._concluded(now, whole, whole, NOTHING)
        self._now = replace(now, best=winner.digest)
        if trial_noise(self._population) == 0.0:
            return self._compared(self._now, variant)
        return [
            Next(Wish.CREDIT, variant.id, number, digest)
            for number in _NUMBERS
            for digest in (winner.digest, variant.digest)
            if not self._has(variant, digest, number)
        ]

    def measured(self, outcome: Measured) -> list[Next]:
        """Record a burst of a control; with all of them there, say what they come to."""
        variant, now = self._population.variants[outcome.variant.id], self._now
        self._counts.count(outcome.measurement)
        self._population.stage(outcome.measurement)
        if now is None or now.parent != variant.id:
            return []
        both = (now.best, variant.digest)
        whole = all(self._has(variant, digest, number) for number in _NUMBERS for digest in both)
        return self._compared(now, variant) if whole else []

    def _compared(self, now: Control, variant: Variant) -> list[Next]:
        """Compare champion, parent, and parent with its best numbers."""
        champion, parent, best = (
            (now.champion, now.digest),
            (variant.id, variant.digest),
            (variant.id, now.best),
        )
        whole, numbers = self._apart(champion, parent), self._apart(best, parent)
        if not self._scores(*best) or numbers.gain <= 0.0:  # they would not be adopted
            return self._concluded(now, whole, whole, Part(0.0, numbers.error))
        structure = self._apart(champion, best)
        follow = self._concluded(now, whole, structure, numbers)
        return [*follow, Next(Wish.ADOPT, variant.id, digest=now.best)] if structure.gain < 0.0 else follow

    def _concluded(self, now: Control, whole: Part, structure: Part, numbers: Part) -> list[Next]:
        """End a control."""
        self._credit(now, whole, structure, numbers)
        self._tunings.release(now.parent)
        self._now = None
        return []

    def _credit(self, control: Control, whole: Part, structure: Part, numbers: Part) -> None:
        """Put on record what a champion's gain over its parent is owed to."""
        owed = f"structure {structure}, numbers {numbers}"
        text = f"{control.champion} over {control.parent}: {whole.gain:+.4f}: {owed}"
        data = {
            "variant": control.champion,
            "parent": control.parent,
            "trials": control.trials,
            "gain": whole.gain,
            "error": whole.error,
            "structure": structure.gain,
            "structure_error": structure.error,
            "numbers": numbers.gain,
            "numbers_error": numbers.error,
        }
        self._tell(CREDIT, text, data)

    def _apart(self, one: tuple[str, str], other: tuple[str, str]) -> Part:
        """Return by how much one source is better than another; each with the variant that it is of."""
        first, second = self._scores(*one), self._scores(*other)
        if not first or not second:
            return Part(0.0, None)
        found = compare(first, second, self._policy.direction, self._population.spread())
        if found is not None:
            return Part(found.gain, found.standard_error)
        means = [sum(scores.values()) / len(scores) for scores in (first, second)]
        return Part(self._policy.direction.gain(means[0], over=means[1]), None)

    def _scores(self, name: str, digest: str) -> Scores:
        """Return the scores of a source under fresh seeds, else those that it was chosen by."""
        scores = self._population.scores(name)
        found = {m.seed: m.score for m in scores if m.digest == digest and m.purpose is Purpose.CREDIT}
        fresh = {seed: score for seed, score in found.items() if score is not None}
        if self._population.variants[name].digest == digest:
            fresh |= self._population.evidence(name)
        if fresh:
            return fresh
        if trial_noise(self._population) == 0.0:
            return {m.seed: m.score for m in scores if m.digest == digest and m.score is not None}
        return screened(scores, digest)

    def _has(self, variant: Variant, digest: str, number: int) -> bool:
        """Say whether a source of the parent was measured under a fresh seed, whatever came of it."""
        seed = self._race.seed(number)
        if variant.digest == digest and seed in self._population.evidence(variant.id):
            return True
        scores = self._population.scores(variant.id)
        return any(m.digest == digest and m.seed == seed and m.purpose is Purpose.CREDIT for m in scores)

    def _affordable(self, bursts: int) -> bool:
        """Say whether a control of so many bursts may be made."""
        most = self._policy.limits.evaluations
        left = math.inf if most is None else most - self._counts.evaluations
        return bursts <= left and self._counts.may_control(self._policy.control, bursts)
