"""What to do next: what an earlier session left under way, what outcomes wish for, else a new child."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evolve import admission, tuned
from evolve.breeding import Breeder
from evolve.budget import Spent
from evolve.docket import Docket, Planned
from evolve.ideas import Standing
from evolve.jobs import Birth, Job, Measure, Part, Reflect, Tune
from evolve.memory import Memory
from evolve.policy import Policy
from evolve.race import SEED, Race
from evolve.seeds import CONFIRM
from evolve.shelf import Offer, Shelf
from evolve.stopping import Bars
from evolve.wishes import Next, Wish
from operators.edits import one_line
from operators.portfolio import Arm
from operators.proposal import Proposal
from operators.syntactic import Syntactic
from population.store import Population
from population.variant import Purpose

INJECT = "inject"
"""Operator of a program that a person put in."""

_PLAIN = 0.25  # proposals without a model for each by one: the shelf steps numbers by itself
_MOST_DUE = 64.0  # proposals that may be due, after a time without a model

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
        memory: knows what to look back on.
        shelf: holds the proposals that wait for a burst.
        bars: what learning curves must not be worse than.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        breeder: Breeder,
        race: Race,
        docket: Docket,
        memory: Memory,
        shelf: Shelf,
        bars: Bars,
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._race = race
        self._docket = docket
        self._memory = memory
        self._shelf = shelf
        self._bars = bars
        self._left: deque[Job] = deque()
        self._running: dict[int, tuple[str, str]] = {}  # children being measured: marks, texts; by tickets
        self._due = [float(policy.ahead)] * 2  # proposals to be made: without a model, and with one
        self.ticket = 0
        """Number of the next job."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the jobs that an earlier session left under way, and what waits on the shelf."""
        self.ticket = int(state.get("ticket", 0))
        self._due = list(state.get("due", self._due))
        for planned, proposal, standing in self._docket.shelf():
            self._shelf.put(self._reborn(planned), proposal, {}, (), standing)
        self._left.extend(job for one in self._docket.jobs() if (job := self._again(one)) is not None)
        carried = {one for job in self._left if isinstance(job, Birth) for one in job.ideas}
        for ticket in self._shelf.stranded(carried):
            self._docket.stand(ticket, Standing.WAITS)

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what ``restore`` cannot tell from the docket."""
        return {"ticket": self.ticket, "due": self._due}

    def _again(self, planned: Planned | Measure | Tune | Reflect) -> Job | None:
        """Return a job of an earlier session; None for one that needs a model that is gone."""
        if isinstance(planned, Reflect) and self._memory.reflector is None:
            self._docket.end(planned.ticket)
            return None
        if not isinstance(planned, Planned):
            return planned
        birth = self._reborn(planned)
        if birth.operator is None and not self._has_reply(birth):
            self._docket.end(birth.ticket)
            return None
        return birth

    def _reborn(self, planned: Planned) -> Birth:
        """Return a birth of an earlier session."""
        birth = self._breeder.again(
            planned.ticket, planned.arm, planned.context, planned.island, planned.part
        )
        return replace(
            birth,
            bar=planned.bar,
            spare=planned.spare,
            ideas=planned.ideas,
            put_together=planned.put_together,
        )

    def next(self, spent: Spent, under_way: Sequence[Job]) -> Job | None:
        """Choose what to do next, None when there is nothing that may be begun now."""
        room = round(spent.left(self._policy.limits) - sum(map(self._cost, under_way)), 3)
        full = sum(job.cost > 0 for job in under_way) >= self._policy.ahead
        if self._left:
            return self._resumed(room) if room >= 1 else None
        may_ask = self._may_ask(spent, under_way)
        job = self._asked_for(room, may_ask, under_way, full)
        if job is None and not full:
            job = self._new_job(room, may_ask, under_way)
        if job is not None:
            job = self._watched(job)
            self.ticket += 1
            self._docket.begin(job)
        return job

    def _asked_for(self, room: float, may_ask: bool, under_way: Sequence[Job], full: bool) -> Job | None:
        """Have a child proposed, to wait on the shelf; None while there are enough proposals."""
        if not self._policy.proposals or room < 1 or self._population.fitness(SEED) is None:
            return None
        proposing = sum(isinstance(job, Birth) and job.part is Part.PROPOSE for job in under_way)
        starved = not full and not self._shelf.waiting and not proposing
        if proposing >= self._policy.asking + self._policy.ahead:
            return None
        for model in (True, False) if may_ask else (False,):
            if self._due[model] >= 1.0 or starved:
                birth = self._breeder.birth(self.ticket, model, Part.PROPOSE, asks=model)
                if birth is not None:
                    self._due[model] -= 1.0
                    return birth
        return None

    def _promising(self, under_way: Sequence[Job]) -> Job | None:
        """Have the most promising program measured that the shelf has; None when it has none."""
        rng, measured = self._breeder.generator(self.ticket), self._population.by_fingerprint
        running = self.measuring(under_way)
        chosen = self._shelf.choose(self._breeder.everybody, rng, measured, running)
        if chosen is None:
            return None
        more = self._policy.proposals
        for model, share in ((False, _PLAIN if self._breeder.asks else 1.0), (True, 1.0)):
            self._due[model] = min(self._due[model] + share * more, _MOST_DUE)
        return self._birth_of(chosen)

    def measuring(self, under_way: Iterable[Job]) -> Mapping[str, str]:
        """Return the texts of the children that jobs are measuring, by fingerprint.

        Whether these are on record yet is a matter of timing, and must not decide anything.
        """
        self._running = {
            job.ticket: found
            for job in under_way
            if isinstance(job, Birth) and job.part is Part.MEASURE
            if (found := self._running.get(job.ticket) or self._text_of(job.ticket)) is not None
        }
        return dict(self._running.values())

    def _text_of(self, ticket: int) -> tuple[str, str] | None:
        """Return fingerprint and text of a child that a job is measuring, whichever session began it."""
        proposed, name = self._docket.proposed(ticket), self._docket.admitted(ticket)
        if isinstance(proposed, Proposal):
            return admission.mark(proposed.source), proposed.source
        variant = self._population.variants.get(name or "")
        if variant is None or not self._population.has_source(variant.proposed):
            return None
        return variant.fingerprint, self._population.source(variant.proposed)

    def _birth_of(self, chosen: Offer) -> Birth:
        """Turn what the shelf offers into a job, credited to whoever proposed what is new in it."""
        ideas = [self._shelf.idea(ticket) for ticket in chosen.tickets]
        new = next((one for one in ideas if one.standing is Standing.WAITS), None)
        proposal = Proposal("", "", Syntactic.name) if new is None else new.proposal
        parts = [*(one.proposal.hypothesis for one in ideas), chosen.said]
        said = one_line("; ".join(filter(None, parts)))
        told = tuple(name for one in ideas for name in one.proposal.transcripts)
        proposal = replace(proposal, source=chosen.source, hypothesis=said, transcripts=told)
        self._docket.propose(self.ticket, proposal)
        for ticket, standing in self._shelf.send(chosen.tickets).items():
            self._docket.stand(ticket, standing)
        if new is not None and not chosen.parent:
            birth = replace(new.birth, ticket=self.ticket, operator=None, part=Part.MEASURE)
        else:
            arm = Arm(Syntactic.name) if new is None else new.birth.arm
            birth = self._breeder.known(self.ticket, arm, [chosen.parent])
        return replace(birth, ideas=chosen.tickets, put_together=new is None or len(ideas) > 1)

    def _cost(self, job: Job) -> float:
        """Return the bursts that a job may take; a birth ends with a short one, if there are any."""
        short = isinstance(job, Birth) and job.cost and self._policy.rung
        return self._policy.rung if short else job.cost

    def _resumed(self, room: float) -> Job:
        """Take the next job that an earlier session left under way."""
        job = self._left.popleft()
        return replace(job, trials=int(min(job.trials, room))) if isinstance(job, Tune) else job

    def _watched(self, job: Job) -> Job:
        """Put into a job how its first burst is watched: as things stand when it is planned."""
        if isinstance(job, Tune | Reflect) or (isinstance(job, Measure) and job.purpose is not Purpose.FIRST):
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
        if self._policy.numbers_only:
            return self._more_trials(SEED, room, under_way)
        if self._policy.proposals:
            return self._promising(under_way)
        return self._breeder.birth(self.ticket, may_ask)

    def _more_trials(self, name: str, room: float, under_way: Sequence[Job]) -> Job | None:
        """Let a variant be tuned further, None while that is under way."""
        if any(isinstance(job, Tune) and job.variant == name for job in under_way):
            return None
        return self._granted(Next(Wish.TUNE, name), room, False, under_way)

    def _granted(self, wanted: Next, room: float, may_ask: bool, under_way: Iterable[Job]) -> Job | None:
        """Turn a wish into a job, None when it cannot be had."""
        ticket, name = self.ticket, wanted.variant
        match wanted.wish:
            case Wish.REPAIR | Wish.ADOPT if name in self._breeder.steering.banned:
                return None
            case Wish.MEASURE:
                return Measure(ticket, name, Purpose.FIRST)
            case Wish.REPLICATE if not self._race.wants(wanted):
                return None
            case Wish.REPLICATE:
                return Measure(ticket, name, Purpose.REPLICATE, wanted.number)
            case Wish.CONFIRM:
                return Measure(ticket, name, Purpose.CONFIRM, CONFIRM, wanted.digest)
            case Wish.CREDIT:
                return Measure(ticket, name, Purpose.CREDIT, wanted.number, wanted.digest)
            case Wish.TUNE | Wish.CONTROL:
                return self._tuning(wanted, room, under_way)
            case Wish.ADOPT:
                return self._adoption(wanted)
            case Wish.INJECT:
                return self._injection(wanted)
            case Wish.REPAIR:
                known = self._population.variants[name]
                can = may_ask and self._population.has_source(known.digest)
                part = Part.PROPOSE if self._policy.proposals else Part.WHOLE
                return self._breeder.repair(ticket, known, part) if can else None
            case Wish.REFLECT:
                return self._memory.reflect(ticket) if may_ask else None

    def _tuning(self, wanted: Next, room: float, under_way: Iterable[Job]) -> Tune:
        """Plan a tuning; what it builds on is what is on record now, whenever it begins."""
        ticket, name, control = self.ticket, wanted.variant, wanted.wish is Wish.CONTROL
        seed = int(self._breeder.generator(ticket).integers(2**32))
        trials = int(min(wanted.number if control else self._policy.trials, room))
        noise = tuned.trial_noise(self._population)
        parents = self._tuned_ancestors(name, under_way)
        if not control:
            return Tune(ticket, name, trials, seed, parents, noise)
        first = tuned.values_to_try(self._population, name, wanted.digest)
        return Tune(ticket, name, trials, seed, parents, noise, Purpose.CONTROL, first)

    def _tuned_ancestors(self, name: str, under_way: Iterable[Job]) -> tuple[str, ...]:
        """Return the ancestors that no tuning is under way for: what these have learnt stands."""
        tuning_now = {job.variant for job in under_way if isinstance(job, Tune)}
        waiting = {one.variant for one in self._docket.wished(Wish.TUNE, Wish.CONTROL)}
        found = tuned.tuned_ancestors(self._population, name)
        return tuple(one for one in found if one not in tuning_now | waiting)

    def _adoption(self, wanted: Next) -> Birth | None:
        """Plan a birth whose proposal is there already: the parent with other numbers."""
        parent = self._population.variants[wanted.variant]
        proposal = tuned.with_numbers(self._population, parent, wanted.digest)
        if proposal is None:
            return None
        self._docket.propose(self.ticket, proposal)
        return self._breeder.known(self.ticket, Arm(proposal.operator), [parent.id])

    def _injection(self, wanted: Next) -> Birth:
        """Plan the birth of a program that a person wrote: it is measured, whatever was tried before."""
        said = self._breeder.steering.injected.pop(wanted.digest, "")
        self._docket.propose(self.ticket, Proposal(self._population.source(wanted.digest), said, INJECT))
        birth = self._breeder.known(self.ticket, Arm(INJECT), [wanted.variant])
        return replace(birth, put_together=True)

    def _may_ask(self, spent: Spent, under_way: Iterable[Job]) -> bool:
        """Say whether one more job may ask a language model."""
        asking = sum(
            isinstance(job, Reflect) or (isinstance(job, Birth) and job.asks and self._waits(job))
            for job in under_way
        )
        return asking < self._policy.asking and spent.affords_call(self._policy.limits, asking)

    def _waits(self, birth: Birth) -> bool:
        """Say whether a birth counts as asking: until it has its reply or, in order, until it is folded."""
        return self._policy.ordered or not self._has_reply(birth)

    def _has_reply(self, birth: Birth) -> bool:
        """Say whether the operator has answered, whatever came of it."""
        ticket = birth.ticket
        return self._docket.proposed(ticket) is not None or self._docket.admitted(ticket) is not None
