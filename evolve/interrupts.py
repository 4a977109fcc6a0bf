"""Ctrl-C once: no new work, and what runs may end; twice, or after the grace: at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from evolve.measuring import Brake

T = TypeVar("T")

INTERRUPTED = "interrupted"
_REFRESH = 0.25  # seconds between two pictures


async def supervised(
    work: Coroutine[Any, Any, T], brake: Brake, grace: float, picture: Callable[[], None]
) -> T:
    """Await ``work`` and show how it stands, whoever ends it.

    Args:
        work: gives up what has not begun when the brake is pulled, and ends.
        brake: pulled by the first Ctrl-C (SIGINT or SIGTERM).
        grace: seconds after which the first one counts as the second.
        picture: shows how it stands; called a few times a second, and once at the end.

    Raises:
        CancelledError: it was ended before it had ended by itself.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def interrupted() -> None:
        if brake.on:
            task.cancel()
            return
        brake.pull(INTERRUPTED)
        loop.call_later(grace, task.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        while not task.done():
            picture()
            await asyncio.wait({task}, timeout=_REFRESH)
        return task.result()
    finally:
        picture()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
