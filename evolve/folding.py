"""Folding one outcome into the population: what goes on record, and what should follow from it."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from evolve import crowning, tuning
from evolve.breeding import REPAIR, Breeder
from evolve.budget import Counts
from evolve.errors import EngineFault, InputError
from evolve.jobs import Measured, Outcome, Refused, Tuned
from evolve.policy import Policy
from population import genome
from population.fitness import failed, probability_better
from population.ledger import Event
from population.store import Population
from population.variant import FailureKind, Measurement, Purpose, Value, Variant

SEED = "v0"
_REFUSALS_IN_A_ROW = 300  # without one burst: then there is nothing left to try
_IMPROVED = 0.84  # P(better than the parent) of a child that counts as a success: one standard error


class Wish(enum.Enum):
    """What should be done with a variant next."""

    MEASURE = "measure"
    REPLICATE = "replicate"
    TUNE = "tune"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Next:
    """A wish about a variant."""

    wish: Wish
    variant: str


class Folding:
    """Puts outcomes on record, one at a time.

    Args:
        policy: the numbers to decide by.
        population: open for writing.
        breeder: learns what came of its arms.
        counts: running totals, kept up to date here.
        notify: sees every event that is recorded.
        clock: unix time.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        breeder: Breeder,
        counts: Counts,
        notify: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._counts = counts
        self._notify = notify
        self._clock = clock
        self._refused_in_a_row = 0

    def admit(self, variant: Variant, ticket: int) -> None:
        """Record a new variant, before anything is spent on it."""
        data = {"ticket": ticket, **_who(variant)}
        event = Event("admitted", f"{variant.id} from {' and '.join(variant.parents)}", self._now(), data)
        self._population.commit(variant, event)
        self._notify(event)

    def fold(self, outcome: Outcome) -> list[Next]:
        """Record an outcome durably; return what should follow, the most urgent first.

        Raises:
            InputError: the seed variant fails.
            EngineFault: nothing but refusals, for too long.
        """
        if isinstance(outcome, Measured):
            return self._measured(outcome)
        if isinstance(outcome, Tuned):
            return self._tuned(outcome)
        if isinstance(outcome, Refused):
            self._refused(outcome)
        return []

    def _measured(self, outcome: Measured) -> list[Next]:
        """Record a burst; a failure may be repaired, a good child tuned, a contender measured again."""
        variant, measurement, birth = outcome.variant, outcome.measurement, outcome.birth
        self._refused_in_a_row = 0
        self._counts.count(measurement)
        self._population.commit(measurement)
        self._breeder.note(variant)
        improved = self._improved(variant)
        if birth is not None:
            self._breeder.learn(birth.arm, improved)
        self._record(self._told(outcome, improved))
        for event in self._breeder.migrate(self._clock()) if birth is not None else ():
            self._record(event)
        if failed(self._population.measurements(variant.id)):
            return self._after_failure(variant, measurement)
        follow = self.contend(variant.id)
        return follow + (self._after_first(variant) if measurement.purpose is Purpose.FIRST else [])

    def _refused(self, outcome: Refused) -> None:
        """Record a refusal."""
        birth, refusal = outcome.birth, outcome.refusal
        self._refused_in_a_row += 1
        self._counts.refused += 1
        self._breeder.learn(birth.arm, False)
        data = {
            "ticket": birth.ticket,
            "operator": birth.arm.operator,
            "model": birth.arm.model,
            "kind": refusal.kind.value,
            "hypothesis": refusal.hypothesis,
            "parents": [parent.variant.id for parent in birth.context.parents],
        }
        self.event("refusal", f"{birth.arm.operator}: {refusal.reason}", data)
        if self._refused_in_a_row >= _REFUSALS_IN_A_ROW:
            raise EngineFault(
                f"{self._refused_in_a_row} proposals in a row were refused without one burst; "
                f"the last: {refusal.reason}"
            )

    def _tuned(self, outcome: Tuned) -> list[Next]:
        """Record trials; the best one's values become the source's if they are better past the noise."""
        variant = self._population.variants[outcome.variant.id]
        for measurement in outcome.measurements:
            self._counts.count(measurement)
        adopted = self._adopted(variant, outcome)
        changes = {} if adopted is None else self._changes(variant, adopted)
        self._population.commit(*outcome.measurements, *([] if adopted is None else [adopted]))
        told = ", ".join(f"{name} = {value}" for name, value in changes.items()) or "its own numbers stay"
        count = len(outcome.measurements)
        self.event(
            "tuned",
            f"{variant.id} after {count} trials: {told}",
            {"variant": variant.id, "values": changes, "trials": count},
        )
        return self.contend(variant.id)

    def _adopted(self, variant: Variant, outcome: Tuned) -> Variant | None:
        """Return the variant with the best trial's values written into its source, if that one is better."""
        winner = tuning.best(outcome.measurements, self._policy.direction)
        own = self._population.fitness(variant.id)
        if winner is None or winner.score is None or own is None:
            return None
        noise = self._population.noise()
        gain = self._policy.direction.gain(winner.score, over=own.mean)
        if gain <= (0.0 if math.isnan(noise) else noise):
            return None
        source = outcome.sources[outcome.measurements.index(winner)]
        return replace(variant, digest=self._population.keep_source(source), tuned=dict(winner.values))

    def _changes(self, variant: Variant, adopted: Variant) -> dict[str, Value]:
        """Return the values that tuning changed."""
        before = genome.values_of(self._population.source(variant.digest))
        return {name: value for name, value in adopted.tuned.items() if value != before[name]}

    def _after_failure(self, variant: Variant, measurement: Measurement) -> list[Next]:
        """Stop if it is the seed that fails; else let a model repair the child, once."""
        failure = measurement.failure
        if failure is None:
            return []
        killed = failure.kind is FailureKind.KILLED
        if variant.id == SEED and killed:
            raise EngineFault(f"the seed variant could not be measured: {failure.message}")
        if variant.id == SEED:
            where = f"\n{failure.traceback}" if failure.traceback else ""
            raise InputError(f"the seed variant fails ({failure.kind}): {failure.message}{where}")
        return [] if killed or variant.operator == REPAIR else [Next(Wish.REPAIR, variant.id)]

    def _after_first(self, variant: Variant) -> list[Next]:
        """Give the seed its replicates; give a child of the best quarter its trials."""
        if variant.id == SEED:
            return [Next(Wish.REPLICATE, SEED)] * (self._policy.seed_replicates - 1)
        tunable = genome.parse_tunables(self._population.source(variant.digest))
        if self._policy.trials and tunable and self._breeder.in_best_quarter(variant.id):
            return [Next(Wish.TUNE, variant.id)]
        return []

    def contend(self, variant: str) -> list[Next]:
        """Crown a variant that is better than the champion by more than luck, or have it measured again."""
        champion = self._population.meta("champion")
        if variant == champion:  # once tuned, it stands on the luckiest of its trials alone
            digest = self._population.variants[variant].digest
            bursts = sum(m.digest == digest for m in self._population.measurements(variant))
            return [Next(Wish.REPLICATE, variant)] * (bursts < crowning.FEWEST)
        verdict = crowning.judge(
            self._population.fitness(variant),
            None if champion is None else self._population.fitness(champion),
            self._policy.direction,
            self._policy.confidence,
        )
        if verdict is crowning.Verdict.CROWN:
            self._crown(variant, champion)
        elif verdict is crowning.Verdict.MEASURE_AGAIN and self._counts.may_replicate(
            self._policy.replicates
        ):
            self._counts.replicates += 1
            return [Next(Wish.REPLICATE, variant)]
        return []

    def _crown(self, variant: str, over: str | None) -> None:
        """Make a variant the champion."""
        own = self._population.fitness(variant)
        before = None if over is None else self._population.fitness(over)
        text = f"{variant} is the first champion: {own}"
        data: dict[str, object] = {"variant": variant, "over": over or ""}
        if own is not None and before is not None:
            sure = probability_better(own, before, self._policy.direction)
            gain = self._policy.direction.gain(own.mean, over=before.mean)
            text = f"{variant} is the new champion: {own}, better than {over} by {gain:.4f} (P = {sure:.3f})"
            data |= {"probability": sure, "gain": gain}
        event = Event("champion", text, self._now(), data)
        self._population.commit(event, meta={"champion": variant})
        self._notify(event)

    def _improved(self, variant: Variant) -> bool:
        """Say whether a variant is better than all its scored parents by more than one standard error."""
        own = self._population.fitness(variant.id)
        if own is None:
            return False
        before = [self._population.fitness(parent) for parent in variant.parents]
        scored = [fitness for fitness in before if fitness is not None]
        return all(probability_better(own, one, self._policy.direction) > _IMPROVED for one in scored)

    def _gain(self, variant: Variant) -> float | None:
        """Return by how much a variant is better than its best scored parent."""
        own = self._population.fitness(variant.id)
        before = [self._population.fitness(parent) for parent in variant.parents]
        gains = [
            self._policy.direction.gain(own.mean, over=one.mean) for one in before if own is not None and one
        ]
        return min(gains, default=None)

    def _told(self, outcome: Measured, improved: bool) -> Event:
        """Tell in one sentence what a burst came to."""
        variant, measurement = outcome.variant, outcome.measurement
        if measurement.failure is not None:
            text = f"{measurement.failure.kind}: {measurement.failure.message}"
        else:
            text = str(self._population.fitness(variant.id))
        data = {
            "ticket": None if outcome.birth is None else outcome.birth.ticket,
            **_who(variant),
            "improved": improved,
            "gain": self._gain(variant),
        }
        kind = "measured" if measurement.purpose is Purpose.FIRST else "replicated"
        return Event(kind, f"{variant.id} {text}", self._now(), data)

    def event(self, kind: str, text: str, data: Mapping[str, object]) -> None:
        """Record an event."""
        self._record(Event(kind, text, self._now(), dict(data)))

    def _record(self, event: Event) -> None:
        self._population.commit(event)
        self._notify(event)

    def _now(self) -> float:
        return round(self._clock(), 3)


def _who(variant: Variant) -> dict[str, object]:
    """Say who a variant is, for an event."""
    return {
        "variant": variant.id,
        "operator": variant.operator,
        "model": variant.model,
        "hypothesis": variant.hypothesis,
    }
