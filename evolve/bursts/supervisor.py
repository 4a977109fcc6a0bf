"""The supervisor of one burst: a process between zygote and child that owns the clock and the broom.

It forks the child, keeps what it prints, and ends it with everything it started when the deadline or the
memory limit is passed, when the engine asks, or when the engine is gone. Being a subreaper, it also
inherits what the child forked away into sessions of its own.
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

import torch

from evolve.bursts import child, process
from evolve.bursts.messages import TRAINED, End, Order

_HALF = 512 * 1024
_POLL = 0.05


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


def run(
    order: Order, data: torch.Tensor, answers: socket.socket, control: socket.socket, log: int
) -> NoReturn:
    """Run one burst in this freshly forked process; never returns.

    Args:
        order: what the burst is to do.
        data: the train split.
        answers: the child's end of its stream to the scorer.
        control: this side's end of the stream to the engine; its end of file means the engine is gone.
        log: descriptor of the file that the child's capped output is written to at the end.
    """
    code = 1
    try:
        os.setsid()
        process.become_subreaper()
        end = _supervise(order, data, answers, control, log)
        with contextlib.suppress(OSError):  # the engine is gone; nothing is left to tell
            control.send(json.dumps(asdict(end)).encode())
        code = 0
    finally:
        process.leave(code)


def _supervise(
    order: Order, data: torch.Tensor, answers: socket.socket, control: socket.socket, log: int
) -> End:
    """Fork the child, follow it to its end, and sweep."""
    started = time.monotonic()
    readable, writable = os.pipe()
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _redirect(writable)
            child.run(order, data, answers, me)
        finally:
            process.leave(1)
    os.close(writable)
    answers.close()
    output = Capped()
    cause, code, peak = _watch(order, pid, control, readable, output, started)
    swept = process.end_descendants()
    _drain(readable, output)
    with contextlib.suppress(OSError):  # a full disk loses the log, not the score
        os.write(log, output.kept())
    return End(cause, code, time.monotonic() - started, peak, swept)


def _redirect(writable: int) -> None:
    """Give the child an empty input and the pipe as both outputs."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(writable, 1)
    os.dup2(writable, 2)


def _watch(
    order: Order, pid: int, control: socket.socket, readable: int, output: Capped, started: float
) -> tuple[str, int | None, int]:
    """Wait until the burst ends or must end; return the cause, the exit code and the peak memory."""
    handle = os.pidfd_open(pid)
    peak, weigh = 0, started
    limit = math.inf if order.cpu_seconds is None else order.cpu_seconds
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
                return "exit", os.waitstatus_to_exitcode(status), peak
            if control.fileno() in ready:
                word = control.recv(64)
                if word != TRAINED:
                    return ("asked" if word else "orphaned"), None, peak
                limit = math.inf
            if (now := time.monotonic()) - started > order.deadline:
                return "deadline", None, peak
            if now >= weigh:  # not each time that the child prints
                everyone = process.descendants(os.getpid())
                peak = max(peak, process.resident_bytes(everyone))
                if process.cpu_seconds(everyone) > limit:
                    return "overrun", None, peak
                weigh = now + _POLL
            if peak > order.memory_bytes:
                return "memory", None, peak


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
