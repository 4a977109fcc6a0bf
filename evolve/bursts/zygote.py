"""The zygote of one slot: a process with torch already imported, forked once for each burst.

Rules it lives by: one thread, so that a fork is safe; never a CUDA call, so that its forks can make them (to
import torch._inductor is one); no key, no label, no validation byte in its memory. When the engine's end of
the control socket closes, it ends every burst, empties the scratch folder and goes. From L2 on it lives in
namespaces of its own, as their process 1: one slot runs one burst at a time, so that no two bursts ever share
them, and what a burst leaves is swept before the next.

Run as ``python -m evolve.bursts.zygote CONTROL_FD TRAIN_FILE SANDBOX_JSON``.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
import torch._dynamo

from evolve.bursts import process, sandbox, scratch, supervisor
from evolve.bursts.messages import Order
from evolve.bursts.sandbox import Sandbox
from evolve.bursts.slot import Ends, Slot

_LARGEST = 1 << 16


def main(arguments: list[str]) -> None:
    """Serve fork requests until the engine is gone."""
    control = socket.socket(fileno=int(arguments[0]))
    train_file, box = Path(arguments[1]), Sandbox(**json.loads(arguments[2]))
    process.set_dumpable(False)
    process.become_subreaper()
    torch.set_num_threads(1)
    data = torch.from_numpy(np.memmap(train_file, dtype=np.uint8, mode="c"))
    slot = Slot(data, box, sandbox.rules(box), scratch.opened(Path(box.scratch)))
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(wake)
    try:
        with contextlib.suppress(ConnectionError):  # the engine is gone: nothing will be served
            control.send(json.dumps({"ready": os.getpid()}).encode())
            _serve(control, woken, slot)
    finally:
        process.end_descendants()
    scratch.empty(slot.scratch)
    for folder in (Path(box.scratch), Path(box.scratch).parent):
        with contextlib.suppress(OSError):  # another slot's is still in it
            folder.rmdir()


def _serve(control: socket.socket, woken: int, slot: Slot) -> None:
    """Fork a supervisor for each request; reap those that ended, and what they left behind."""
    supervisors: set[int] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 4096)
                _reap(supervisors)
            if control.fileno() in ready:
                message, descriptors, _, _ = socket.recv_fds(control, _LARGEST, len(fields(Ends)))
                if not message:
                    return
                order = Order(**json.loads(message))
                _await_end(supervisors)
                try:
                    supervisors.add(_fork(order, descriptors, control, slot))
                except OSError as error:  # no process to be had; the engine sees its streams close
                    print(f"burst {order.burst}: {error}", file=sys.stderr, flush=True)
                finally:
                    for number in descriptors:
                        os.close(number)


def _fork(order: Order, descriptors: list[int], control: socket.socket, slot: Slot) -> int:
    """Fork the supervisor of one burst and return its process id."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            supervisor.reset_signals()
            control.close()
            supervisor.run(order, slot, Ends.of(descriptors))
        finally:
            process.leave(1)
    return pid


def _await_end(supervisors: set[int], patience: float = 10.0) -> None:
    """Wait until the last burst is over: the engine may have let go of it before it was swept."""
    give_up = time.monotonic() + patience
    while supervisors and time.monotonic() < give_up:
        _reap(supervisors)
        time.sleep(0.001)
    for pid in supervisors:
        for one in (pid, *process.descendants(pid)):
            process.kill(one)


def _reap(supervisors: set[int]) -> None:
    """Reap the children that ended; kill a supervisor that was stopped, and what has lost its supervisor.

    Nobody but a variant stops a supervisor, and a stopped one watches over nothing.
    """
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                break
            if os.WIFSTOPPED(status):
                process.kill(pid)
            else:
                supervisors.discard(pid)
    except ChildProcessError:
        return
    for pid in process.children(os.getpid()):
        if pid not in supervisors:
            for one in (pid, *process.descendants(pid)):
                process.kill(one)


if __name__ == "__main__":
    main(sys.argv[1:])
