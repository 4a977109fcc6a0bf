"""The supervisor of one burst: a process between zygote and child that owns the clock and the broom.

It forks the child, keeps what it prints, and ends it with everything it started when it has run too long or
holds too much (memory, processes, scratch), when the engine asks, or when the engine is gone.
Being a subreaper, it also inherits what the child forked away into sessions of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict
from typing import NoReturn

from evolve.bursts import child, process, scratch
from evolve.bursts.messages import End, Order
from evolve.bursts.slot import Ends, Slot
from evolve.bursts.weighing import Capped, Scales, drain, watch


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
            process.redirect(writable)
            child.run(order, slot, ends.answers, ends.source, me)
        finally:
            process.leave(1)
    os.close(writable)
    os.close(ends.source)
    ends.answers.close()
    output = Capped()
    scales = Scales(order, slot.box, slot.scratch, started)
    cause, code = watch(pid, ends.control, readable, output, scales)
    swept = process.end_descendants()
    clean = not process.children(me)
    scratch.empty(slot.scratch)
    drain(readable, output)
    with contextlib.suppress(OSError):  # a full disk loses the log, not the score
        os.write(ends.log, output.kept())
    return End(cause, code, time.monotonic() - started, scales.peak, swept, clean)


def reset_signals() -> None:
    """Undo what the zygote set, after a fork."""
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
