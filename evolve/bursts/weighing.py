"""Weighing a burst: what it holds of the machine, how long it has run, and what it prints."""

from __future__ import annotations

import math
import os
import selectors
import socket
import time
from typing import Protocol

from evolve.bursts import process, scratch
from evolve.bursts.messages import TRAINED
from evolve.bursts.sandbox import Sandbox

_HALF = 512 * 1024
_POLL = 0.05
_WALK = 0.25  # seconds between two walks through scratch, at least


class Allowed(Protocol):
    """What a burst may take of the machine."""

    @property
    def deadline(self) -> float:
        """Seconds from fork after which everything is ended."""

    @property
    def cpu_seconds(self) -> float | None:
        """CPU time past which training is ended, if that is counted."""

    @property
    def memory_bytes(self) -> int:
        """Resident memory past which it is ended."""

    @property
    def processes(self) -> int:
        """Processes past which it is ended."""


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


class Scales:
    """Weighs all that descends from this process, now and then.

    Args:
        allowed: what the burst may take.
        box: how it is confined.
        folder: descriptor of the folder that it works in.
        started: when it was forked, ``time.monotonic()``.
    """

    def __init__(self, allowed: Allowed, box: Sandbox, folder: int, started: float) -> None:
        self._allowed = allowed
        self._box = box
        self._folder = folder
        self._started = started
        self._next = started
        self._next_walk = started
        self._seconds = math.inf if allowed.cpu_seconds is None else allowed.cpu_seconds
        self.peak = 0

    def trained(self) -> None:
        """Count no more CPU time: ``train`` has returned."""
        self._seconds = math.inf

    def over(self) -> str:
        """Return what the burst has too much of, nothing if all is well or it is too soon to look again."""
        now = time.monotonic()
        if now - self._started > self._allowed.deadline:
            return "deadline"
        if now < self._next:  # not each time that the child prints
            return ""
        everyone = process.descendants(os.getpid())
        self.peak = max(self.peak, process.resident_bytes(everyone))
        self._next = now + _POLL
        if len(everyone) > self._allowed.processes:
            return "processes"
        if self.peak > self._allowed.memory_bytes:
            return "memory"
        if process.cpu_seconds(everyone) > self._seconds:
            return "overrun"
        return "scratch" if self._litters(now, everyone) else ""

    def _litters(self, now: float, everyone: list[int]) -> bool:
        """Say whether scratch holds more than it may; looked at the more rarely, the longer that takes."""
        folder, most = self._folder, self._box.scratch_bytes
        if self._box.mounted:
            return scratch.used_of_mount(folder, most) > most
        if now < self._next_walk:
            return False
        held = scratch.used(folder, most) + scratch.used_unlinked(everyone)
        done = time.monotonic()
        self._next_walk = done + max(_WALK, 20 * (done - now))
        return held > most


def watch(
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


def drain(readable: int, output: Capped) -> None:
    """Take what is still in the pipe; every writer is gone by now."""
    os.set_blocking(readable, False)
    try:
        while data := os.read(readable, 65536):
            output.add(data)
    except BlockingIOError:
        return
