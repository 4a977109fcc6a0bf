"""Writes wait for room on the disk, and those in a thread come to their end."""

from __future__ import annotations

import asyncio
import errno
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import EngineFault
from evolve.room import CONTINUED, PAUSED, Room
from population.ledger import Event

WAYS = ["until", "aside"]


class Full:
    """A disk that has no room the first few times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self) -> str:
        self.times -= 1
        if self.times >= 0:
            raise OSError(errno.ENOSPC, "no space left", "a file")
        return "written"


def room(told: list[str], stopping: Callable[[], bool] = lambda: False) -> Room:
    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    def notify(event: Event) -> None:
        told.append(event.kind)

    return Room(Path(), stopping, notify, sleep=at_once)


@pytest.mark.parametrize("way", WAYS)
def test_what_does_not_fit_is_written_when_there_is_room_and_that_is_told_once(way: str) -> None:
    told: list[str] = []
    write: Any = getattr(room(told), way)
    assert asyncio.run(write(Full(3))) == "written"
    assert told == [PAUSED, CONTINUED]


@pytest.mark.parametrize("way", WAYS)
def test_a_search_that_is_being_stopped_does_not_wait(way: str) -> None:
    write: Any = getattr(room([], lambda: True), way)
    with pytest.raises(EngineFault, match="the disk is full, a file could not be written"):
        asyncio.run(write(Full(1)))


@pytest.mark.parametrize("way", WAYS)
def test_another_error_is_no_lack_of_room(way: str) -> None:
    def broken() -> None:
        raise OSError(errno.EIO, "broken")

    write: Any = getattr(room([]), way)
    with pytest.raises(OSError, match="broken"):
        asyncio.run(write(broken))


def test_a_write_in_a_thread_ends_before_whoever_is_cancelled_goes_on() -> None:
    begun = threading.Event()
    order: list[str] = []

    def slow() -> None:
        begun.set()
        time.sleep(0.05)
        order.append("written")

    async def cancelled() -> None:
        task = asyncio.create_task(room([]).aside(slow))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        order.append("cancelled")

    asyncio.run(cancelled())
    assert order == ["written", "cancelled"]


def test_a_write_that_fails_when_nobody_waits_for_it_any_more_is_not_complained_of() -> None:
    begun, go = threading.Event(), threading.Event()
    complaints: list[dict[str, Any]] = []

    def broken() -> None:
        begun.set()
        go.wait(5.0)
        raise OSError(errno.ENOSPC, "no space left", "a file")

    async def cancelled() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        task = asyncio.create_task(room([]).aside(broken))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        gc.collect()

    asyncio.run(cancelled())
    gc.collect()
    assert complaints == []


def test_while_a_write_in_a_thread_takes_its_time_others_go_on() -> None:
    free = threading.Event()

    async def both() -> None:
        writing = asyncio.create_task(room([]).aside(free.wait))
        await asyncio.sleep(0)
        free.set()  # nobody else would
        assert await writing

    asyncio.run(asyncio.wait_for(both(), 5.0))
