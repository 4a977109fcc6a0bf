"""Memory of a GPU, limited from outside: what a burst says of its own use is not asked.

A slot whose bursts are limited has its GPU to itself, so what is used there more than before the burst is
the burst's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pynvml

from evolve.errors import EngineFault

Used = Callable[[str], int]
"""Returns the bytes in use on a device such as ``cuda:0``; a UUID may stand for the number."""

_POLL = 0.25  # seconds between two looks


def used(device: str) -> int:
    """Return the bytes in use on a GPU, by NVML.

    Raises:
        EngineFault: NVML cannot tell.
    """
    try:
        pynvml.nvmlInit()
        name = device.partition(":")[2] or "0"
        if name.isdigit():
            handle = pynvml.nvmlDeviceGetHandleByIndex(int(name))
        else:
            handle = pynvml.nvmlDeviceGetHandleByUUID(name)
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
    except pynvml.NVMLError as error:
        raise EngineFault(f"--vram-mb: the memory of {device} cannot be looked at: {error}") from error


@dataclass(slots=True)
class Gauge:
    """What was seen of a burst's use, bytes, and whether that was too much."""

    peak: int = 0
    over: bool = False


@asynccontextmanager
async def limited(
    device: str, most: int | None, look: Used, end: Callable[[], object]
) -> AsyncIterator[Gauge]:
    """Look at a device while a burst runs, and end the burst when it uses too much.

    Args:
        device: where it runs.
        most: bytes that it may use; None for no limit, and no look.
        look: reads a device.
        end: ends the burst.

    Raises:
        EngineFault: the device cannot be looked at.
    """
    gauge = Gauge()
    if most is None:
        yield gauge
        return
    before = await asyncio.to_thread(look, device)

    async def watch() -> None:
        while not gauge.over:
            await asyncio.sleep(_POLL)
            gauge.peak = max(gauge.peak, await asyncio.to_thread(look, device) - before)
            gauge.over = gauge.peak > most
        end()

    task = asyncio.create_task(watch())
    try:
        yield gauge
    finally:
        task.cancel()
        (fault,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(fault, EngineFault):
        raise fault
