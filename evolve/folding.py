"""Folding one outcome into the population: what goes on record, and what should follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from evolve import tuning
from evolve.breeding import REPAIR, Breeder
from evolve.budget import Counts
from evolve.errors import EngineFault, InputError
from evolve.jobs import Measure, Measured, Outcome, Refused, Tuned
from evolve.policy import Policy
from evolve.race import CROWNED, ENTERED, LEFT, SEED, News, Race
from evolve.rungs import RUNG, SPARED, STOPPED, Promotion, Rungs
from evolve.stopping import percent, stopped_at
from evolve.wishes import Next, Wish
from operators.portfolio import Arm
from population import genome
from population.comparison import Difference
from population.fitness import failed, probability_better
from population.ledger import Event
from population.store import Population
from population.variant import FailureKind, Measurement, Purpose, Value, Variant

TUNED = "tuned"
"""Kind of the event that ends a tuning."""

_REFUSALS_IN_A_ROW = 300  # without one burst: then there is nothing left to try
_IMPROVED = 0.84  # P(better than the parent) of a child that counts as a success: one standard error


class Folding:
    """Puts outcomes on record, one at a time; whoever calls it sees to it that the record reaches the disk.

    Args:
        policy: the numbers to decide by.
        population: open for writing.
        breeder: learns what came of its arms.
        counts: running totals, kept up to date here.
        notify: sees every event that is recorded.
        clock: unix time.
        race: decides who becomes champion.
        rungs: decide who goes on from a short burst to a full one.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        breeder: Breeder,
        counts: Counts,
        notify: Callable[[Event], None],
        clock: Callable[[], float],
        race: Race,
        rungs: Rungs,
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._race = race
        self._rungs = rungs
        self._counts = counts
        self._notify = notify
        self._clock = clock
        self.refused_in_a_row = 0

    def admit(self, variant: Variant, ticket: int) -> None:
        """Record a new variant, before anything is spent on it."""
        data = {"ticket": ticket, **_who(variant)}
        event = Event("admitted", f"{variant.id} from {' and '.join(variant.parents)}", self._now(), data)
        self._population.stage(variant, event)
        self._notify(event)

    def fold(self, outcome: Outcome) -> list[Next]:
        """Record an outcome; return what should follow.

        Raises:
            InputError: the seed variant fails.
            EngineFault: nothing but refusals, for too long.
        """
        follow: list[Next] = []
        if isinstance(outcome, Measured):
            self.refused_in_a_row = 0
            if isinstance(outcome.job, Measure):
                self._race.ended(outcome.variant.id, outcome.job.number)
            confirms = outcome.measurement.purpose is Purpose.CONFIRM
            follow = self._confirmed(outcome) if confirms else self._measured(outcome)
        elif isinstance(outcome, Tuned):
            follow = self._tuned(outcome)
        elif isinstance(outcome, Refused):
            self._refused(outcome)
        return follow + self.race()

    def race(self) -> list[Next]:
        """Record what the race decides now; return the bursts that it wants."""
        while True:
            turn = self._race.turn()
            for news in turn.news:
                self._tell(news)
            if not any(news.kind == CROWNED for news in turn.news):
                return [*turn.wishes]

    def _measured(self, outcome: Measured) -> list[Next]:
        """Record a burst; a failure may be repaired, a good child tuned."""
        variant, measurement, birth = outcome.variant, outcome.measurement, outcome.birth
        self._counts.count(measurement)
        self._population.stage(measurement)
        self._breeder.note(variant)
        improved = self._improved(variant)
        promotions = self._rungs.note(measurement, outcome.job.spare)
        self._learn(outcome, improved, promotions)
        self._record(self._told(outcome, improved))
        self._tell_of_rungs(outcome, promotions)
        for event in self._breeder.migrate(self._clock()) if birth is not None else ():
            self._record(event)
        if failed(self._population.scores(variant.id)):
            return self._after_failure(variant, measurement)
        if measurement.purpose is Purpose.FIRST:
            return self._after_first(variant)
        return [Next(Wish.MEASURE, one.variant) for one in promotions]

    def _learn(self, outcome: Measured, improved: bool, promotions: Sequence[Promotion]) -> None:
        """Tell the bandit what came of a child; a stopped one is a loss, unless it improves later on."""
        variant, birth = outcome.variant, outcome.birth
        if birth is not None:
            if all(one.variant != variant.id for one in promotions):
                self._breeder.learn(birth.arm, improved)
        elif outcome.measurement.purpose is Purpose.FIRST:
            late = self._rungs.ended(variant)
            if late is False or (late and improved):
                self._breeder.learn(Arm(variant.operator, variant.model), improved)

    def _tell_of_rungs(self, outcome: Measured, promotions: Sequence[Promotion]) -> None:
        """Record who goes on to a full burst, and who ran on where it would have been stopped."""
        for one in promotions:
            who = _who(self._population.variants[one.variant])
            self.event(one.kind, one.text, {**who, "late": one.late, "by": "rung"})
        job, measured = outcome.job, outcome.measurement
        if measured.purpose is Purpose.FIRST and job.spare:
            at = stopped_at(job.bar, measured.curve, self._policy.direction)
            if at is not None and measured.score is not None:
                text = f"{outcome.variant.id} was not stopped at {percent(at)}, to tell how often it is wrong"
                self.event(SPARED, text, {**_who(outcome.variant), "at": at, "by": "curve"})

    def _refused(self, outcome: Refused) -> None:
        """Record a refusal."""
        birth, refusal = outcome.job, outcome.refusal
        self.refused_in_a_row += 1
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
        if self.refused_in_a_row >= _REFUSALS_IN_A_ROW:
            raise EngineFault(
                f"{self.refused_in_a_row} proposals in a row were refused without one burst; "
                f"the last: {refusal.reason}"
            )

    def _tuned(self, outcome: Tuned) -> list[Next]:
        """Record trials; have the best one and the variant's own numbers measured once more, if that pays."""
        variant = self._population.variants[outcome.variant.id]
        for measurement in outcome.measurements:
            self._counts.count(measurement)
        self._population.stage(*outcome.measurements)
        winner = self._winner(variant, outcome.measurements)
        if winner is None:
            return self._settled(variant, {}, "its own numbers stay")
        both = self._confirmations(variant)
        missing = [digest for digest in (winner.digest, variant.digest) if digest not in both]
        if not missing:
            return self._decided(variant)
        return [Next(Wish.CONFIRM, variant.id, digest=digest) for digest in missing]

    def _winner(self, variant: Variant, trials: Sequence[Measurement]) -> Measurement | None:
        """Return the best trial, if it is better past the noise that their common seed leaves."""
        winner = tuning.best(trials, variant.digest, self._policy.direction)
        own = self._population.fitness(variant.id)
        if winner is None or winner.score is None or own is None:
            return None
        noise = self._population.spread()
        rest = noise.deviation * math.sqrt(1.0 - noise.shared) if noise.known else 0.0
        return winner if self._policy.direction.gain(winner.score, over=own.mean) > rest else None

    def _confirmations(self, variant: Variant) -> dict[str, Measurement]:
        """Return the bursts that confirm a variant's tuning, by the source that ran."""
        measured = self._population.measurements(variant.id)
        return {m.digest: m for m in measured if m.purpose is Purpose.CONFIRM}

    def _confirmed(self, outcome: Measured) -> list[Next]:
        """Record a burst that confirms a tuning; with both there, decide."""
        variant = self._population.variants[outcome.variant.id]
        self._counts.count(outcome.measurement)
        self._population.stage(outcome.measurement)
        self._breeder.note(variant)
        return self._decided(variant) if len(self._confirmations(variant)) == 2 else []

    def _decided(self, variant: Variant) -> list[Next]:
        """Adopt the best trial's values if they are better under another seed too.

        The best of several noisy trials looks better than it is, so its own score never counts.
        """
        both = self._confirmations(variant)
        own = both.pop(variant.digest)
        (tried,) = both.values()
        if tried.score is None or (
            own.score is not None and self._policy.direction.gain(tried.score, over=own.score) <= 0.0
        ):
            told = "its own numbers stay: the best trial did not hold another seed"
            return self._settled(variant, {}, told)
        adopted = replace(variant, digest=tried.digest, tuned=dict(tried.values))
        changes = {name: value for name, value in tried.values.items() if value != own.values.get(name)}
        self._population.stage(adopted)
        self._breeder.note(adopted)
        told = ", ".join(f"{name} = {value}" for name, value in changes.items())
        return self._settled(adopted, changes, told)

    def _settled(self, variant: Variant, changes: Mapping[str, Value], told: str) -> list[Next]:
        """Tell how a tuning ended; from now on the variant may enter the race."""
        trials = len(self._trials(variant.id))
        data = {"variant": variant.id, "values": dict(changes), "trials": trials}
        self.event(TUNED, f"{variant.id} after {trials} trials: {told}", data)
        self._race.offer(variant.id)
        return []

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
        """Crown the seed and give it its replicates; give a child of the best quarter its trials."""
        if variant.id == SEED:
            return self.found()
        tunable = genome.parse_tunables(self._population.source(variant.digest))
        if self._policy.trials and tunable and self._breeder.in_best_quarter(variant.id):
            return [Next(Wish.TUNE, variant.id)]
        self._race.offer(variant.id)
        return []

    def found(self) -> list[Next]:
        """Crown the measured seed, unless there is a champion; return the bursts that measure the noise."""
        if self._race.champion is None:
            text = f"{SEED} is the first champion: {self._population.fitness(SEED)}"
            self._crown(SEED, text, {**_who(self._population.variants[SEED]), "over": None})
        return self._race.found()

    def _trials(self, name: str) -> list[Measurement]:
        return [m for m in self._population.measurements(name) if m.purpose is Purpose.TRIAL]

    def _tell(self, news: News) -> None:
        """Record a decision of the race."""
        variant, said = self._population.variants[news.variant], news.difference
        data = {**_who(variant), "over": news.champion, "place": news.place}
        if said is not None:
            data |= {"gain": said.gain, "error": said.standard_error, "p_value": said.p_value}
        by = "" if said is None else f" by {said.gain:.4f} ± {said.standard_error:.4f}"
        fitness = self._population.fitness(variant.id)
        if news.kind == CROWNED and said is not None:
            text = f"{variant.id} is the new champion: {fitness}, better than {news.champion}{by}"
            self._crown(variant.id, f"{text} on {said.pairs} fresh seeds (p = {said.p_value:.2g})", data)
        elif news.kind == ENTERED:
            text = f"{variant.id} ({fitness}) is measured on fresh seeds against {news.champion}"
            self.event(ENTERED, text, data)
        else:
            over = f", {_beats(said)} {news.champion}{by}" if said is not None else ""
            self.event(LEFT, f"{variant.id} is no champion: {news.reason}{over}", data)

    def _crown(self, variant: str, text: str, data: Mapping[str, object]) -> None:
        """Make a variant champion, in one append with the event that says so."""
        event = Event(CROWNED, text, self._now(), dict(data))
        self._population.stage(event, meta={"champion": variant})
        self._notify(event)

    def _improved(self, variant: Variant) -> bool:
        """Say whether a variant is better than all its scored parents by more than one standard error."""
        own = self._population.fitness(variant.id)
        if own is None:
            return False
        before = self._population.before(variant.id)
        return all(probability_better(own, one, self._policy.direction) > _IMPROVED for one in before)

    def _gain(self, variant: Variant) -> float | None:
        """Return by how much a variant is better than its best scored parent."""
        own = self._population.fitness(variant.id)
        if own is None:
            return None
        before = self._population.before(variant.id)
        return min((self._policy.direction.gain(own.mean, over=one.mean) for one in before), default=None)

    def _told(self, outcome: Measured, improved: bool) -> Event:
        """Tell in one sentence what a burst came to."""
        variant, measurement = outcome.variant, outcome.measurement
        kind = "measured" if measurement.purpose in (Purpose.FIRST, Purpose.RUNG) else "replicated"
        if measurement.failure is not None:
            text = f"{measurement.failure.kind}: {measurement.failure.message}"
        elif measurement.score is None:
            kind, where = STOPPED, percent(measurement.share)
            text = f"stopped at {where}: its learning curve is worse than the champion's"
        elif measurement.purpose is Purpose.RUNG:
            kind, text = RUNG, f"{measurement.score:.4f} at {percent(measurement.share)} of a burst"
        else:
            text = str(self._population.fitness(variant.id))
        data = {
            "ticket": None if outcome.birth is None else outcome.birth.ticket,
            **_who(variant),
            "improved": improved,
            "gain": self._gain(variant),
        }
        return Event(kind, f"{variant.id} {text}", self._now(), data)

    def event(self, kind: str, text: str, data: Mapping[str, object]) -> None:
        """Record an event."""
        self._record(Event(kind, text, self._now(), dict(data)))

    def _record(self, event: Event) -> None:
        self._population.stage(event)
        self._notify(event)

    def _now(self) -> float:
        return round(self._clock(), 3)


def _beats(said: Difference) -> str:
    """Say which way a difference goes."""
    return "better than" if said.gain > 0 else "worse than"


def _who(variant: Variant) -> dict[str, object]:
    """Say who a variant is, for an event."""
    return {
        "variant": variant.id,
        "operator": variant.operator,
        "model": variant.model,
        "hypothesis": variant.hypothesis,
    }
