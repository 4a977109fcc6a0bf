"""The bench: programs of a run measured side by side once it has ended, on seeds that no search uses."""

from __future__ import annotations

import asyncio
import contextlib
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evolve import runs, session
from evolve.bursts import process
from evolve.errors import InputError, Interrupted
from evolve.interrupts import supervised
from evolve.measuring import Brake, Halted, Meter
from evolve.preparing import NO_MODEL, Prepared, prepare
from evolve.report import standing
from evolve.room import Room
from evolve.seeds import Seeds
from evolve.tasks.task import Unseen
from population.comparison import Scores
from population.ledger import Event
from population.store import Population
from population.variant import Failure, Measurement, Purpose, State, Variant

FEWEST = 2  # seeds from which an error can be told
MOST = 1000  # seeds; the numbers of one purpose end far behind


class Progress(Protocol):
    """Shows how many bursts have ended to whoever looks."""

    def begin(self, text: str, bursts: int) -> None:
        """Say what is about to be measured, in so many bursts."""

    def ended(self, text: str) -> None:
        """Say that one more burst has ended, and what it came to."""

    def tick(self) -> None:
        """Show the time that passes; called a few times a second."""

    def close(self) -> None:
        """Leave the screen as it was."""


@dataclass(frozen=True, slots=True)
class Program:
    """One exact source.

    Args:
        name: what it is called while it is measured.
        variant: whom its measurements are recorded under.
        digest: its content hash.
        source: its text.
    """

    name: str
    variant: Variant
    digest: str
    source: str


@dataclass(frozen=True, slots=True)
class Look:
    """A run that nobody searches in, opened to be looked at.

    Args:
        folder: the run folder, as the user named it.
        population: open for writing.
        prepared: the run's own settings and data.
        champion: the champion as it stands.
        seed: the seed variant as the user gave it.
    """

    folder: Path
    population: Population
    prepared: Prepared
    champion: Program
    seed: Program

    @property
    def seeds(self) -> Seeds:
        """The burst seeds of the run."""
        return Seeds(self.prepared.settings.seed or 0)

    def record(self, kind: str, text: str, data: Mapping[str, Any]) -> None:
        """Put a result on record, unless the last one of its kind says the same."""
        if data != self.population.meta(kind):
            event = Event(kind, text, round(time.time(), 3), data)
            self.population.commit(event, meta={kind: data})


@contextmanager
def opened(folder: Path) -> Iterator[Look]:
    """Open a run for a look at what it came to; no search can use it meanwhile.

    Raises:
        InputError: its champion is the seed variant, or there is none; or its data is another now.
        PopulationError: it is no run, or a search runs in it.
    """
    process.set_dumpable(False)  # this process may hold keys
    with Population.open(folder, write=True) as population:
        champion, seed = standing.champion(population), standing.seed(population)
        if champion is None or seed is None:
            raise InputError(f"{folder} has no champion yet: its seed has not been measured")
        if champion.digest == seed.proposed:
            raise InputError(
                f"the champion of {folder} is still its seed variant, so that there is nothing to compare"
            )
        prepared = prepare(runs.settings_of(folder, {"models": (NO_MODEL,)}))
        runs.check_data(population, prepared, folder)
        best = Program(champion.id, champion, champion.digest, population.source(champion.digest))
        base = Program(seed.id, seed, seed.proposed, population.source(seed.proposed))
        yield Look(folder, population, prepared, best, base)


class Sheet:
    """The measurements of one purpose, by program and seed."""

    def __init__(self, population: Population, purpose: Purpose) -> None:
        self._cells: dict[tuple[str, int], Measurement] = {}
        for name in population.variants:
            for measurement in population.measurements(name):
                if measurement.purpose is purpose:
                    self.add(measurement)

    def add(self, measurement: Measurement) -> None:
        """Take a measurement in; it stands in place of one that was cut short."""
        if not self.has(measurement.digest, measurement.seed):
            self._cells[measurement.digest, measurement.seed] = measurement

    def has(self, digest: str, seed: int) -> bool:
        """Say whether it is known what a program comes to under a seed."""
        found = self._cells.get((digest, seed))
        return found is not None and (found.failure is None or found.failure.kind.repeats)

    def of(self, digest: str, seeds: Sequence[int]) -> list[Measurement]:
        """Return the measurements of a program under these seeds, as far as there are any."""
        return [self._cells[digest, seed] for seed in seeds if (digest, seed) in self._cells]

    def scores(self, digest: str, seeds: Sequence[int]) -> Scores:
        """Return the scores of a program under these seeds."""
        return {m.seed: m.score for m in self.of(digest, seeds) if m.score is not None}

    def failures(self, digest: str, seeds: Sequence[int]) -> list[tuple[int, Failure]]:
        """Return the failures of a program under these seeds."""
        return [(m.seed, m.failure) for m in self.of(digest, seeds) if m.failure is not None]


def chosen(first: int, count: int) -> range:
    """Return the numbers of so many seeds.

    Raises:
        InputError: there are too few to tell an error from, or absurdly many.
    """
    if not FEWEST <= count <= MOST:
        raise InputError(
            f"--seeds {count}: give {FEWEST} to {MOST}; a difference has no error with fewer than {FEWEST}"
        )
    return range(first, first + count)


def measure(
    look: Look,
    title: str,
    programs: Sequence[Program],
    numbers: Sequence[int],
    purpose: Purpose,
    split: Unseen,
    progress: Progress,
) -> Sheet:
    """Measure every program under every seed, what is on record already left out; record each burst.

    Args:
        look: the run.
        title: what is measured, for whoever looks.
        programs: what to measure; those that coincide are measured once.
        numbers: of the seeds (see ``seeds``).
        purpose: what the bursts are recorded as.
        split: what they are scored on.
        progress: sees each burst end.

    Raises:
        Interrupted: somebody stopped it; what was measured is recorded.
        EngineFault: a process of ours could not be kept running.
    """
    sheet = Sheet(look.population, purpose)
    apart = {program.digest: program for program in programs}
    orders = [
        (program, number)
        for number in numbers
        for program in apart.values()
        if not sheet.has(program.digest, look.seeds(number))
    ]
    stored = len(apart) * len(numbers) - len(orders)
    progress.begin(f"{title}: {_announced(look, len(orders), stored)}", len(orders))
    try:
        if orders:
            asyncio.run(_measured(look, orders, purpose, split, progress, sheet))
    finally:
        progress.close()
    return sheet


async def _measured(
    look: Look,
    orders: Sequence[tuple[Program, int]],
    purpose: Purpose,
    split: Unseen,
    progress: Progress,
    sheet: Sheet,
) -> None:
    """Run the bursts on all slots until they have ended, or somebody stops them."""
    brake = Brake()
    room = Room(look.folder, lambda: brake.on, lambda event: progress.ended(event.text))
    count = 0

    async def keep(program: Program, measurement: Measurement) -> None:
        nonlocal count
        await room.until(lambda: look.population.commit(measurement))
        sheet.add(measurement)
        count += 1
        progress.ended(f"{program.name}, seed {measurement.seed}: {_came_to(measurement)}")

    work = _run(look, orders, purpose, split, brake, room, keep)
    try:
        await supervised(work, brake, look.prepared.settings.grace, progress.tick)
    except asyncio.CancelledError:
        brake.pull("")
    if brake.on:
        raise Interrupted(
            f"interrupted: {count} of {len(orders)} bursts are recorded, and the same command does the others"
        )


async def _run(
    look: Look,
    orders: Sequence[tuple[Program, int]],
    purpose: Purpose,
    split: Unseen,
    brake: Brake,
    room: Room,
    keep: Callable[[Program, Measurement], Awaitable[None]],
) -> None:
    """Run the bursts on an executor of their own."""
    executor = session.executor_of(look.folder, look.prepared, split)
    tasks: list[asyncio.Task[None]] = []
    try:
        await executor.start()
        meter = Meter(executor, brake, look.seeds, room)

        async def one(program: Program, number: int) -> None:
            with contextlib.suppress(Halted):
                found = await meter.measure(program.variant, program.digest, program.source, purpose, number)
                await keep(program, found)

        tasks += [asyncio.create_task(one(program, number)) for program, number in orders]
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await executor.close()


def _announced(look: Look, bursts: int, stored: int) -> str:
    """Say how many bursts it will take, and about how long."""
    settings, slots = look.prepared.settings, len(look.prepared.devices)
    length = f"{settings.burst:g} s" if settings.burst_tokens is None else f"{settings.burst_tokens} tokens"
    if not bursts:
        return f"all {stored} bursts are on record"
    known = f" ({stored} more are on record)" if stored else ""
    text = f"{bursts} burst{'s' * (bursts != 1)} of {length}{known}"
    about = _minutes(math.ceil(bursts / slots) * _usual(look))
    return f"{text} on {slots} slot{'s' * (slots > 1)}, about {about}"


def _usual(look: Look) -> float:
    """Return the seconds that a burst of this run takes, as far as it is known."""
    whole = (m for m in standing.bursts(look.population) if m.purpose.whole)
    measured = [m.seconds for m in whole if m.state is State.SCORED]
    return statistics.median(measured) if measured else float(look.prepared.settings.burst or 0.0)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _came_to(measurement: Measurement) -> str:
    """Say what a burst came to."""
    if measurement.failure is not None:
        return f"{measurement.failure.kind}: {measurement.failure.message}"
    return "no score" if measurement.score is None else f"{measurement.score:.4f}"
