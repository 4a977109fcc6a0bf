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
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from evolve import budget
from evolve.breeding import Breeder
from evolve.budget import Counts, Spent, counted
from evolve.docket import Docket
from evolve.folding import Folding
from evolve.ideas import Standing
from evolve.jobs import Birth, Dropped, Job, Measured, Outcome, Proposed
from evolve.measuring import Brake, Halted, Meter
from evolve.memory import Memory
from evolve.obeying import Obeying
from evolve.orders import Kind, Order
from evolve.performing import Performer
from evolve.planning import Planner
from evolve.policy import Policy
from evolve.post import Post
from evolve.progress import Snapshot
from evolve.race import ENTERED, SEED, Race
from evolve.room import Room
from evolve.rungs import PROMOTED, Rungs
from evolve.shelf import Shelf
from evolve.steering import Steering
from evolve.stopping import Bars
from evolve.tuning import Studies
from evolve.wishes import Next, Wish
from population.errors import PopulationError
from population.fitness import Fitness
from population.islands import FOUNDED
from population.ledger import Event
from population.store import Population

_FAR = 1e8  # seconds: three years, for a search without a limit in hours
_NAP = 0.1  # seconds between two looks at a model whose rest is about to end


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
        memory: knows the ideas that were tried.
        notify: sees every event once it is on the disk.
        post: hears of a person's orders; None where nobody gives any.
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
        memory: Memory,
        notify: Callable[[Event], None],
        post: Post | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._meter = meter
        self._brake = brake
        self._room = room
        self._memory = memory
        self._notify = notify
        self._post = post
        self._clock = clock
        self._monotonic = monotonic
        self._started = monotonic()
        self._earlier = float(population.meta("clock", 0.0))
        self._counts: Counts = counted(population, SEED, policy.seed_replicates)
        challenger = self._challenger if breeder.pooled else None
        self._race = Race(policy, population, self._counts, meter.seeds, challenger)
        self._told: list[Event] = []
        self._docket = Docket(population)
        self._shelf = Shelf(breeder.judge, policy.explored, policy.together)
        self._rungs = Rungs(policy, population)
        self._folding = Folding(
            policy,
            population,
            breeder,
            self._counts,
            self._recorded,
            clock,
            self._race,
            self._used,
            self._keep_waiting,
            self._rungs,
        )
        bars = Bars(policy, population, SEED)
        self._planner = Planner(
            policy, population, breeder, self._race, self._docket, memory, self._shelf, bars
        )
        self._performer = Performer(
            policy,
            population,
            self._docket,
            meter,
            studies,
            brake,
            room,
            memory,
            self._folding.admit,
            self._flushed,
            clock,
        )
        self._obeying = Obeying(
            population, breeder, self._race, self._folding, self._docket, self._shelf, room, policy.limits
        )
        self._tasks: dict[int, tuple[Job, asyncio.Task[Outcome]]] = {}
        self._held: list[Job] = []  # chosen while the search stops, for the next session
        self._paused_at: float | None = None
        self._alarm: asyncio.Handle | None = None
        self._gap = False  # a job was given up: what comes after it comes again, in its turn

    # The loop

    async def run(self) -> str:
        """Search until a budget is used or the brake is pulled; return the reason.

        Raises:
            InputError: the seed variant fails.
            EngineFault: the search cannot go on.
        """
        self._restore()
        self._set_alarm()
        watch = None if self._post is None else asyncio.create_task(self._post.watch())
        try:
            while True:
                await self._heed_person()
                jobs = self._chosen()
                await self._durable()
                self._begin(jobs)
                if not self._tasks:
                    if await self._continued() or await self._rested():
                        continue
                    return self._brake.reason or self._idle()
                outcomes, fault = await self._ended()
                await self._meter.hand_over()
                for outcome in outcomes:
                    if not self._gap:
                        self._fold(outcome)
                if fault is not None:
                    raise fault
        finally:
            if watch is not None:
                watch.cancel()
            if self._alarm is not None:
                self._alarm.cancel()
            await self._abandon()
            with contextlib.suppress(PopulationError):  # what is raised beside it says why
                self._stage_state()
                self._stage_clock()
                self._population.flush()
                self._tell()

    async def _rested(self) -> bool:
        """Wait until a model may be asked again, if only that is missing; say whether the search goes on."""
        rest = self._breeder.rest()
        if rest is None or self._brake.on or self._spent().left(self._policy.limits) < 1.0:
            return False
        with contextlib.suppress(Halted):
            await self._brake.unless_on(asyncio.sleep(max(rest, _NAP)))
        return not self._brake.on

    async def _continued(self) -> bool:
        """Wait for a person's next word, if one has paused the search; say whether it goes on."""
        if not self._steering.paused or self._post is None or self._brake.on:
            return False
        with contextlib.suppress(Halted):
            await self._brake.unless_on(self._post.bell.wait())
        return not self._brake.on

    # A person's word

    async def _heed_person(self) -> None:
        """Take up what a person has ordered."""
        if self._post is not None:
            await self._obeying.take_up(self._post, self._durable, self._heard)

    def _heard(self, order: Order) -> None:
        """Hold the clock, go on or end, as a person orders."""
        match order.kind:
            case Kind.PAUSE if self._paused_at is None:
                self._paused_at = self._monotonic()
                self._meter.pause(True)
            case Kind.CONTINUE if self._paused_at is not None:
                self._started += self._monotonic() - self._paused_at
                self._paused_at = None
                self._meter.pause(False)
                self._set_alarm()
            case Kind.RAISE:
                self._set_alarm()
            case Kind.STOP:
                self._brake.pull(order.told())

    def _idle(self) -> str:
        """Say why nothing is left to do: what is left of the evaluations may be less than a burst."""
        if self._spent().left(self._policy.limits) < 1.0:
            return budget.used_up(self._policy.limits)
        return "there is nothing left to do"

    def _restore(self) -> None:
        """Take up everything where the last session left it."""
        known, docket = self._population, self._docket
        state: Mapping[str, Any] = known.meta("search", {})
        self._steering.restore(known.meta("steering"))
        self._folding.refused_in_a_row = int(state.get("refused_in_a_row", 0))
        self._memory.restore()
        self._breeder.restore(known.measured, state.get("breeder"), known.events_of(FOUNDED))
        entered = (str(event.data["variant"]) for event in known.events_of(ENTERED))
        tunings = self._folding.tunings
        tunings.restore(state.get("tunings"), docket.held())
        self._folding.credits.restore(state.get("credits"))
        out = {*entered, *self._steering.banned}
        self._race.restore(tunings.held, state.get("race"), out, docket.asked())
        self._counts.replicates += self._race.pending
        self._planner.restore(state)
        self._rungs.restore()
        self._wish_for_the_rest()

    def _wish_for_the_rest(self) -> None:
        """Wish for what nobody has: first bursts, and the seed's replicates.

        What the race wants stands on the docket, or follows from the next outcome, as it would have.
        """
        known, awaited = self._population, self._docket.awaited()
        for name in known.variants:
            unmeasured = known.fitness(name) is None and (name == SEED or not known.scores(name))
            if (unmeasured or name in known.notes(PROMOTED)) and name not in awaited:
                self._docket.wish(Next(Wish.MEASURE, name))
        for wanted in self._folding.found() if known.fitness(SEED) is not None else []:
            self._docket.wish(wanted)

    @property
    def _steering(self) -> Steering:
        return self._breeder.steering

    def _set_alarm(self) -> None:
        """Have the brake pulled when the hours are used, also while no outcome comes in."""
        if self._alarm is not None:
            self._alarm.cancel()
        limits = self._policy.limits
        left = math.inf if limits.hours is None else limits.hours * 3600 - self._elapsed()
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(min(max(0.0, left) + 0.01, _FAR), self._on_alarm)

    def _on_alarm(self) -> None:
        reason = budget.exhausted(self._policy.limits, self._spent(), self._best(), self._policy.direction)
        if reason and self._paused_at is None:
            self._brake.pull(reason)

    def _fold(self, outcome: Outcome) -> None:
        """Record an outcome and what follows from it; what was given up stays on the docket."""
        if isinstance(outcome, Dropped):
            self._gap = self._policy.ordered
            return
        self._docket.end(outcome.job.ticket)
        self._heed(outcome)
        for wanted in self._folding.fold(outcome):
            self._docket.wish(wanted)
        if self._memory.due() and not self._docket.wished(Wish.REFLECT):
            self._docket.wish(Next(Wish.REFLECT, SEED))

    def _challenger(self, champion: str) -> str | None:
        """Choose who is worth a race with the champion; nobody who is being tuned."""
        found = self._breeder.challenger(champion, self._used())
        return None if found is None or found in self._docket.held() else found

    def _keep_waiting(self, proposed: Proposed) -> str | Birth | None:
        """Put a proposal on the shelf; return what it is a copy of, or the birth that has to give way."""
        running = self._planner.measuring(self._under_way())
        twin = self._shelf.put(proposed.job, proposed.proposal, self._population.by_fingerprint, running)
        if twin:
            return twin
        self._docket.shelve(proposed.job, proposed.proposal)
        least = self._shelf.least(self._breeder.everybody)
        if least is None:
            return None
        self._docket.unshelve(least)
        dropped = self._shelf.drop(least)
        return dropped.birth if dropped.standing is Standing.WAITS else None

    def _heed(self, outcome: Outcome) -> None:
        """Let the ideas of a birth that has ended stand as it has shown."""
        if isinstance(outcome.job, Birth) and outcome.job.ideas:
            works = isinstance(outcome, Measured) and outcome.measurement.score is not None
            for ticket, standing in self._shelf.heed(outcome.job.ideas, works).items():
                if standing is None:
                    self._docket.unshelve(ticket)
                else:
                    self._docket.stand(ticket, standing)

    async def _durable(self) -> None:
        """Have everything recorded so far on the disk, and tell of it."""
        self._stage_state()
        await self._flushed()
        await self._room.until(self._memory.publish)

    def _stage_state(self) -> None:
        """Record how far the search has come, to go with the outcomes that brought it there."""
        state = {
            **self._planner.state(),
            "refused_in_a_row": self._folding.refused_in_a_row,
            "breeder": self._breeder.state(),
            "race": self._race.state(),
            "tunings": self._folding.tunings.state(),
            "credits": self._folding.credits.state(),
        }
        steering = self._steering.state()
        self._population.stage(meta={"search": state, "steering": steering, "leader": self._breeder.leader()})

    def _stage_clock(self) -> None:
        """Record the time used; a turn may take long, and be cut short."""
        self._population.stage(meta={"clock": round(self._elapsed(), 1)})

    async def _flushed(self) -> None:
        """Have what is staged on the disk, and tell of it."""
        self._stage_clock()
        await self._room.until(self._population.flush)
        self._tell()

    def _recorded(self, event: Event) -> None:
        """Take in an event that is being recorded; it is told once it is on the disk."""
        self._told.append(event)
        self._memory.heed(event)

    def _tell(self) -> None:
        """Tell of the events that are on the disk."""
        told, self._told[:] = [*self._told], []
        for event in told:
            self._notify(event)

    def _chosen(self) -> list[Job]:
        """Choose jobs until enough are under way or a budget forbids more.

        Where timing must not change the result, they are chosen while the search stops as well: what follows
        from an outcome is decided before the next one is folded.
        """
        jobs: list[Job] = []
        if self._steering.paused:
            return jobs
        while not self._brake.on or (self._policy.ordered and not self._gap and self._tasks):
            reason = budget.exhausted(
                self._policy.limits, self._spent(), self._best(), self._policy.direction
            )
            if reason:
                self._brake.pull(reason)
                break
            job = self._planner.next(self._spent(), [*self._under_way(), *jobs])
            if job is None:
                break
            jobs.append(job)
        return jobs

    def _under_way(self) -> list[Job]:
        """Return the jobs that are on the docket and have not ended, whether they have begun or not."""
        return [*(job for job, _ in self._tasks.values()), *self._held]

    def _begin(self, jobs: Iterable[Job]) -> None:
        """Begin jobs that are on the docket, unless the search stops."""
        if self._brake.on:
            self._held.extend(jobs)
            return
        for job in jobs:
            self._performer.expect(job)
            self._tasks[job.ticket] = (job, asyncio.create_task(self._performer.perform(job)))

    async def _ended(self) -> tuple[list[Outcome], BaseException | None]:
        """Wait for outcomes; in order, only the oldest job's counts. A fault of ours comes beside them.

        There are none when a person has given an order meanwhile.
        """
        oldest = sorted(self._tasks)[: 1 if self._policy.ordered else None]
        tasks = [self._tasks[ticket][1] for ticket in oldest]
        await self._any(tasks)
        done = [ticket for ticket in oldest if self._tasks[ticket][1].done()]
        tasks = [self._tasks.pop(ticket)[1] for ticket in done]
        faults = [fault for task in tasks if (fault := task.exception()) is not None]
        return [task.result() for task in tasks if task.exception() is None], next(iter(faults), None)

    async def _any(self, tasks: Sequence[asyncio.Task[Outcome]]) -> None:
        """Wait until one of the tasks has ended, or a person has given an order."""
        bell = None if self._post is None else asyncio.create_task(self._post.bell.wait())
        try:
            await asyncio.wait(
                [*tasks, *([] if bell is None else [bell])], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if bell is not None:
                bell.cancel()

    async def _abandon(self) -> None:
        """Cancel what is still under way."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What is known

    def _best(self) -> Fitness | None:
        champion = self._population.meta("champion")
        return None if champion is None else self._population.fitness(champion)

    def _used(self) -> float:
        return budget.used(self._policy.limits, self._spent(), not self._policy.ordered)

    def _elapsed(self) -> float:
        now = self._monotonic() if self._paused_at is None else self._paused_at
        return self._earlier + now - self._started

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
            asking=self._performer.asking,
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
