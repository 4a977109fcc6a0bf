"""Slots and stopping: where a job waits for its burst, and how a search ends without losing one."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from evolve.bursts.executor import Executor, Job, Result, Watch
from evolve.room import Room
from population.genome import values_of
from population.variant import Measurement, Purpose, Value, Variant

T = TypeVar("T")
Begun = Callable[[], Awaitable[None]]
"""Awaited when a burst has its slot and is about to begin."""

_HAND_OVER = 0.1  # seconds that a burst may take to begin once a slot is free


class Halted(Exception):
    """The search is stopping; what was waiting is given up."""


class Brake:
    """Tells everything that waits that the search is stopping."""

    def __init__(self) -> None:
        self._pulled = asyncio.Event()
        self.reason = ""

    @property
    def on(self) -> bool:
        """Say whether the search is stopping."""
        return self._pulled.is_set()

    def pull(self, reason: str) -> None:
        """Stop the search; the first reason stands."""
        self.reason = self.reason or reason
        self._pulled.set()

    async def unless_on(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``; give it up when the search stops first.

        Raises:
            Halted: the search is stopping.
        """
        if self.on:
            work.close()
            raise Halted
        task = asyncio.ensure_future(work)
        pulled = asyncio.ensure_future(self._pulled.wait())
        try:
            await asyncio.wait({task, pulled}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Halted
        finally:
            pulled.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


class Turnstile:
    """Lets births through admission, in the order of their tickets when ``ordered``."""

    def __init__(self, ordered: bool) -> None:
        self._ordered = ordered
        self._queue: deque[int] = deque()
        self._changed = asyncio.Condition()

    def enter(self, ticket: int) -> None:
        """Join the queue; tickets come in rising."""
        self._queue.append(ticket)

    @contextlib.asynccontextmanager
    async def turn(self, ticket: int) -> AsyncIterator[None]:
        """Wait until every earlier ticket has left."""
        async with self._changed:
            if self._ordered:
                await self._changed.wait_for(lambda: self._queue[0] == ticket)
            yield

    async def leave(self, ticket: int) -> None:
        """Make room for the next."""
        async with self._changed:
            self._queue.remove(ticket)
            self._changed.notify_all()


class Meter:
    """Runs bursts of variants on the executor's slots and turns results into measurements.

    Args:
        executor: where bursts run.
        brake: bursts that have not begun when it is pulled are given up.
        seeds: gives the seed of each number (see ``seeds``); the same for all variants.
        room: waits while the disk is full.
    """

    def __init__(self, executor: Executor, brake: Brake, seeds: Callable[[int], int], room: Room) -> None:
        self._executor = executor
        self._brake = brake
        self._room = room
        self.seeds = seeds
        self._slots = asyncio.Semaphore(executor.slots)
        self._door = asyncio.Lock()
        self.slots = executor.slots
        self.running = 0
        """Slots in which a burst runs."""
        self._waiting = 0
        self._began = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    def pause(self, paused: bool) -> None:
        """Let no burst begin until this is taken back; those that wait keep their turn."""
        if paused:
            self._open.clear()
        else:
            self._open.set()

    async def hand_over(self) -> None:
        """Let bursts that wait have the slots that are free: choosing jobs holds up everything else."""
        with contextlib.suppress(TimeoutError):  # some wait longer: for a full disk, or for all slots
            async with asyncio.timeout(_HAND_OVER):
                while self._waiting and self.running < self.slots and not self._brake.on:
                    self._began.clear()
                    await self._began.wait()

    async def smoke(
        self,
        variant: Variant,
        source: str,
        begun: Begun | None = None,
        alone: bool = False,
        purpose: Purpose = Purpose.FIRST,
        fraction: float = 1.0,
    ) -> Measurement | None:
        """Run one step and a few queries; return the measurement of the failure, or None when it runs.

        A failure is on record as one of the burst that was to come, with its purpose and fraction.
        """
        job = Job(f"{variant.id}-smoke", source, self.seeds(0), smoke=True)
        result = await self._unless_killed(job, _never, begun, alone)
        if result.failure is None:
            return None
        values, share = _values(source), _share(purpose, result, fraction)
        return _measurement(variant.id, variant.digest, job.seed, purpose, result, values, share)

    async def measure(
        self,
        variant: Variant,
        digest: str,
        source: str,
        purpose: Purpose,
        number: int = 0,
        begun: Begun | None = None,
        alone: bool = False,
        trial: int | None = None,
        watch: Watch | None = None,
        fraction: float = 1.0,
    ) -> Measurement:
        """Run one burst of exactly this source, with the seed of this number.

        ``begun`` is awaited when it has its slot; ``alone`` keeps all other slots free meanwhile.

        Raises:
            Halted: the search stopped before the burst began.
        """
        name = f"{variant.id}-{purpose.value}-{number if trial is None else trial}"
        job = Job(name, source, self.seeds(number), fraction=fraction)
        result = await self._unless_killed(job, watch or _never, begun, alone)
        values, share = _values(source), _share(purpose, result, fraction)
        return _measurement(variant.id, digest, job.seed, purpose, result, values, share, trial)

    async def _unless_killed(self, job: Job, watch: Watch, begun: Begun | None, alone: bool) -> Result:
        """Run a burst, and once more if it was killed: that says nothing of its source."""
        result = await self._run(job, watch, begun, alone)
        if result.failure is not None and not result.failure.kind.repeats:
            result = await self._run(job, watch, begun, alone)
        return result

    async def _run(self, job: Job, watch: Watch, begun: Begun | None, alone: bool) -> Result:
        slots = self.slots if alone else 1
        await self._begin(slots, begun)
        self.running += slots
        try:
            while True:
                result = await self._attempt(job, watch)
                if result is not None and (result.failure is None or not self._room.short):
                    return result
                await self._room.enough()  # it may have failed for lack of room
        finally:
            self.running -= slots
            self._release(slots)

    async def _begin(self, slots: int, begun: Begun | None) -> None:
        """Wait for slots, and have it written down that a burst begins."""
        self._waiting += 1
        try:
            await self._brake.unless_on(self._taken(slots))
            try:
                if begun is not None:
                    await begun()
            except BaseException:
                self._release(slots)
                raise
        finally:
            self._waiting -= 1
            self._began.set()

    async def _taken(self, slots: int) -> None:
        """Take so many slots at once, in turn with everybody else."""
        taken = 0
        try:
            async with self._door:
                while taken < slots:
                    await self._slots.acquire()
                    taken += 1
                await self._open.wait()
        except BaseException:
            self._release(taken)
            raise

    def _release(self, slots: int) -> None:
        for _ in range(slots):
            self._slots.release()

    async def _attempt(self, job: Job, watch: Watch) -> Result | None:
        """Run a burst; None when the disk had no room for what it needs."""
        try:
            return await self._executor.run(job, watch)
        except OSError as error:
            await self._room.wait(error)
            return None


def _values(source: str) -> dict[str, Value]:
    """Return the values of a source's tunables; a program in another language has none."""
    try:
        return values_of(source)
    except SyntaxError:
        return {}


def _never(*_: object) -> bool:
    """Prune nothing."""
    return False


def _share(purpose: Purpose, result: Result, fraction: float) -> float:
    """Return the part of a full burst that was spent; a first burst that was stopped ended there."""
    stopped = result.score is None and result.failure is None and purpose is Purpose.FIRST
    return max(0.001, round(result.curve[-1][0] if stopped and result.curve else fraction, 3))


def _measurement(
    variant: str,
    digest: str,
    seed: int,
    purpose: Purpose,
    result: Result,
    values: dict[str, Value],
    share: float,
    trial: int | None = None,
) -> Measurement:
    """Put a burst's result on record."""
    return Measurement(
        variant=variant,
        digest=digest,
        seed=seed,
        purpose=purpose,
        score=result.score,
        failure=result.failure,
        seconds=round(result.seconds, 3),
        train_seconds=round(result.train_seconds, 3),
        tokens=result.tokens,
        curve=result.curve,
        values=values,
        trial=trial,
        device=result.device,
        sandbox=result.sandbox,
        share=share,
        also=dict(result.also),
        said=result.said,
        excess=result.excess,
    )
