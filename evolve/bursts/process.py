"""Linux process facts that bursts rest on: who descends from whom, and ending all of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITIES_V3 = 0x20080522
_TICK = os.sysconf("SC_CLK_TCK")


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends; end at once if ``parent`` is gone already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def set_dumpable(allowed: bool) -> None:
    """Allow or forbid other processes of this user to read this one's memory and environment."""
    _prctl(_PR_SET_DUMPABLE, int(allowed))


def become_subreaper() -> None:
    """Adopt every orphan among this process's descendants, so that none escapes by forking twice."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def drop_privileges() -> None:
    """Give up every capability, for good: root is then a user like any other, who owns root's files."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    header, none = struct.pack("<Ii", _CAPABILITIES_V3, 0), bytes(24)  # effective, permitted, inheritable
    if _LIBC.capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


def children(pid: int) -> list[int]:
    """Return the direct children of ``pid`` (empty when it is gone)."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.scandir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, Path(task.path, "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """Return everything that descends from ``pid``, parents before children, without ``pid``."""
    found: list[int] = []
    queue = children(pid)
    while queue:
        one = queue.pop()
        found.append(one)
        queue += children(one)
    return found


def resident_bytes(pids: list[int]) -> int:
    """Return the resident memory of these processes together, bytes; those gone count nothing.

    Pages of mapped files (libraries, the train split) are left out: the kernel takes them back at will.
    What processes share since a fork counts for each of them.
    """
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
                if line.startswith((b"RssAnon:", b"RssShmem:")):
                    total += int(line.split()[1]) * 1024
    return total


def cpu_seconds(pids: list[int]) -> float:
    """Return the CPU time of these processes and of the children that they reaped, seconds."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime (proc(5))
    return ticks / _TICK


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal; a process already gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def redirect(output: int) -> None:
    """Give this process an empty input, and one descriptor as both outputs."""
    null = os.open(os.devnull, os.O_RDONLY)
    for number, source in enumerate((null, output, output)):
        os.dup2(source, number)


def limit(most: Mapping[int, int]) -> None:
    """Limit this process and what it starts, for good, by ``resource``'s numbers; no limit is raised."""
    for kind, value in most.items():
        _, hard = resource.getrlimit(kind)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


def go_first() -> None:
    """Have the kernel end this process before others when it is out of memory."""
    Path("/proc/self/oom_score_adj").write_text("1000")


def leave(code: int) -> NoReturn:
    """End this forked process here and now, so that nothing further up its parent's stack runs in it.

    For a ``finally``: an exception on its way up is printed.
    """
    try:
        if sys.exception() is not None:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def end_descendants(patience: float = 5.0) -> int:
    """End and reap everything that descends from this process; return how many had to be killed.

    The caller must be a subreaper: then a process without children has no descendants left at all.
    Descendants are frozen before they are killed, so that a fork bomb cannot outrun the sweep.

    Args:
        patience: seconds after which to give up (processes in uninterruptible sleep).
    """
    me = os.getpid()
    ended: set[int] = set()
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return len(ended)
        living = descendants(me)
        for pid in living:
            kill(pid, signal.SIGSTOP)
        for pid in living:
            kill(pid)
        ended.update(living)
        time.sleep(0.001)
    return len(ended)
