"""The supervisor of one burst: a process between zygote and child that owns the clock and the broom.

It forks the child, keeps what it prints, and ends it with everything it started when it has run too long or
holds too much (memory, processes, scratch), when the engine asks, or when the engine is gone.
Being a subreaper, it also inherits what the child forked away into sessions of its own.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import socket
import time
from dataclasses import asdict
from typing import NoReturn

from evolve.bursts import child, process, scratch
from evolve.bursts.messages import TRAINED, End, Order
from evolve.bursts.slot import Ends, Slot

_HALF = 512 * 1024
_POLL = 0.05
_WALK = 0.25  # seconds between two walks through scratch, at least


class Capped:
    """Keeps the head and the tail of a stream, whatever its length."""

    def __init__(self, half: int = _HALF) -> None:
        self._half = half
        self._head = bytearray()
        self._tail = bytearray()
        self._seen = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._seen += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[max(room, 0) :]
        del self._tail[: -self._half]

    def kept(self) -> bytes:
        """Return head and tail, and between them how much was left out."""
        lost = self._seen - len(self._head) - len(self._tail)
        gap = b"\n... %d bytes left out ...\n" % lost if lost else b""
        return bytes(self._head + gap + self._tail)


def run(order: Order, slot: Slot, ends: Ends) -> NoReturn:
    """Run one burst in this freshly forked process; never returns."""
    code = 1
    try:
        os.setsid()
        process.become_subreaper()
        end = _supervise(order, slot, ends)
        with contextlib.suppress(OSError):  # the engine is gone; nothing is left to tell
            ends.control.send(json.dumps(asdict(end)).encode())
        code = 0
    finally:
        process.leave(code)


def _supervise(order: Order, slot: Slot, ends: Ends) -> End:
    """Fork the child, follow it to its end, and sweep."""
    started = time.monotonic()
    readable, writable = os.pipe()
    me = os.getpid()
    scratch.empty(slot.scratch)
    pid = os.fork()
    if pid == 0:
        try:
            _redirect(writable)
            child.run(order, slot, ends.answers, ends.source, me)
        finally:
            process.leave(1)
    os.close(writable)
    os.close(ends.source)
    ends.answers.close()
    output = Capped()
    scales = Scales(order, slot, started)
    cause, code = _watch(pid, ends.control, readable, output, scales)
    swept = process.end_descendants()
    clean = not process.children(me)
    scratch.empty(slot.scratch)
    _drain(readable, output)
    with contextlib.suppress(OSError):  # a full disk loses the log, not the score
        os.write(ends.log, output.kept())
    return End(cause, code, time.monotonic() - started, scales.peak, swept, clean)


def _redirect(writable: int) -> None:
    """Give the child an empty input and the pipe as both outputs."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(writable, 1)
    os.dup2(writable, 2)


class Scales:
    """Weighs a burst now and then: what it holds of the machine, and how long it has run.

    Args:
        order: what the burst may take.
        slot: where it runs.
        started: when it was forked, ``time.monotonic()``.
    """

    def __init__(self, order: Order, slot: Slot, started: float) -> None:
        self._order = order
        self._slot = slot
        self._started = started
        self._next = started
        self._next_walk = started
        self._seconds = math.inf if order.cpu_seconds is None else order.cpu_seconds
        self.peak = 0

    def trained(self) -> None:
        """Count no more CPU time: ``train`` has returned."""
        self._seconds = math.inf

    def over(self) -> str:
        """Return what the burst has too much of, nothing if all is well or it is too soon to look again."""
        now = time.monotonic()
        if now - self._started > self._order.deadline:
            return "deadline"
        if now < self._next:  # not each time that the child prints
            return ""
        everyone = process.descendants(os.getpid())
        self.peak = max(self.peak, process.resident_bytes(everyone))
        self._next = now + _POLL
        if len(everyone) > self._order.processes:
            return "processes"
        if self.peak > self._order.memory_bytes:
            return "memory"
        if process.cpu_seconds(everyone) > self._seconds:
            return "overrun"
        return "scratch" if self._litters(now, everyone) else ""

    def _litters(self, now: float, everyone: list[int]) -> bool:
        """Say whether scratch holds more than it may; looked at the more rarely, the longer that takes."""
        folder, most = self._slot.scratch, self._slot.box.scratch_bytes
        if self._slot.box.mounted:
            return scratch.used_of_mount(folder, most) > most
        if now < self._next_walk:
            return False
        held = scratch.used(folder, most) + scratch.used_unlinked(everyone)
        done = time.monotonic()
        self._next_walk = done + max(_WALK, 20 * (done - now))
        return held > most


def _watch(
    pid: int, control: socket.socket, readable: int, output: Capped, scales: Scales
) -> tuple[str, int | None]:
    """Wait until the burst ends or must end; return the cause and the exit code."""
    handle = os.pidfd_open(pid)
    with selectors.DefaultSelector() as selector:
        for source in (control.fileno(), readable, handle):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select(_POLL)}
            if readable in ready:
                data = os.read(readable, 65536)
                output.add(data)
                if not data:
                    selector.unregister(readable)
            if handle in ready:
                _, status = os.waitpid(pid, 0)
                return "exit", os.waitstatus_to_exitcode(status)
            if control.fileno() in ready:
                word = control.recv(64)
                if word != TRAINED:
                    return ("asked" if word else "orphaned"), None
                scales.trained()
            if cause := scales.over():
                return cause, None


def _drain(readable: int, output: Capped) -> None:
    """Take what is still in the pipe; every writer is gone by now."""
    os.set_blocking(readable, False)
    try:
        while data := os.read(readable, 65536):
            output.add(data)
    except BlockingIOError:
        return


def reset_signals() -> None:
    """Undo what the zygote set, after a fork."""
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
