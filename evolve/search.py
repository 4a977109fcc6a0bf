"""The search: one loop, steady state. Open this first.

Jobs run side by side, as many as ``ahead``; each ends in one outcome, and each outcome is folded into the
population before the next job is chosen. Nothing below decides what happens next: this file does.

With a fixed seed and token budgets the result does not depend on timing: every job's generator comes from
the seed and its ticket, births pass admission in the order of their tickets, outcomes are folded in that
order too, and a job is chosen when, and only when, the one ``ahead`` tickets before it has been folded.

Nor does it depend on where the search was killed: what an outcome leaves, and the jobs that are chosen
because of it, reach the disk in one append before anything is begun or told; a session begins with the jobs
that the last one left (see ``docket``).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evolve import admission, budget, tuning
from evolve.breeding import Breeder
from evolve.budget import Counts, Spent, counted
from evolve.docket import PATIENCE, Docket, Planned
from evolve.folding import Folding
from evolve.jobs import Birth, Dropped, Job, Measure, Measured, Outcome, Refused, Tune, Tuned
from evolve.measuring import Begun, Brake, Halted, Meter, Turnstile
from evolve.policy import Policy
from evolve.progress import Snapshot
from evolve.race import ENTERED, SEED, Race
from evolve.room import Room
from evolve.seeds import CONFIRM
from evolve.tuning import Studies
from evolve.wishes import Next, Wish
from operators.proposal import Proposal, Refusal, RefusalKind
from population import genome
from population.errors import PopulationError
from population.fitness import Fitness
from population.islands import MIGRATION
from population.ledger import Event
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant

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
        room: waits while the disk is full.
        notify: sees every event once it is on the disk.
        crashed: whether the session before this one was killed.
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
        room: Room,
        notify: Callable[[Event], None],
        crashed: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._meter = meter
        self._studies = studies
        self._brake = brake
        self._room = room
        self._notify = notify
        self._crashed = crashed
        self._clock = clock
        self._monotonic = monotonic
        self._started = monotonic()
        self._earlier = float(population.meta("clock", 0.0))
        self._counts: Counts = counted(population, SEED, policy.seed_replicates)
        self._race = Race(policy, population, self._counts, meter.seeds)
        self._told: list[Event] = []
        self._folding = Folding(
            policy, population, breeder, self._counts, self._told.append, clock, self._race
        )
        self._docket = Docket(population)
        self._gate = Turnstile(policy.ordered)
        self._tasks: dict[int, tuple[Job, asyncio.Task[Outcome]]] = {}
        self._left: deque[Job] = deque()
        self._ticket = 0
        self._asking = 0

    # The loop

    async def run(self) -> str:
        """Search until a budget is used or the brake is pulled; return the reason.

        Raises:
            InputError: the seed variant fails.
            EngineFault: the search cannot go on.
        """
        self._restore()
        alarm = self._set_alarm()
        try:
            while True:
                jobs = self._chosen()
                await self._durable()
                self._begin(jobs)
                if not self._tasks:
                    return self._brake.reason or "there is nothing left to do"
                outcomes, fault = await self._ended()
                for outcome in outcomes:
                    self._fold(outcome)
                if fault is not None:
                    raise fault
        finally:
            alarm.cancel()
            await self._abandon()
            with contextlib.suppress(PopulationError):  # what is raised beside it says why
                self._population.flush()
                self._tell()

    def _restore(self) -> None:
        """Take up everything where the last session left it."""
        known, docket = self._population, self._docket
        state: Mapping[str, Any] = known.meta("search", {})
        self._ticket = int(state.get("ticket", 0))
        self._folding.refused_in_a_row = int(state.get("refused_in_a_row", 0))
        self._breeder.restore(known.measured, state.get("breeder"), known.events_of(MIGRATION))
        entered = (str(event.data["variant"]) for event in known.events_of(ENTERED))
        self._race.restore(docket.held(), state.get("race"), entered, docket.asked())
        self._counts.replicates += self._race.pending
        running = docket.recover(self._crashed)
        if self._crashed and running:
            text = f"bursts that ran when the last session was killed, and are run again: {running}"
            self._folding.event("recovered", text, {"bursts": running})
        self._left.extend(job for planned in docket.jobs() if (job := self._again(planned)) is not None)
        self._wish_for_the_rest()

    def _wish_for_the_rest(self) -> None:
        """Wish for what nobody has: first bursts, the seed's replicates, what the race wants."""
        known, awaited = self._population, self._docket.awaited()
        for name in known.variants:
            unmeasured = known.fitness(name) is None and (name == SEED or not known.scores(name))
            if unmeasured and name not in awaited:
                self._docket.wish(Next(Wish.MEASURE, name))
        founded = self._folding.found() if known.fitness(SEED) is not None else []
        for wanted in founded + self._folding.race():
            self._docket.wish(wanted)

    def _again(self, planned: Planned | Measure | Tune) -> Job | None:
        """Return a job of an earlier session; None for a birth that nobody can go on with."""
        if not isinstance(planned, Planned):
            return planned
        birth = self._breeder.again(planned.ticket, planned.arm, planned.context, planned.island)
        ticket = planned.ticket
        done = self._docket.admitted(ticket) is not None or self._docket.proposed(ticket) is not None
        if birth.operator is None and not done:
            self._docket.end(ticket)
            return None
        return birth

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

    def _fold(self, outcome: Outcome) -> None:
        """Record an outcome and what follows from it; what was given up stays on the docket."""
        if isinstance(outcome, Dropped):
            return
        self._docket.end(outcome.job.ticket)
        for wanted in self._folding.fold(outcome):
            self._docket.wish(wanted)

    async def _durable(self) -> None:
        """Have everything recorded so far on the disk, and tell of it."""
        state = {
            "ticket": self._ticket,
            "refused_in_a_row": self._folding.refused_in_a_row,
            "breeder": self._breeder.state(),
            "race": self._race.state(),
        }
        self._population.stage(meta={"clock": round(self._elapsed(), 1), "search": state})
        await self._flushed()

    async def _flushed(self) -> None:
        """Have what is staged on the disk, and tell of it."""
        await self._room.until(self._population.flush)
        self._tell()

    def _tell(self) -> None:
        """Tell of the events that are on the disk."""
        told, self._told[:] = [*self._told], []
        for event in told:
            self._notify(event)

    def _chosen(self) -> list[Job]:
        """Choose jobs until enough are under way or a budget forbids more."""
        jobs: list[Job] = []
        while len(self._tasks) + len(jobs) < self._policy.ahead and not self._brake.on:
            reason = budget.exhausted(
                self._policy.limits, self._spent(), self._best(), self._policy.direction
            )
            if reason:
                self._brake.pull(reason)
                break
            job = self._next_job(jobs)
            if job is None:
                break
            jobs.append(job)
        return jobs

    def _begin(self, jobs: Iterable[Job]) -> None:
        """Begin jobs that are on the docket."""
        for job in jobs:
            if isinstance(job, Birth) and self._docket.admitted(job.ticket) is None:
                self._gate.enter(job.ticket)
            self._tasks[job.ticket] = (job, asyncio.create_task(self._perform(job)))

    def _next_job(self, chosen: Sequence[Job]) -> Job | None:
        """Choose what to do next: what was under way, what outcomes wish for, else a new child."""
        under_way = [*(job for job, _ in self._tasks.values()), *chosen]
        room = self._spent().left(self._policy.limits) - sum(job.cost for job in under_way)
        if self._left:
            return self._resumed(room) if room >= 1 else None
        job = self._new_job(room, under_way)
        if job is not None:
            self._ticket += 1
            self._docket.begin(job)
        return job

    def _resumed(self, room: float) -> Job:
        """Take the next job that an earlier session left under way."""
        job = self._left.popleft()
        return replace(job, trials=int(min(job.trials, room))) if isinstance(job, Tune) else job

    def _new_job(self, room: float, under_way: Sequence[Job]) -> Job | None:
        """Choose a job that is not on the docket yet."""
        may_ask = self._may_ask(under_way)
        while room >= 1 and (wanted := self._docket.take(may_ask)) is not None:
            job = self._granted(wanted, room, may_ask, under_way)
            if job is not None:
                return job
        if room < 1 or self._population.fitness(SEED) is None:
            return None
        return self._breeder.birth(self._ticket, may_ask)

    def _granted(self, wanted: Next, room: float, may_ask: bool, under_way: Iterable[Job]) -> Job | None:
        """Turn a wish into a job, None when it cannot be had."""
        ticket, name = self._ticket, wanted.variant
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
                trials = int(min(self._policy.trials, room))
                return Tune(ticket, name, trials, seed, self._tuned_parents(name, under_way))
            case Wish.REPAIR:
                known = self._population.variants[name]
                return self._breeder.repair(ticket, known) if may_ask else None

    def _tuned_parents(self, name: str, under_way: Iterable[Job]) -> tuple[str, ...]:
        """Return the parents of a variant that no tuning is under way for: what these have learnt stands."""
        tuning_now = {job.variant for job in under_way if isinstance(job, Tune)}
        waiting = {one.variant for one in self._docket.wishes if one.wish is Wish.TUNE}
        parents = self._population.variants[name].parents
        return tuple(parent for parent in parents if parent not in tuning_now | waiting)

    def _may_ask(self, under_way: Iterable[Job]) -> bool:
        """Say whether one more birth may ask a language model."""
        asking = sum(isinstance(job, Birth) and job.asks and self._waits(job) for job in under_way)
        return asking < self._policy.asking and self._spent().affords_call(self._policy.limits, asking)

    def _waits(self, birth: Birth) -> bool:
        """Say whether a birth counts as asking: until it has its reply or, in order, until it is folded."""
        ticket = birth.ticket
        return self._policy.ordered or not (self._docket.proposed(ticket) or self._docket.admitted(ticket))

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
        name = self._docket.admitted(birth.ticket)
        if name is None:
            try:
                proposal = await self._propose(birth)
                async with self._gate.turn(birth.ticket):
                    admitted = await self._admit(birth, proposal)
            finally:
                await self._gate.leave(birth.ticket)
            if isinstance(admitted, Refusal):
                return Refused(birth, admitted)
            name = admitted.id
        variant = self._population.variants[name]
        return Measured(variant, await self._first(birth.ticket, variant), birth)

    async def _propose(self, birth: Birth) -> Proposal | Refusal:
        """Have the operator make a child, unless it has; wait a little when its model does not answer."""
        known = self._docket.proposed(birth.ticket)
        if known is not None:
            return known
        assert birth.operator is not None
        self._asking += birth.asks
        try:
            proposal = await self._brake.unless_on(birth.operator.propose(birth.context, birth.rng))
            if birth.asks:  # it was paid for
                self._docket.propose(birth.ticket, proposal)
                await self._flushed()
            if isinstance(proposal, Refusal) and proposal.kind is RefusalKind.LLM:
                await self._brake.unless_on(asyncio.sleep(_SILENCE))
            return proposal
        finally:
            self._asking -= birth.asks

    async def _admit(self, birth: Birth, proposal: Proposal | Refusal) -> Variant | Refusal:
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
        digest = await self._room.until(lambda: self._population.keep_source(proposal.source))
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
        self._docket.admit(birth.ticket, variant.id)
        await self._flushed()
        return variant

    async def _first(self, ticket: int, variant: Variant) -> Measurement:
        """Measure a new variant: look at it, one step to see that it runs, then its burst."""
        source = self._population.source(variant.digest)
        failure = admission.examine(source, self._policy.entry) or self._suspicion(variant.digest)
        if failure is not None:
            return _unrun(variant, failure)
        begun = self._begun(ticket, variant.digest)
        alone = self._alone(variant.digest)
        broken = await self._meter.smoke(variant, source, begun, alone)
        self._docket.ran(ticket)
        if broken is not None:
            return broken
        return await self._meter.measure(
            variant, variant.digest, source, Purpose.FIRST, begun=begun, alone=alone
        )

    async def _measure(self, job: Measure) -> Outcome:
        """Measure a known variant under the seed that the wish names."""
        variant = self._population.variants[job.variant]
        if job.purpose is Purpose.FIRST:
            return Measured(variant, await self._first(job.ticket, variant), job)
        digest = job.digest or variant.digest
        failure = self._suspicion(digest)
        if failure is not None:
            seed = self._meter.seeds(job.number)
            return Measured(variant, _unrun(variant, failure, digest, seed, job.purpose), job)
        source = self._population.source(digest)
        begun = self._begun(job.ticket, digest)
        result = await self._meter.measure(
            variant, digest, source, job.purpose, job.number, begun, self._alone(digest)
        )
        return Measured(variant, result, job)

    async def _tune(self, job: Tune) -> Outcome:
        """Let Optuna try values, one burst after the other; each is on record before the next begins."""
        variant = self._population.variants[job.variant]
        source = self._population.source(variant.digest)
        measured = next(m for m in self._population.measurements(variant.id) if m.digest == variant.digest)
        done = list(self._docket.trials(job.ticket))
        study = await self._room.until(
            lambda: self._studies.begin(variant.id, source, measured, job.parents, job.seed, done)
        )
        while len(done) < job.trials:
            trial = study.ask()
            digest, number = genome.digest(trial.source), trial.number
            failure = self._suspicion(digest)
            if failure is not None:
                result = replace(
                    _unrun(variant, failure, digest, self._meter.seeds(0), Purpose.TRIAL),
                    trial=number,
                    values=trial.values,
                )
            else:
                begun = self._begun(job.ticket, digest)
                try:
                    result = await self._meter.measure(
                        variant,
                        digest,
                        trial.source,
                        Purpose.TRIAL,
                        begun=begun,
                        alone=self._alone(digest),
                        trial=number,
                        watch=trial.watch,
                    )
                except Halted:
                    break
            self._docket.ran(job.ticket)
            done.append(result)
            if result is tuning.best(done, self._policy.direction):
                await self._room.until(functools.partial(self._population.keep_source, trial.source))
            self._docket.tried(job.ticket, tuple(done))
            await self._flushed()
            await self._room.until(functools.partial(study.tell, trial, result))
        whole = len(done) == job.trials or (done and not self._policy.ordered)
        return Tuned(variant, tuple(done), job) if whole else Dropped(job)

    def _begun(self, ticket: int, digest: str) -> Begun:
        """Return what writes down that a burst of this source begins."""

        async def begun() -> None:
            self._docket.run(ticket, digest)
            await self._flushed()

        return begun

    def _alone(self, digest: str) -> bool:
        """Say whether a source runs with nothing beside it, so that a crash tells whose fault it is."""
        return self._docket.crashes(digest) == PATIENCE - 1

    def _suspicion(self, digest: str) -> Failure | None:
        """Return why a source is not run again, if it was running whenever the search was killed."""
        if self._docket.crashes(digest) < PATIENCE:
            return None
        message = f"it was running at {PATIENCE} crashes of the search, and is not run again"
        return Failure(FailureKind.KILLED, message)

    # What is known

    def _best(self) -> Fitness | None:
        champion = self._population.meta("champion")
        return None if champion is None else self._population.fitness(champion)

    def _elapsed(self) -> float:
        return self._earlier + self._monotonic() - self._started

    def _spent(self) -> Spent:
        paid = self._population.paid
        return Spent(self._counts.evaluations, self._elapsed(), paid.dollars, paid.calls)

    def snapshot(self, run: str, metric: str) -> Snapshot:
        """Return a picture of the search as it stands now."""
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
            dollars=spent.dollars,
            unpriced=self._population.paid.unpriced,
            elapsed=spent.seconds,
            remaining=budget.remaining(self._policy.limits, spent),
        )


def _unrun(
    variant: Variant,
    failure: Failure,
    digest: str = "",
    seed: int = 0,
    purpose: Purpose = Purpose.FIRST,
) -> Measurement:
    """Put on record that a source was refused before its burst."""
    return Measurement(variant.id, digest or variant.digest, seed, purpose, None, failure, seconds=0.0)
