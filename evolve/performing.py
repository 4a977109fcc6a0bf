"""Doing one job, from its ticket to its outcome; ``step`` is the way of one candidate."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from evolve import admission, suspicion
from evolve.docket import PATIENCE, Docket
from evolve.jobs import (
    Birth,
    Dropped,
    Job,
    Measure,
    Measured,
    Outcome,
    Part,
    Proposed,
    Reflect,
    Reflected,
    Refused,
    Tune,
    Tuned,
)
from evolve.measuring import Begun, Brake, Halted, Meter, Turnstile
from evolve.memory import Memory
from evolve.policy import Policy
from evolve.race import SEED
from evolve.room import Room
from evolve.seeds import FRESH, RUNG, SCREEN
from evolve.stopping import Watcher
from evolve.tuning import Attempt, Session, Studies
from operators import evolvable
from operators.proposal import Proposal, Refusal, RefusalKind
from population import genome
from population.errors import Corrupt
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant

_SILENCE = 2.0  # seconds that a birth waits after a model did not answer


class Performer:
    """Does jobs, any number of them side by side.

    Args:
        policy: the numbers to decide by.
        population: open for writing.
        docket: keeps how far each job has come.
        meter: runs bursts.
        studies: Optuna's studies.
        brake: stops what has not begun when pulled.
        room: waits while the disk is full.
        memory: knows ideas that were tried before.
        admit: puts a new variant on record; gets the ticket of its birth, and what is known of its idea.
        flushed: has what was recorded on the disk before it returns.
        clock: unix time.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        docket: Docket,
        meter: Meter,
        studies: Studies,
        brake: Brake,
        room: Room,
        memory: Memory,
        admit: Callable[[Variant, int, Mapping[str, object]], None],
        flushed: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy
        self._population = population
        self._docket = docket
        self._meter = meter
        self._studies = studies
        self._brake = brake
        self._room = room
        self._memory = memory
        self._put_on_record = admit
        self._flushed = flushed
        self._clock = clock
        self._gate = Turnstile(policy.ordered)
        self.asking = 0
        """Jobs that wait for a language model now."""

    def expect(self, job: Job) -> None:
        """Give a birth its place in the queue for admission; jobs come in the order of their tickets."""
        if (
            isinstance(job, Birth)
            and job.part is not Part.PROPOSE
            and self._docket.admitted(job.ticket) is None
        ):
            self._gate.enter(job.ticket)

    async def perform(self, job: Job) -> Outcome:
        """Do one job."""
        try:
            if isinstance(job, Birth):
                return await (self._proposed(job) if job.part is Part.PROPOSE else self.step(job))
            if isinstance(job, Measure):
                return await self._measure(job)
            if isinstance(job, Reflect):
                return await self._reflect(job)
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
        dollars = self._docket.cost(birth.ticket)
        return await self._doubted(Measured(variant, await self._first(birth, variant), birth, dollars))

    async def _proposed(self, birth: Birth) -> Outcome:
        """Have a child proposed, and no more."""
        proposal = await self._propose(birth)
        return Refused(birth, proposal) if isinstance(proposal, Refusal) else Proposed(birth, proposal)

    async def _propose(self, birth: Birth) -> Proposal | Refusal:
        """Have the operator make a child, unless it has; wait a little when its model does not answer."""
        known = self._docket.proposed(birth.ticket)
        if known is not None:
            return known
        assert birth.operator is not None
        self.asking += birth.asks
        try:
            proposal = await self._brake.unless_on(birth.operator.propose(birth.context, birth.rng))
            proposal = _within_marks(proposal, birth.context.parents[0].source)
            if birth.asks:  # the exchange with the model is on the disk: no need to wait for this as well
                self._docket.propose(birth.ticket, proposal)
            if isinstance(proposal, Refusal) and proposal.kind is RefusalKind.LLM:
                await self._brake.unless_on(asyncio.sleep(_SILENCE))
            return proposal
        finally:
            self.asking -= birth.asks

    async def _admit(self, birth: Birth, proposal: Proposal | Refusal) -> Variant | Refusal:
        """Give a new source a name and put it on record; refuse one that is known."""
        if isinstance(proposal, Refusal):
            return proposal
        mark = admission.mark(proposal.source)
        twin = self._population.by_fingerprint.get(mark)
        if twin is None:  # a tuned parent's own text is no variant's as proposed
            tuned = (one for one in birth.context.parents if one.variant.digest != one.variant.proposed)
            twin = next((one.variant.id for one in tuned if admission.mark(one.source) == mark), None)
        if twin is not None:
            return admission.copy_of(proposal, twin)
        idea = self._memory.judged(
            birth.context, proposal, birth.ticket, self._policy.ordered, refuse=not birth.put_together
        )
        if isinstance(idea, Refusal):
            return idea
        parents = [parent.variant for parent in birth.context.parents]
        digest = await self._room.aside(lambda: self._population.keep_source(proposal.source))
        variant = Variant(
            id=self._population.next_id(),
            digest=digest,
            proposed=digest,
            fingerprint=mark,
            parents=tuple(parent.id for parent in parents),
            operator=proposal.operator,
            hypothesis=proposal.hypothesis,
            island=birth.island,
            generation=1 + max(parent.generation for parent in parents),
            model=proposal.model,
            transcripts=proposal.transcripts,
            created=round(self._clock(), 3),
        )
        self._put_on_record(variant, birth.ticket, {**idea, "ideas": list(birth.ideas)})
        self._docket.admit(birth.ticket, variant.id, proposal.dollars)
        return variant

    async def _first(self, job: Birth | Measure, variant: Variant) -> Measurement:
        """Measure a new variant: look at it, one step to see that it runs, then a burst.

        A child's is a short one, if there are any. One that went on from there is known to run.
        """
        ticket, watcher = job.ticket, Watcher(job.bar, self._policy.direction, job.spare)
        short = self._policy.rung if isinstance(job, Birth) else 0.0
        purpose, number = (Purpose.RUNG, RUNG) if short else (Purpose.FIRST, SCREEN)
        source = self._kept(variant.digest)
        if isinstance(source, Failure):
            return _unrun(variant, source)
        failure = admission.examine(source, self._policy.entry) or self._suspicion(variant, variant.digest)
        if failure is not None:
            return _unrun(variant, failure)
        begun = self._begun(ticket, variant.digest)
        alone = self._alone(variant.digest)
        if not self._runs(variant):
            broken = await self._meter.smoke(variant, source, begun, alone, purpose, short or 1.0)
            self._docket.ran(ticket)
            if broken is not None:
                return broken
        measured = await self._meter.measure(
            variant,
            variant.digest,
            source,
            purpose,
            number,
            begun,
            alone,
            watch=watcher.watch,
            fraction=short or 1.0,
        )
        if self._policy.ordered:  # its turn may come much later, and a crash until then is not its doing
            self._docket.ran(ticket)
            await self._flushed()
        return measured

    async def _doubted(self, outcome: Measured) -> Measured:
        """Run a variant once more, under another seed, whose score is its own word and hard to believe."""
        variant, first = outcome.variant, outcome.measurement
        doubt = self._doubt(first)
        source = self._kept(first.digest)
        if not doubt or isinstance(source, Failure):
            return outcome
        begun = self._begun(outcome.job.ticket, first.digest)
        again = await self._meter.measure(variant, first.digest, source, Purpose.REPLICATE, FRESH, begun)
        stated = suspicion.constant(
            {m.seed: m.score for m in (first, again) if m.score is not None}, self._population.evidence(SEED)
        )
        if stated:
            failure = Failure(FailureKind.CONTRACT, f"its score is stated, and not measured: {stated}")
            first, again = (replace(one, score=None, failure=failure) for one in (first, again))
        return replace(outcome, measurement=first, doubt=doubt, again=again)

    def _doubt(self, first: Measurement) -> str:
        """Return why a first score is hard to believe, empty when it is not."""
        champion, seed = self._population.meta("champion"), self._population.fitness(SEED)
        best = None if champion is None else self._population.fitness(champion)
        doubtful = self._policy.self_reported and first.purpose is Purpose.FIRST
        if not doubtful or first.variant == SEED or first.score is None or best is None or seed is None:
            return ""
        gain = self._policy.direction.gain(first.score, over=best.mean)
        return suspicion.leap(gain, seed.mean, self._population.noise())

    async def _reflect(self, job: Reflect) -> Outcome:
        """Have a model look back; its exchange with the model is on the disk, so it is paid for once."""
        assert self._memory.reflector is not None
        self.asking += 1
        try:
            asked = self._memory.reflector.condense(job.ledger, job.ticket)
            return Reflected(await self._brake.unless_on(asked), job)
        finally:
            self.asking -= 1

    async def _measure(self, job: Measure) -> Outcome:
        """Measure a known variant under the seed that the wish names."""
        variant = self._population.variants[job.variant]
        if job.purpose is Purpose.FIRST:
            return await self._doubted(Measured(variant, await self._first(job, variant), job))
        digest = job.digest or variant.digest
        source = self._kept(digest)
        if isinstance(source, Failure):
            unrun = _unrun(variant, source, self._meter.seeds(job.number), job.purpose)
            return Measured(variant, replace(unrun, digest=digest), job)
        begun = self._begun(job.ticket, digest)
        result = await self._meter.measure(variant, digest, source, job.purpose, job.number, begun)
        return Measured(variant, result, job)

    async def _tune(self, job: Tune) -> Outcome:
        """Let Optuna try values, one burst after the other; each is on record before the next begins."""
        variant = self._population.variants[job.variant]
        done = list(self._docket.trials(job.ticket))
        study = await self._studied(job, variant, done)
        if study is None:
            return Tuned(variant, tuple(done), job)
        exhausted = False
        while len(done) < job.trials:
            trial = study.ask(job.first)
            if trial is None:
                exhausted = True
                break
            try:
                result = await self._tried(job, variant, trial)
            except Halted:
                break
            self._docket.ran(job.ticket)
            done.append(result)
            self._docket.tried(job.ticket, tuple(done))
            await self._flushed()
            await self._room.until(functools.partial(study.tell, trial, result))
        if exhausted or len(done) >= job.trials or (done and not self._policy.ordered):
            return await self._judged(job, variant, done, study)
        return Dropped(job)

    async def _studied(self, job: Tune, variant: Variant, done: Sequence[Measurement]) -> Session | None:
        """Open a variant's study with all of its trials; None where its source cannot be had."""
        source = self._kept(variant.proposed)
        known = self._population.measurements(variant.id)
        first = next((m for m in known if m.digest == variant.proposed and m.score is not None), None)
        if isinstance(source, Failure) or first is None:
            return None
        trials = [*(m for m in known if m.purpose.tries), *done]
        confirmed = [m for m in known if m.purpose is Purpose.CONFIRM]
        return await self._room.until(
            lambda: self._studies.begin(
                variant.id, source, first, job.parents, job.seed, trials, job.noise, confirmed
            )
        )

    async def _tried(self, job: Tune, variant: Variant, trial: Attempt) -> Measurement:
        """Measure a trial, unless its source is not to be run again."""
        digest = genome.digest(trial.source)
        failure = self._suspicion(variant, digest)
        if failure is not None:
            unrun = _unrun(variant, failure, self._meter.seeds(0), job.purpose)
            return replace(unrun, digest=digest, trial=trial.number, values=trial.values)
        return await self._meter.measure(
            variant,
            digest,
            trial.source,
            job.purpose,
            begun=self._begun(job.ticket, digest),
            alone=self._alone(digest),
            trial=trial.number,
            watch=trial.watch,
        )

    async def _judged(
        self, job: Tune, variant: Variant, done: Sequence[Measurement], study: Session
    ) -> Tuned:
        """Return what a variant's trials come to."""
        known = self._population.measurements(variant.id)
        values = next((m.values for m in known if m.digest == variant.digest), {})
        confirmed = {m.digest for m in known if m.purpose is Purpose.CONFIRM}
        winner = study.winner(values, confirmed)
        if winner is not None:
            kept = winner.source
            await self._room.until(lambda: self._population.keep_source(kept))
        return Tuned(variant, tuple(done), job, winner, study.weights())

    def _runs(self, variant: Variant) -> bool:
        """Say whether a variant came through a burst already."""
        return any(m.score is not None for m in self._population.scores(variant.id))

    def _kept(self, digest: str) -> str | Failure:
        """Return a source; where an earlier session's is gone, that costs its variant, and nothing else."""
        try:
            return self._population.source(digest)
        except Corrupt as error:
            return Failure(FailureKind.KILLED, str(error))

    def _begun(self, ticket: int, digest: str) -> Begun:
        """Return what writes down that a burst of this source begins."""

        async def begun() -> None:
            self._docket.run(ticket, digest)
            await self._flushed()

        return begun

    def _alone(self, digest: str) -> bool:
        """Say whether a source runs with nothing beside it, so that a crash tells whose fault it is."""
        return self._docket.crashes(digest) == PATIENCE - 1

    def _suspicion(self, variant: Variant, digest: str) -> Failure | None:
        """Return why a source that never came to an end is not run again: it was running at every crash.

        The seed variant is spared: it is the user's own.
        """
        if variant.id == SEED or self._docket.crashes(digest) < PATIENCE:
            return None
        message = f"it was running at {PATIENCE} crashes of the search, and is not run again"
        return Failure(FailureKind.KILLED, message)


def _within_marks(proposal: Proposal | Refusal, parent: str) -> Proposal | Refusal:
    """Refuse a child that changes what it may not."""
    if isinstance(proposal, Refusal) or evolvable.keeps(proposal.source, parent):
        return proposal
    reason = "it changes what stands outside of the EVOLVE-BLOCK marks"
    made = (proposal.operator, proposal.model, proposal.hypothesis)
    return Refusal(RefusalKind.EDIT, reason, *made, proposal.dollars)


def _unrun(
    variant: Variant, failure: Failure, seed: int = 0, purpose: Purpose = Purpose.FIRST
) -> Measurement:
    """Put on record that a source was refused before its burst."""
    return Measurement(variant.id, variant.digest, seed, purpose, None, failure, seconds=0.0)
