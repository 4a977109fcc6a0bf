"""Folding one outcome into the population: what goes on record, and what should follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from evolve import admission, hints, suspicion
from evolve.breeding import IMPROVED, REPAIR, Breeder
from evolve.budget import Counts
from evolve.crediting import Credits
from evolve.errors import EngineFault, InputError
from evolve.jobs import Birth, Measure, Measured, Outcome, Proposed, Reflected, Refused, Tuned
from evolve.lessons import LEARNED
from evolve.policy import Policy
from evolve.race import CROWNED, ENTERED, HELD, LEFT, SEED, News, Race
from evolve.rungs import RUNG, SPARED, STOPPED, Promotion, Rungs
from evolve.stopping import percent, stopped_at
from evolve.tunings import Tunings
from evolve.wishes import Next, Wish
from operators.proposal import Refusal
from population.comparison import Difference
from population.fitness import failed, probability_better
from population.gain import gained
from population.ledger import Event
from population.store import Population
from population.variant import FailureKind, Measurement, Purpose, Variant

PASSED = "passed"
"""Kind of the event that gives up a proposal that was not worth a burst."""

SEED_LOG = f"what it printed is in logs/{SEED}-first-0.out of the run folder"
_REFUSALS_IN_A_ROW = 300  # without one burst: then there is nothing left to try
_MESSAGE = 300  # characters of a failure that its event keeps


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
        used: share of the budget that is used.
        shelve: lets a proposal wait; returns what it is a copy of, or the birth that has to give way.
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
        used: Callable[[], float],
        shelve: Callable[[Proposed], str | Birth | None],
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
        self._used = used
        self._shelve = shelve
        self.refused_in_a_row = 0
        self.tunings = Tunings(policy, population, breeder, counts, race, self._tuned)
        self.credits = Credits(policy, population, counts, race, self.tunings, self.event)

    def admit(self, variant: Variant, ticket: int, idea: Mapping[str, object]) -> None:
        """Record a new variant, before anything is spent on it; ``idea`` is what is known of its idea."""
        data = {"ticket": ticket, **_who(variant), **idea}
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
            match outcome.measurement.purpose:
                case Purpose.CONFIRM:
                    follow = self.tunings.confirmed(outcome)
                case Purpose.CREDIT:
                    follow = self.credits.measured(outcome)
                case _:
                    follow = self._measured(outcome)
        elif isinstance(outcome, Tuned):
            control = outcome.job.purpose is Purpose.CONTROL
            follow = self.credits.tuned(outcome) if control else self.tunings.tuned(outcome)
        elif isinstance(outcome, Refused):
            self._refused(outcome)
        elif isinstance(outcome, Proposed):
            self._proposed(outcome)
        elif isinstance(outcome, Reflected):
            self._reflected(outcome)
        return [*follow, *self.race(), *self.credits.next()]

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
        variant, measurement = outcome.variant, outcome.measurement
        self._counts.count(measurement)
        self._population.stage(measurement)
        self._run_again(outcome)
        self._breeder.note(variant)
        improved = self._improved(variant)
        promotions = self._rungs.note(measurement, outcome.job.spare)
        self._record(self._told(outcome, improved))
        self._tell_of_rungs(outcome, promotions)
        self._learn(outcome, improved, promotions)
        if failed(self._population.scores(variant.id)):
            return self._after_failure(variant, measurement)
        if measurement.purpose is Purpose.FIRST:
            return self._after_first(variant)
        return [Next(Wish.MEASURE, one.variant) for one in promotions]

    def _run_again(self, outcome: Measured) -> None:
        """Record what came of a variant that was run once more, since it was hard to believe."""
        if outcome.again is None:
            return
        self._counts.count(outcome.again)
        self._counts.replicates += 1
        self._population.stage(outcome.again)
        data = {**_who(outcome.variant), "reason": outcome.doubt}
        self.event(suspicion.KIND, f"{outcome.variant.id} was run again: {outcome.doubt}", data)

    def _learn(self, outcome: Measured, improved: bool, promotions: Sequence[Promotion]) -> None:
        """Tell the bandits what came of a child; a stopped one is a loss, unless it improves later on."""
        variant, birth, measured = outcome.variant, outcome.birth, outcome.measurement
        cost = self._policy.prices.cost(measured.share * measured.spent, measured.seconds, outcome.dollars)
        if birth is not None:
            if all(one.variant != variant.id for one in promotions):
                self._breeder.learn(birth, variant.id, cost)
                self.tunings.born(variant)
            for event in self._breeder.settle(self._used(), self._now()):
                self._record(event)
        elif measured.purpose is Purpose.FIRST:
            late = self._rungs.ended(variant)
            if late is False or (late and improved):
                self._breeder.learn_late(variant, cost)
                self.tunings.born(variant)

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
        self._breeder.learn(birth, None, self._policy.prices.cost(0, 0.0, refusal.dollars))
        data = {
            "ticket": birth.ticket,
            "operator": birth.arm.operator,
            "model": birth.arm.model,
            "kind": refusal.kind.value,
            "hypothesis": refusal.hypothesis,
            "parents": [parent.variant.id for parent in birth.context.parents],
        }
        if refusal.twins:
            data |= {"twins": list(refusal.twins), "reason": refusal.reason}
        self.event("refusal", f"{birth.arm.operator}: {refusal.reason}", data)
        if self.refused_in_a_row >= _REFUSALS_IN_A_ROW:
            raise EngineFault(
                f"{self.refused_in_a_row} proposals in a row were refused without one burst; "
                f"the last: {refusal.reason}"
            )

    def _proposed(self, outcome: Proposed) -> None:
        """Let a child wait for its burst; a copy is refused, and the least promising one given up."""
        said = self._shelve(outcome)
        if isinstance(said, str):
            self._refused(Refused(outcome.job, admission.copy_of(outcome.proposal, said)))
        elif said is not None:
            self._breeder.learn(said, None, self._policy.prices.cost(0, 0.0, 0.0))
            data = {"ticket": said.ticket, "operator": said.arm.operator, "model": said.arm.model}
            self.event(PASSED, f"{said.arm}: others promise more", data)

    def _reflected(self, outcome: Reflected) -> None:
        """Record the lessons of a look back, or why they stay as they are."""
        job, found = outcome.job, outcome.lessons
        if isinstance(found, Refusal):
            self.event(LEARNED, f"the lessons stay as they are: {found.reason}", {"ticket": job.ticket})
            return
        data = {"ticket": job.ticket, "lines": [*job.kept, *found], "base": job.base}
        self.event(LEARNED, f"{len(found)} lessons learnt", data)

    def _after_failure(self, variant: Variant, measurement: Measurement) -> list[Next]:
        """Stop if it is the seed that fails; else let a model repair the child, once."""
        failure = measurement.failure
        if failure is None:
            return []
        killed = failure.kind is FailureKind.KILLED
        if variant.id == SEED and killed:
            raise EngineFault(f"the seed variant could not be measured: {failure.message}")
        if variant.id == SEED:
            raise InputError(
                f"the seed variant fails ({failure.kind}): {failure.message}{hints.hint(failure, SEED_LOG)}"
            )
        return [] if killed or variant.operator == REPAIR else [Next(Wish.REPAIR, variant.id)]

    def _after_first(self, variant: Variant) -> list[Next]:
        """Crown the seed and give it its replicates; give a child trials if they are worth it."""
        return self.found() if variant.id == SEED else self.tunings.after_first(variant)

    def found(self) -> list[Next]:
        """Crown the measured seed, unless there is a champion; return the bursts that measure the noise."""
        if self._race.champion is None:
            text = f"{SEED} is the first champion: {self._population.fitness(SEED)}"
            self._crown(SEED, text, {**_who(self._population.variants[SEED]), "over": None})
        return self._race.found()

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
        elif news.kind == HELD and said is not None:
            text = f"{variant.id} has won against {news.champion}{by}, and waits for a person's approval"
            self.event(HELD, text, data)
        elif news.kind == ENTERED:
            text = f"{variant.id} ({fitness}) is measured on fresh seeds against {news.champion}"
            self.event(ENTERED, text, data)
        else:
            over = f", {_beats(said)} {news.champion}{by}" if said is not None else ""
            self.event(LEFT, f"{variant.id} is no champion: {news.reason}{over}", data)

    def tell(self, news: Sequence[News]) -> list[Next]:
        """Record what a person's word changed in the race; return the bursts that it wants now."""
        for one in news:
            self._tell(one)
        return self.race()

    def dethrone(self, banned: str) -> None:
        """Let the one before a champion that was banned be champion again; the seed, if nobody else was."""
        known, gone = self._population.variants, self._breeder.steering.banned
        reigned = (str(event.data["variant"]) for event in self._population.events_of(CROWNED))
        before = [one for one in reigned if one in known and one not in gone]
        name = before[-1] if before else SEED
        self._race.dethroned()
        text = f"{name} is the champion again, since {banned} is banned"
        event = Event(CROWNED, text, self._now(), {**_who(known[name]), "over": banned})
        self._population.stage(event, meta={"champion": name})
        self._notify(event)

    def _crown(self, variant: str, text: str, data: Mapping[str, object]) -> None:
        """Make a variant champion, in one append with the event that says so."""
        event = Event(CROWNED, text, self._now(), dict(data))
        self._population.stage(event, meta={"champion": variant})
        self._notify(event)
        self.credits.crowned(variant)

    def _improved(self, variant: Variant) -> bool:
        """Say whether a variant is better than all its scored parents by more than one standard error."""
        own = self._population.fitness(variant.id)
        if own is None:
            return False
        before = self._population.before(variant.id)
        return all(probability_better(own, one, self._policy.direction) > IMPROVED for one in before)

    def _gained(self, variant: Variant) -> dict[str, float | None]:
        """Return the gain of a variant over its best scored parent, and its standard error."""
        before = self._population.before(variant.id)
        gain = gained(self._population.fitness(variant.id), before, self._policy.direction)
        if gain is None:
            return {"gain": None, "error": None}
        return {"gain": gain.value, "error": None if math.isnan(gain.error) else gain.error}

    def _told(self, outcome: Measured, improved: bool) -> Event:
        """Tell in one sentence what a burst came to."""
        variant, measurement = outcome.variant, outcome.measurement
        failure = measurement.failure
        kind = "measured" if measurement.purpose in (Purpose.FIRST, Purpose.RUNG) else "replicated"
        if failure is not None:
            text = f"{failure.kind}: {failure.message}"
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
            **self._gained(variant),
        }
        if failure is not None:
            data |= {"failure": failure.kind.value, "message": failure.message[:_MESSAGE]}
        return Event(kind, f"{variant.id} {text}", self._now(), data)

    def _tuned(self, kind: str, text: str, data: Mapping[str, object]) -> None:
        """Record the end of a tuning, with what the variant is worth beside its parents now."""
        variant = self._population.variants[str(data["variant"])]
        self.event(kind, text, {**data, **self._gained(variant)})

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
