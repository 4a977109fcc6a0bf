"""The search: one loop, steady state. Open this first.

Jobs run side by side, as many as ``ahead``; each ends in one outcome, and each outcome is folded into the
population before the next job is chosen. Nothing below decides what happens next: this file does.

With a fixed seed and token budgets the result does not depend on timing: every job's generator comes from
the seed and its ticket, births pass admission in the order of their tickets, outcomes are folded in that
order too, and a job is chosen when, and only when, the one ``ahead`` tickets before it has been folded.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterable

from evolve import admission, budget
from evolve.breeding import Breeder
from evolve.budget import Counts, Spent, counted
from evolve.folding import Folding
from evolve.jobs import Birth, Dropped, Job, Measure, Measured, Outcome, Refused, Tune, Tuned
from evolve.measuring import Brake, Halted, Meter, Turnstile
from evolve.policy import Policy
from evolve.progress import Snapshot
from evolve.race import SEED, Race
from evolve.seeds import CONFIRM
from evolve.tuning import Studies
from evolve.wishes import Next, Wish
from operators.proposal import Proposal, Refusal, RefusalKind
from population import genome
from population.fitness import Fitness
from population.ledger import Event
from population.store import Population
from population.variant import Failure, Measurement, Purpose, Variant

_FAR = 1e8  # seconds: three years, for a search without a limit in hours
_SILENCE = 2.0  # seconds that a birth waits after a model did not answer


class Search:
    """One session of a search over a population.

    Args:
        policy: the numbers that the loop decides by.
        population: open for writing; holds the seed variant at least.
        breeder: chooses the next child.
        meter: runs bursts.
        studies: Optuna's studies.
        brake: stops the search when pulled.
        notify: sees every event that is recorded.
        clock: unix time.
        monotonic: seconds, for the time used.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        breeder: Breeder,
        meter: Meter,
        studies: Studies,
        brake: Brake,
        notify: Callable[[Event], None],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._meter = meter
        self._studies = studies
        self._brake = brake
        self._clock = clock
        self._monotonic = monotonic
        self._started = monotonic()
        self._earlier = float(population.meta("clock", 0.0))
        self._ticket = int(population.meta("ticket", 0))
        self._counts: Counts = counted(population, SEED, policy.seed_replicates)
        self._race = Race(policy, population, self._counts, meter.seeds)
        self._folding = Folding(policy, population, breeder, self._counts, notify, clock, self._race)
        self._gate = Turnstile(policy.ordered)
        self._tasks: dict[int, tuple[Job, asyncio.Task[Outcome]]] = {}
        self._wishes: list[tuple[Wish, int, Next]] = []
        self._wished = itertools.count()
        self._asking = 0

    # The loop

    async def run(self) -> str:
        """Search until a budget is used or the brake is pulled; return the reason.

        Raises:
            InputError: the seed variant fails.
            EngineFault: the search cannot go on.
        """
        self._breeder.restore()
        unsettled = self._folding.unsettled()
        self._race.restore(unsettled)
        self._take_up(unsettled)
        alarm = self._set_alarm()
        try:
            while True:
                self._begin_jobs()
                if not self._tasks:
                    return self._brake.reason or "there is nothing left to do"
                outcomes, fault = await self._ended()
                for outcome in outcomes:
                    self._wish(self._folding.fold(outcome))
                    self._population.set_meta(clock=round(self._elapsed(), 1), ticket=self._ticket)
                if fault is not None:
                    raise fault
        finally:
            alarm.cancel()
            await self._abandon()

    def _set_alarm(self) -> asyncio.Handle:
        """Have the brake pulled when the hours are used, also while no outcome comes in."""
        limits = self._policy.limits
        left = math.inf if limits.hours is None else limits.hours * 3600 - self._elapsed()
        loop = asyncio.get_running_loop()
        return loop.call_later(min(max(0.0, left) + 0.01, _FAR), self._on_alarm)

    def _on_alarm(self) -> None:
        reason = budget.exhausted(self._policy.limits, self._spent(), self._best(), self._policy.direction)
        if reason:
            self._brake.pull(reason)

    def _take_up(self, unsettled: Iterable[str]) -> None:
        """Wish for what an earlier session left undone: first bursts, tunings, the seed's, the race's."""
        known = self._population
        for name in known.variants:
            if known.fitness(name) is None and (name == SEED or not known.measurements(name)):
                self._wish([Next(Wish.MEASURE, name)])
        self._wish(self._folding.settle(unsettled))
        if known.fitness(SEED) is not None:
            self._wish(self._folding.found())
        self._wish(self._folding.race())

    def _wish(self, wanted: Iterable[Next]) -> None:
        """Queue wishes: the most urgent first, equals in the order of their coming."""
        self._wishes += [(one.wish, next(self._wished), one) for one in wanted]

    def _begin_jobs(self) -> None:
        """Start jobs until enough are under way or a budget forbids more."""
        while len(self._tasks) < self._policy.ahead and not self._brake.on:
            reason = budget.exhausted(
                self._policy.limits, self._spent(), self._best(), self._policy.direction
            )
            if reason:
                return self._brake.pull(reason)
            job = self._next_job()
            if job is None:
                return None
            if isinstance(job, Birth):
                self._gate.enter(job.ticket)
                self._asking += job.asks
            self._tasks[job.ticket] = (job, asyncio.create_task(self._perform(job)))
        return None

    def _next_job(self) -> Job | None:
        """Choose what to do next: what earlier outcomes wish for, else a new child."""
        room = self._spent().left(self._policy.limits) - sum(job.cost for job, _ in self._tasks.values())
        while room >= 1 and (wanted := self._next_wish()) is not None:
            job = self._granted(wanted, room)
            if job is not None:
                return job
        if room < 1 or self._population.fitness(SEED) is None:
            return None
        return self._breeder.birth(self._take_ticket(), self._may_ask())

    def _next_wish(self) -> Next | None:
        """Take the most urgent wish that can be had now; a repair waits until a model may be asked."""
        may_ask = self._may_ask()
        found = min((one for one in self._wishes if may_ask or one[0] is not Wish.REPAIR), default=None)
        if found is None:
            return None
        self._wishes.remove(found)
        return found[2]

    def _granted(self, wanted: Next, room: float) -> Job | None:
        """Turn a wish into a job, None when it cannot be had."""
        ticket, name = self._take_ticket(), wanted.variant
        match wanted.wish:
            case Wish.MEASURE:
                return Measure(ticket, name, Purpose.FIRST)
            case Wish.REPLICATE if not self._race.wants(wanted):
                return None
            case Wish.REPLICATE:
                return Measure(ticket, name, Purpose.REPLICATE, wanted.number)
            case Wish.CONFIRM:
                return Measure(ticket, name, Purpose.CONFIRM, CONFIRM, wanted.digest)
            case Wish.TUNE:
                seed = int(self._breeder.generator(ticket).integers(2**32))
                return Tune(ticket, name, int(min(self._policy.trials, room)), seed)
            case Wish.REPAIR:
                known = self._population.variants[name]
                return self._breeder.repair(ticket, known) if self._may_ask() else None

    def _may_ask(self) -> bool:
        """Say whether one more birth may ask a language model."""
        if self._policy.ordered:
            asking = sum(isinstance(job, Birth) and job.asks for job, _ in self._tasks.values())
        else:
            asking = self._asking
        return asking < self._policy.asking and self._spent().affords_call(self._policy.limits, asking)

    async def _ended(self) -> tuple[list[Outcome], BaseException | None]:
        """Wait for outcomes; in order, only the oldest job's counts. A fault of ours comes beside them."""
        tasks = [task for _, task in self._tasks.values()]
        if self._policy.ordered:
            await asyncio.wait(tasks[:1])
            done = [min(self._tasks)]
        else:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done = [ticket for ticket, (_, task) in self._tasks.items() if task.done()]
        tasks = [self._tasks.pop(ticket)[1] for ticket in done]
        faults = [fault for task in tasks if (fault := task.exception()) is not None]
        return [task.result() for task in tasks if task.exception() is None], next(iter(faults), None)

    async def _abandon(self) -> None:
        """Cancel what is still under way."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # The jobs

    async def _perform(self, job: Job) -> Outcome:
        """Do one job."""
        try:
            if isinstance(job, Birth):
                return await self.step(job)
            if isinstance(job, Measure):
                return await self._measure(job)
            return await self._tune(job)
        except Halted:
            return Dropped(job)

    async def step(self, birth: Birth) -> Outcome:
        """Go the way of one candidate."""
        try:
            proposal = await self._propose(birth)
            async with self._gate.turn(birth.ticket):
                admitted = self._admit(birth, proposal)
        finally:
            await self._gate.leave(birth.ticket)
        if isinstance(admitted, Refusal):
            return Refused(birth, admitted)
        return Measured(admitted, await self._first(admitted), birth)

    async def _propose(self, birth: Birth) -> Proposal | Refusal:
        """Have the operator make a child; wait a little when its model does not answer."""
        try:
            proposal = await self._brake.unless_on(birth.operator.propose(birth.context, birth.rng))
            if isinstance(proposal, Refusal) and proposal.kind is RefusalKind.LLM:
                await self._brake.unless_on(asyncio.sleep(_SILENCE))
            return proposal
        finally:
            self._asking -= birth.asks

    def _admit(self, birth: Birth, proposal: Proposal | Refusal) -> Variant | Refusal:
        """Give a new source a name and put it on record; refuse one that is known."""
        if isinstance(proposal, Refusal):
            return proposal
        mark = admission.mark(proposal.source)
        twin = self._population.by_fingerprint.get(mark)
        if twin is None:  # a tuned parent's own text is no variant's as proposed
            same = (one for one in birth.context.parents if admission.mark(one.source) == mark)
            twin = next((one.variant.id for one in same), None)
        if twin is not None:
            reason = f"the child is the same program as {twin}"
            kind = RefusalKind.DUPLICATE
            return Refusal(kind, reason, proposal.operator, proposal.model, proposal.hypothesis)
        parents = [parent.variant for parent in birth.context.parents]
        digest = self._population.keep_source(proposal.source)
        variant = Variant(
            id=f"v{len(self._population.variants)}",
            digest=digest,
            proposed=digest,
            fingerprint=mark,
            parents=tuple(parent.id for parent in parents),
            operator=proposal.operator,
            hypothesis=proposal.hypothesis,
            island=birth.island,
            generation=1 + max(parent.generation for parent in parents),
            model=proposal.model,
            created=round(self._clock(), 3),
        )
        self._folding.admit(variant, birth.ticket)
        return variant

    async def _first(self, variant: Variant) -> Measurement:
        """Measure a new variant: look at it, one step to see that it runs, then its burst."""
        source = self._population.source(variant.digest)
        failure = admission.examine(source, self._policy.entry)
        if failure is not None:
            return _unrun(variant, failure)
        broken = await self._meter.smoke(variant, source)
        if broken is not None:
            return broken
        return await self._meter.measure(variant, variant.digest, source, Purpose.FIRST)

    async def _measure(self, job: Measure) -> Outcome:
        """Measure a known variant under the seed that the wish names."""
        variant = self._population.variants[job.variant]
        if job.purpose is Purpose.FIRST:
            return Measured(variant, await self._first(variant), job)
        digest = job.digest or variant.digest
        source = self._population.source(digest)
        result = await self._meter.measure(variant, digest, source, job.purpose, job.number)
        return Measured(variant, result, job)

    async def _tune(self, job: Tune) -> Outcome:
        """Let Optuna try values, one burst after the other."""
        variant = self._population.variants[job.variant]
        source = self._population.source(variant.digest)
        measured = next(m for m in self._population.measurements(variant.id) if m.digest == variant.digest)
        study = self._studies.begin(variant.id, source, measured, variant.parents, job.seed, ())
        results: list[Measurement] = []
        sources: list[str] = []
        for _ in range(job.trials):
            trial = study.ask()
            digest, number = genome.digest(trial.source), trial.number
            try:
                result = await self._meter.measure(
                    variant, digest, trial.source, Purpose.TRIAL, trial=number, watch=trial.watch
                )
            except Halted:
                break
            study.tell(trial, result)
            results.append(result)
            sources.append(trial.source)
        return Tuned(variant, tuple(results), tuple(sources)) if results else Dropped(job)

    # What is known

    def _take_ticket(self) -> int:
        self._ticket += 1
        return self._ticket - 1

    def _best(self) -> Fitness | None:
        champion = self._population.meta("champion")
        return None if champion is None else self._population.fitness(champion)

    def _elapsed(self) -> float:
        return self._earlier + self._monotonic() - self._started

    def _spent(self) -> Spent:
        dollars, _ = budget.spent_on(self._population.calls)
        return Spent(self._counts.evaluations, self._elapsed(), dollars, len(self._population.calls))

    def snapshot(self, run: str, metric: str) -> Snapshot:
        """Return a picture of the search as it stands now."""
        dollars, unpriced = budget.spent_on(self._population.calls)
        spent = self._spent()
        return Snapshot(
            run=run,
            metric=metric,
            direction=self._policy.direction.value,
            budgets=budget.shown(self._policy.limits, spent),
            slots=self._meter.slots,
            running=self._meter.running,
            asking=self._asking,
            evaluations=spent.evaluations,
            variants=len(self._population.variants),
            failed=self._counts.failed,
            refused=self._counts.refused,
            champion=self._population.meta("champion", ""),
            best=self._best(),
            seed=self._population.fitness(SEED),
            dollars=dollars,
            unpriced=unpriced,
            elapsed=spent.seconds,
            remaining=budget.remaining(self._policy.limits, spent),
        )


def _unrun(variant: Variant, failure: Failure) -> Measurement:
    """Put on record that a variant was refused before any burst."""
    return Measurement(variant.id, variant.digest, 0, Purpose.FIRST, None, failure, seconds=0.0)
