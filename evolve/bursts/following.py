"""Following one burst from the engine: its learning curve, its end, and what failure that was."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Any

from evolve.bursts.messages import TRAINED, End, Verdict
from evolve.bursts.trusted import Trusted, receive
from population.variant import Failure, FailureKind

PATIENCE = 30.0
"""Seconds that our own processes may be late."""


def end(control: socket.socket) -> None:
    """Tell the supervisor to end its burst."""
    with contextlib.suppress(OSError):  # it has ended already
        control.send(b"end")


async def ended(control: socket.socket, by_itself: bool) -> dict[str, Any] | None:
    """Have the supervisor end the burst, unless it is ending by itself; return what it says of the end."""
    if by_itself:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                return await receive(control)
    end(control)
    async with asyncio.timeout(PATIENCE):
        return await receive(control)


async def follow(
    scorer: Trusted, control: socket.socket, watch: Callable[[int, float, float], bool]
) -> tuple[Verdict | None, tuple[tuple[float, float], ...], bool]:
    """Take the scorer's messages until its verdict; return it with the curve and whether it was pruned."""
    curve: list[tuple[float, float]] = []
    pruned = False
    while True:
        message = await scorer.receive()
        if message is None:
            return None, (), False
        if "trained" in message:
            with contextlib.suppress(OSError):
                control.send(TRAINED)
            continue
        if "report" not in message:
            return Verdict(**message), tuple(curve), pruned
        progress, loss = message["report"]
        if loss is None or pruned:
            continue
        curve.append((progress, loss))
        if watch(len(curve), progress, loss):
            pruned = True
            end(control)


def failure_of(verdict: Verdict, end: End) -> Failure | None:
    """Name the failure, if it is one: the supervisor's word first, then the scorer's, then how it exited."""
    if verdict.score is not None:
        return None
    if end.cause == "memory":
        return Failure(FailureKind.MEMORY, f"used {end.peak_bytes / 2**20:.0f} MiB, more than a burst may")
    if end.cause == "vram":
        used = f"{end.peak_bytes / 2**20:.0f} MiB of its GPU"
        return Failure(FailureKind.MEMORY, f"used {used}, more than a burst may")
    if end.cause == "scratch":
        return Failure(FailureKind.LIMIT, "wrote more to its working directory than a burst may")
    if end.cause == "processes":
        return Failure(FailureKind.LIMIT, "started more processes than a burst may")
    if end.cause == "overrun":
        return Failure(FailureKind.TIMEOUT, "train() ran past its budget of CPU time")
    if end.cause == "deadline":
        return Failure(FailureKind.TIMEOUT, f"still running after {end.seconds:.0f} s; ended")
    if verdict.kind:
        return Failure(FailureKind(verdict.kind), verdict.message, verdict.traceback)
    if end.code is None:
        return Failure(FailureKind.CONTRACT, "it closed its connection to the scorer, and ran on")
    if end.code < 0:
        name = signal.strsignal(-end.code) or "unknown"
        return Failure(FailureKind.KILLED, f"the burst was killed by signal {-end.code} ({name})")
    return Failure(FailureKind.EXCEPTION, f"the process exited with code {end.code} before it was scored")
