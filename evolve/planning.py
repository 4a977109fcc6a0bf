"""What to do next: what an earlier session left under way, what outcomes wish for, else a new child."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from evolve.breeding import Breeder
from evolve.budget import Spent
from evolve.docket import Docket, Planned
from evolve.jobs import Birth, Job, Measure, Tune
from evolve.policy import Policy
from evolve.race import SEED, Race
from evolve.seeds import CONFIRM
from evolve.stopping import Bars
from evolve.wishes import Next, Wish
from population.store import Population
from population.variant import Purpose

SPARED = 0.05
"""Share of the children that run on where they would be stopped, to tell how often stopping is wrong."""

_SPARING = 3  # stream of a job's generators that draws them


class Planner:
    """Chooses jobs, one at a time, and puts them on the docket.

    Args:
        policy: the numbers to decide by.
        population: what is known.
        breeder: plans births.
        race: knows which replicates are still of use.
        docket: holds what is wished for and under way.
        bars: what learning curves must not be worse than.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        breeder: Breeder,
        race: Race,
        docket: Docket,
        bars: Bars,
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._race = race
        self._docket = docket
        self._bars = bars
        self._left: deque[Job] = deque()
        self.ticket = 0
        """Number of the next job."""

    def restore(self, ticket: int) -> None:
        """Take up the jobs that an earlier session left under way."""
        self.ticket = ticket
        self._left.extend(job for one in self._docket.jobs() if (job := self._again(one)) is not None)

    def _again(self, planned: Planned | Measure | Tune) -> Job | None:
        """Return a job of an earlier session; None for a birth that nobody can go on with."""
        if not isinstance(planned, Planned):
            return planned
        birth = self._breeder.again(planned.ticket, planned.arm, planned.context, planned.island)
        birth = replace(birth, bar=planned.bar, spare=planned.spare)
        if birth.operator is None and not self._has_reply(birth):
            self._docket.end(birth.ticket)
            return None
        return birth

    def next(self, spent: Spent, under_way: Sequence[Job]) -> Job | None:
        """Choose what to do next, None when there is nothing that may be begun now."""
        room = round(spent.left(self._policy.limits) - sum(map(self._cost, under_way)), 3)
        if self._left:
            return self._resumed(room) if room >= 1 else None
        job = self._new_job(room, self._may_ask(spent, under_way), under_way)
        if job is not None:
            job = self._watched(job)
            self.ticket += 1
            self._docket.begin(job)
        return job

    def _cost(self, job: Job) -> float:
        """Return the bursts that a job may take; a birth ends with a short one, if there are any."""
        return self._policy.rung if isinstance(job, Birth) and self._policy.rung else job.cost

    def _resumed(self, room: float) -> Job:
        """Take the next job that an earlier session left under way."""
        job = self._left.popleft()
        return replace(job, trials=int(min(job.trials, room))) if isinstance(job, Tune) else job

    def _watched(self, job: Job) -> Job:
        """Put into a job how its first burst is watched: as things stand when it is planned."""
        if isinstance(job, Tune) or (isinstance(job, Measure) and job.purpose is not Purpose.FIRST):
            return job
        spare = bool(self._breeder.generator(self.ticket, _SPARING).random() < SPARED)
        short = isinstance(job, Birth) and self._policy.rung
        return replace(job, bar=() if short else self._bars.now(), spare=spare)

    def _new_job(self, room: float, may_ask: bool, under_way: Sequence[Job]) -> Job | None:
        """Choose a job that is not on the docket yet."""
        while room >= 1 and (wanted := self._docket.take(may_ask)) is not None:
            job = self._granted(wanted, room, may_ask, under_way)
            if job is not None:
                return job
        if room < 1 or self._population.fitness(SEED) is None:
            return None
        return self._breeder.birth(self.ticket, may_ask)

    def _granted(self, wanted: Next, room: float, may_ask: bool, under_way: Iterable[Job]) -> Job | None:
        """Turn a wish into a job, None when it cannot be had."""
        ticket, name = self.ticket, wanted.variant
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
                can = may_ask and self._population.has_source(known.digest)
                return self._breeder.repair(ticket, known) if can else None

    def _tuned_parents(self, name: str, under_way: Iterable[Job]) -> tuple[str, ...]:
        """Return the parents of a variant that no tuning is under way for: what these have learnt stands."""
        tuning_now = {job.variant for job in under_way if isinstance(job, Tune)}
        waiting = {one.variant for one in self._docket.wished(Wish.TUNE)}
        parents = self._population.variants[name].parents
        return tuple(parent for parent in parents if parent not in tuning_now | waiting)

    def _may_ask(self, spent: Spent, under_way: Iterable[Job]) -> bool:
        """Say whether one more birth may ask a language model."""
        asking = sum(isinstance(job, Birth) and job.asks and self._waits(job) for job in under_way)
        return asking < self._policy.asking and spent.affords_call(self._policy.limits, asking)

    def _waits(self, birth: Birth) -> bool:
        """Say whether a birth counts as asking: until it has its reply or, in order, until it is folded."""
        return self._policy.ordered or not self._has_reply(birth)

    def _has_reply(self, birth: Birth) -> bool:
        """Say whether the operator has answered, whatever came of it."""
        ticket = birth.ticket
        return self._docket.proposed(ticket) is not None or self._docket.admitted(ticket) is not None
