"""What is under way and what is wished for, on record, so that a killed search goes on with exactly that.

Every job is written down before it begins, and crossed out together with the records that its outcome left.
In between its progress is kept: the proposal that a model was paid for, the variant that it became, the
trials of a tuning so far, and which burst of it runs.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from evolve.ideas import Standing
from evolve.jobs import Birth, Job, Measure, Part, Reflect, Tune
from evolve.stopping import Bar
from evolve.wishes import Next, Wish
from operators.portfolio import Arm
from operators.proposal import Context, Proposal, Refusal
from population.errors import Corrupt
from population.records import Gone, Note
from population.store import Population
from population.variant import Measurement, Purpose

JOBS, PROGRESS, RUNNING, WISHES = "notes.jobs", "notes.progress", "notes.running", "notes.wishes"
SHELF, STANDING = "notes.shelf", "notes.standing"
PATIENCE = 3
"""Crashes that a source may be running at before it is taken for their cause; the last of them alone."""

_CRASHES = "crashes"
_Queued = tuple[Wish, int, Next]


@dataclass(frozen=True, slots=True)
class Planned:
    """A birth as it was written down: everything but the operator, which this session has or has not."""

    ticket: int
    arm: Arm
    island: int
    context: Context
    part: Part = Part.WHOLE
    bar: Bar = ()
    spare: bool = False
    ideas: tuple[int, ...] = ()
    put_together: bool = False


class Docket:
    """The jobs and wishes of one run; what changes is staged, to be written by the population's next flush.

    Args:
        population: open for writing.
    """

    def __init__(self, population: Population) -> None:
        self._population = population
        self._next = 1 + max(map(int, population.notes(WISHES)), default=-1)
        self._wishes: list[_Queued] = []
        self._asking: list[_Queued] = []  # apart: there may be many while no model may be asked
        for key, value in population.notes(WISHES).items():
            self._queue(int(key), wish_of(value))

    # Wishes

    def wished(self, *wishes: Wish) -> list[Next]:
        """Return what is wished for, of some kinds."""
        queues = [self._wishes, self._asking if any(wish.asks for wish in wishes) else []]
        return [one for queue in queues for wish, _, one in queue if wish in wishes]

    def wish(self, wanted: Next) -> None:
        """Queue a wish: the most urgent first, equals in the order of their coming."""
        number, self._next = self._next, self._next + 1
        self._queue(number, wanted)
        self._population.stage(Note(WISHES, str(number), {**asdict(wanted), "wish": wanted.wish.value}))

    def take(self, may_ask: bool) -> Next | None:
        """Take the most urgent wish that can be had now; what asks a model waits until one may be asked."""
        queues = [queue for queue in (self._wishes, self._asking if may_ask else []) if queue]
        if not queues:
            return None
        _, number, found = heapq.heappop(min(queues, key=lambda queue: queue[0][:2]))
        self._population.stage(Gone(WISHES, str(number)))
        return found

    def _queue(self, number: int, wanted: Next) -> None:
        queue = self._asking if wanted.wish.asks else self._wishes
        heapq.heappush(queue, (wanted.wish, number, wanted))

    # Jobs

    def begin(self, job: Job) -> None:
        """Write a job down."""
        self._population.stage(Note(JOBS, str(job.ticket), _written(job)))

    def end(self, ticket: int) -> None:
        """Cross a job out, with all of its progress."""
        self._population.stage(*(Gone(table, str(ticket)) for table in (JOBS, PROGRESS, RUNNING)))

    def jobs(self) -> Iterator[Planned | Measure | Tune | Reflect]:
        """Yield the jobs that are written down, in the order of their tickets.

        A birth whose parents' sources are gone is crossed out.
        """
        for job in self._jobs():
            try:
                yield self._sourced(job) if isinstance(job, Planned) else job
            except Corrupt:
                self.end(job.ticket)

    def _jobs(self) -> list[Planned | Measure | Tune | Reflect]:
        notes = self._population.notes(JOBS)
        return [job_of(notes[key]) for key in sorted(notes, key=int)]

    def _sourced(self, planned: Planned) -> Planned:
        """Return a birth with the sources of its parents."""
        context = planned.context

        def sourced(parents: Any) -> Any:
            found = ((parent, self._population.source(parent.variant.digest)) for parent in parents)
            return tuple(replace(parent, source=source) for parent, source in found)

        above = context.ancestor
        if above is not None:
            above = replace(above, source=self._population.source(above.digest))
        context = replace(
            context,
            parents=sourced(context.parents),
            inspirations=sourced(context.inspirations),
            ancestor=above,
        )
        return replace(planned, context=context)

    # The shelf

    def shelve(self, birth: Birth, proposal: Proposal) -> None:
        """Write down a proposal that has a place on the shelf, and waits."""
        value = {**_written(birth), "proposal": msgspec.to_builtins(proposal)}
        self._population.stage(Note(SHELF, str(birth.ticket), value))

    def stand(self, ticket: int, standing: Standing) -> None:
        """Write down how a proposal on the shelf stands now."""
        self._population.stage(Note(STANDING, str(ticket), standing.value))

    def unshelve(self, ticket: int) -> None:
        """Cross out a proposal that has lost its place."""
        self._population.stage(Gone(SHELF, str(ticket)), Gone(STANDING, str(ticket)))

    def shelf(self) -> Iterator[tuple[Planned, Proposal, Standing]]:
        """Yield the proposals on the shelf, with the births that they came of, in the order of their tickets.

        Those whose parents' sources are gone are crossed out.
        """
        notes, standings = self._population.notes(SHELF), self._population.notes(STANDING)
        for key in sorted(notes, key=int):
            planned, proposal = shelved_of(notes[key])
            standing = Standing(standings.get(key, Standing.WAITS))
            try:
                yield self._sourced(planned), proposal, standing
            except Corrupt:
                self.unshelve(planned.ticket)

    # Progress

    def proposed(self, ticket: int) -> Proposal | Refusal | None:
        """Return what came of asking an operator, None before anything did."""
        return proposal_of(self._progress(ticket))

    def propose(self, ticket: int, proposal: Proposal | Refusal) -> None:
        """Keep what came of asking an operator."""
        kind = "proposal" if isinstance(proposal, Proposal) else "refusal"
        self._keep(ticket, {kind: msgspec.to_builtins(proposal)})

    def admitted(self, ticket: int) -> str | None:
        """Return the variant that the proposal became."""
        found = self._progress(ticket).get("variant")
        return None if found is None else str(found)

    def admit(self, ticket: int, variant: str, dollars: float) -> None:
        """Keep that a proposal became a variant, and what its LLM call cost."""
        self._keep(ticket, {"variant": variant, "dollars": dollars})

    def cost(self, ticket: int) -> float:
        """Return the dollars that the LLM call of an admitted birth cost."""
        return float(self._progress(ticket).get("dollars", 0.0))

    def trials(self, ticket: int) -> tuple[Measurement, ...]:
        """Return the trials of a tuning so far, in order."""
        return trials_of(self._progress(ticket))

    def tried(self, ticket: int, trials: tuple[Measurement, ...]) -> None:
        """Keep the trials of a tuning so far."""
        self._keep(ticket, {"trials": _text(trials)})

    def _progress(self, ticket: int) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._population.notes(PROGRESS).get(str(ticket), {})
        return found

    def _keep(self, ticket: int, progress: Mapping[str, Any]) -> None:
        self._population.stage(Note(PROGRESS, str(ticket), progress))

    # Bursts

    def run(self, ticket: int, digest: str) -> None:
        """Write down that a burst of this source begins for a job."""
        self._population.stage(Note(RUNNING, str(ticket), digest))

    def ran(self, ticket: int) -> None:
        """Cross out that a burst runs for a job."""
        self._population.stage(Gone(RUNNING, str(ticket)))

    def crashes(self, digest: str) -> int:
        """Return the number of crashes that a source was running at."""
        return int(self._population.meta(_CRASHES, {}).get(digest, 0))

    # What others must know of jobs and wishes that an earlier session left

    def held(self) -> set[str]:
        """Return the variants that are being tuned, or wait for it."""
        names = {one.variant for one in self.wished(Wish.TUNE, Wish.CONFIRM)}
        for job in self._others():
            if job.purpose in (Purpose.TRIAL, Purpose.CONFIRM):
                names.add(job.variant)
        return names

    def asked(self) -> set[tuple[str, int]]:
        """Return the replicates that are wished for or under way, by variant and number of the seed."""
        wished = {(one.variant, one.number) for one in self.wished(Wish.REPLICATE)}
        jobs = (job for job in self._others() if isinstance(job, Measure))
        return wished | {(job.variant, job.number) for job in jobs if job.purpose is Purpose.REPLICATE}

    def awaited(self) -> set[str]:
        """Return the variants whose first burst is wished for or under way."""
        wished = {one.variant for one in self.wished(Wish.MEASURE)}
        jobs = (job for job in self._others() if isinstance(job, Measure))
        begun = {job.variant for job in jobs if job.purpose is Purpose.FIRST}
        born = (value.get("variant") for value in self._population.notes(PROGRESS).values())
        return wished | begun | {str(one) for one in born if one is not None}

    def _others(self) -> list[Measure | Tune]:
        return [job for job in self._jobs() if isinstance(job, Measure | Tune)]


def recover(population: Population, crashed: bool) -> int:
    """Take back the bursts that an earlier session left running; return how many a crash cut short.

    It is staged: to be written before anything else can go wrong, or they count for the next crash again.

    Args:
        population: open for writing.
        crashed: whether that session was killed, so that one of them may be the cause.
    """
    running = dict(population.notes(RUNNING))
    population.stage(*(Gone(RUNNING, ticket) for ticket in running))
    if not (crashed and running):
        return 0
    crashes = dict(population.meta(_CRASHES, {}))
    for digest in running.values():
        crashes[digest] = crashes.get(digest, 0) + 1
    population.stage(meta={_CRASHES: crashes})
    return len(running)


def wish_of(value: Any) -> Next:
    """Return the wish that a note holds (ValueError if it holds none)."""
    return msgspec.convert(value, Next)


def job_of(value: Any) -> Planned | Measure | Tune | Reflect:
    """Return the job that a note holds; a birth's parents come without their sources."""
    match value["kind"]:
        case "birth":
            context = msgspec.convert(json.loads(value["context"]), Context)
            arm, bar = Arm(**value["arm"]), tuple(value.get("bar", ()))
            part, spare = Part(value.get("part", Part.WHOLE)), bool(value.get("spare", False))
            ideas, own = tuple(map(int, value.get("ideas", ()))), bool(value.get("put_together", False))
            return Planned(value["ticket"], arm, value["island"], context, part, bar, spare, ideas, own)
        case "measure":
            return msgspec.convert(value["job"], Measure)
        case "reflect":
            return msgspec.convert(value["job"], Reflect)
        case _:
            return msgspec.convert(value["job"], Tune)


def shelved_of(value: Any) -> tuple[Planned, Proposal]:
    """Return the birth and the proposal that a note of the shelf holds."""
    planned = job_of(value)
    if not isinstance(planned, Planned):
        raise ValueError("it is no birth")
    return planned, msgspec.convert(value["proposal"], Proposal)


def proposal_of(progress: Mapping[str, Any]) -> Proposal | Refusal | None:
    """Return what came of asking an operator, None before anything did."""
    if "proposal" in progress:
        return msgspec.convert(progress["proposal"], Proposal)
    return msgspec.convert(progress["refusal"], Refusal) if "refusal" in progress else None


def trials_of(progress: Mapping[str, Any]) -> tuple[Measurement, ...]:
    """Return the trials of a tuning so far, in order."""
    return msgspec.convert(json.loads(progress.get("trials", "[]")), tuple[Measurement, ...])


def _written(job: Job) -> dict[str, Any]:
    """Return a job as plain JSON; the sources of a birth's parents are known by their hashes."""
    if not isinstance(job, Birth):
        return {"kind": type(job).__name__.lower(), "job": msgspec.to_builtins(job)}
    context = replace(
        job.context,
        parents=tuple(replace(parent, source="") for parent in job.context.parents),
        inspirations=tuple(replace(parent, source="") for parent in job.context.inspirations),
        ancestor=job.context.ancestor and replace(job.context.ancestor, source=""),
    )
    return {
        "kind": "birth",
        "ticket": job.ticket,
        "arm": asdict(job.arm),
        "island": job.island,
        "part": job.part.value,
        "context": _text(context),
        "bar": job.bar,
        "spare": job.spare,
        "ideas": job.ideas,
        "put_together": job.put_together,
    }


def _text(value: Any) -> str:
    """Return JSON as text: inside a document, numbers that are not finite would be lost."""
    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))
