"""Room on the disk: what does not fit waits, and goes on by itself when there is room again."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TypeVar

from evolve.errors import EngineFault
from population.disk import NO_ROOM
from population.errors import StoreFull
from population.ledger import Event

T = TypeVar("T")

PAUSED, CONTINUED = "paused", "continued"
_WAIT = 1.0  # seconds between two tries
_LEAST = 1 << 20  # free bytes below which a burst's failure may be for lack of room


class Room:
    """Repeats what the disk refused for lack of room until it is done; says so once.

    Args:
        folder: the run folder.
        stopping: says whether the search is being stopped, which ends the waiting.
        notify: sees that the search waits, and that it goes on.
        clock: unix time.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        folder: Path,
        stopping: Callable[[], bool],
        notify: Callable[[Event], None],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._stopping = stopping
        self._notify = notify
        self._clock = clock
        self._sleep = sleep
        self._waiting = False

    async def aside(self, work: Callable[[], T]) -> T:
        """Do some work that writes in a thread, since the disk may take its time; else as ``until``.

        A write that has begun comes to its end also when whoever waits for it is cancelled.

        Raises:
            EngineFault: the search is being stopped meanwhile.
        """
        return await self._until(lambda: _finished(asyncio.to_thread(work)))

    async def until(self, work: Callable[[], T]) -> T:
        """Do some work that writes; wait and do it again while there is no room for it.

        Raises:
            EngineFault: the search is being stopped meanwhile.
        """

        async def done() -> T:
            return work()

        return await self._until(done)

    async def _until(self, work: Callable[[], Coroutine[None, None, T]]) -> T:
        while True:
            try:
                done = await work()
            except (StoreFull, OSError) as error:
                await self.wait(error)
            else:
                self._found()
                return done

    async def wait(self, error: StoreFull | OSError) -> None:
        """Wait a moment if an error is for lack of room, else raise it.

        Raises:
            EngineFault: the search is being stopped.
        """
        if isinstance(error, OSError) and error.errno not in NO_ROOM:
            raise error
        where = error.path if isinstance(error, StoreFull) else error.filename or self._folder
        full = f"the disk is full, {where} could not be written; nothing recorded before is lost"
        if self._stopping():
            raise EngineFault(f"{full}; what came since is not recorded") from error
        if not self._waiting:
            self._waiting = True
            text = f"{full}; the search waits, and goes on by itself when there is room"
            self._notify(Event(PAUSED, text, round(self._clock(), 3)))
        await self._sleep(_WAIT)

    async def enough(self) -> None:
        """Wait until something can be written at all."""
        while self.short:
            await self.wait(StoreFull(self._folder, "there is no room on the disk"))
        self._found()

    @property
    def short(self) -> bool:
        """Say whether the disk is as good as full."""
        return shutil.disk_usage(self._folder).free < _LEAST

    def _found(self) -> None:
        if self._waiting:
            self._waiting = False
            self._notify(Event(CONTINUED, "there is room again", round(self._clock(), 3)))


async def _finished(work: Coroutine[None, None, T]) -> T:
    """Wait for some work; it comes to its end also when this is cancelled."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
