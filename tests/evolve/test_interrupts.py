from __future__ import annotations

import asyncio
import os
import signal

import pytest

from evolve.interrupts import INTERRUPTED, supervised
from evolve.measuring import Brake


async def until_braked(brake, after=0.0):
    while not brake.on:
        await asyncio.sleep(0.01)
    await asyncio.sleep(after)
    return "ended by itself"


def interrupt_in(seconds):
    asyncio.get_running_loop().call_later(seconds, os.kill, os.getpid(), signal.SIGINT)


def test_work_that_ends_gives_its_result_and_a_last_picture():
    seen = []

    async def work():
        return 3

    async def run():
        return await supervised(work(), Brake(), 1.0, lambda: seen.append(1))

    assert asyncio.run(run()) == 3
    assert len(seen) >= 2


def test_interrupted_once_the_work_may_end():
    brake = Brake()

    async def run():
        interrupt_in(0.05)
        return await supervised(until_braked(brake), brake, 60.0, lambda: None)

    assert asyncio.run(run()) == "ended by itself"
    assert brake.reason == INTERRUPTED


@pytest.mark.parametrize(("grace", "again"), [(0.05, False), (60.0, True)])
def test_interrupted_twice_or_past_the_grace_it_is_ended(grace, again):
    brake = Brake()

    async def run():
        interrupt_in(0.05)
        if again:
            interrupt_in(0.2)
        return await supervised(until_braked(brake, after=60.0), brake, grace, lambda: None)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
