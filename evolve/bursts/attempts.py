"""Tries, confined as a burst is, what a level forbids; and what a burst needs.

Run as ``python -m evolve.bursts.attempts SANDBOX_JSON BAIT``; BAIT is a file that must be out of reach.
Prints JSON: ``possible``, what the level forbids and was possible here, and ``broken``, what a burst needs
and was not.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from evolve.bursts import landlock, sandbox
from evolve.bursts.sandbox import Level, Sandbox

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWUSER = 0x10000000
_PTRACE_SEIZE = 0x4206
GROUP_MEMORY, GROUP_PROCESSES = 96 << 20, 24
"""Limits of the group that L3 is tried in."""


def main(arguments: list[str]) -> None:
    """Confine this process and say what it still can do."""
    box, bait = Sandbox(**json.loads(arguments[0])), Path(arguments[1])
    possible: list[str] = []
    if box.level >= Level.L2:
        possible += _done(_APART, bait)
    sandbox.confine(box, sandbox.rules(box))
    if box.level >= Level.L1:
        possible += _done(_CONFINED, bait)
    if box.level >= Level.L3:
        possible += _done(_LIMITED, bait)
    needed = _NEEDED
    if box.cuda and box.level < Level.L3:  # the small group of L3 has no room for it, and hides no more
        needed = needed | _NEEDED_ON_A_GPU
    needs = _done(needed, Path(box.scratch))
    print(json.dumps({"possible": possible, "broken": [name for name in needed if name not in needs]}))


def _done(attempts: dict[str, Callable[[Path], bool]], path: Path) -> list[str]:
    """Return the names of the attempts that came off."""
    came_off = []
    for name, attempt in attempts.items():
        try:
            if attempt(path):
                came_off.append(name)
        except OSError:
            continue
    return came_off


def _appends(path: Path) -> bool:
    with path.open("a"):
        return True


def _opens(family: int, kind: int) -> bool:
    with socket.socket(family, kind):
        return True


def _signals(_: Path) -> bool:
    """Reach the process above; a process 1 has none."""
    if landlock.abi() < landlock.SCOPE_ABI or os.getppid() == 0:
        return False
    os.kill(os.getppid(), 0)
    return True


def _sees_processes(_: Path) -> bool:
    return any(path.name.isdigit() and int(path.name) != os.getpid() for path in Path("/proc").iterdir())


def _sees_network(_: Path) -> bool:
    return [name for _, name in socket.if_nameindex()] != ["lo"]


def _works(scratch: Path) -> bool:
    file = scratch / "probe"
    file.write_bytes(b"x" * 8192)
    file.unlink()
    return True


def _starts_thread(_: Path) -> bool:
    started = threading.Event()
    thread = threading.Thread(target=started.set)
    thread.start()
    thread.join()
    return started.is_set()


def _forks(_: Path) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _draws(_: Path) -> bool:
    with Path("/dev/urandom").open("rb", buffering=0) as file:
        return len(file.read(8)) == 8


def _loads_torch(_: Path) -> bool:
    """Load the least of torch's own libraries: it needs the same of the system's as all of them."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return True  # whoever misses it says so
    (library,) = Path(found.submodule_search_locations[0], "lib").glob("libc10.so")
    ctypes.CDLL(str(library))
    return True


def _starts_cuda(_: Path) -> bool:
    """Have the driver start and find a GPU."""
    driver = ctypes.CDLL("libcuda.so.1")
    found = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(found)) == 0 and found.value > 0


def _multiplies(_: Path) -> bool:
    """Have more processes than the group may."""
    started: list[int] = []
    try:
        for _number in range(2 * GROUP_PROCESSES):
            if (pid := os.fork()) == 0:
                signal.pause()
            started.append(pid)
    finally:
        for pid in started:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return True


def _grows(_: Path) -> bool:
    """Have more memory than the group may, in a process that is missed by nobody."""
    pid = os.fork()
    if pid == 0:
        held = bytearray(2 * GROUP_MEMORY)
        held[::4096] = bytes(len(held[::4096]))
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


_APART: dict[str, Callable[[Path], bool]] = {
    "see a file outside": Path.exists,
    "write beside scratch": lambda _: _appends(Path("/probe")),
    "see other processes": _sees_processes,
    "see a network": _sees_network,
}
_CONFINED: dict[str, Callable[[Path], bool]] = {
    "read a file outside": lambda bait: bool(bait.read_bytes()),
    "write a file outside": _appends,
    "make a file outside": lambda bait: _appends(bait.with_name("made")),
    "open a TCP socket": lambda _: _opens(socket.AF_INET, socket.SOCK_STREAM),
    "open a UDP socket": lambda _: _opens(socket.AF_INET, socket.SOCK_DGRAM),
    "open a netlink socket": lambda _: _opens(socket.AF_NETLINK, socket.SOCK_RAW),
    "open a unix datagram socket": lambda _: _opens(socket.AF_UNIX, socket.SOCK_DGRAM),
    "trace another process": lambda _: _LIBC.ptrace(_PTRACE_SEIZE, os.getppid() or 1, 0, 0) == 0,
    "make a namespace": lambda _: _LIBC.unshare(_CLONE_NEWUSER) == 0,
    "signal the process above": _signals,
}
_LIMITED: dict[str, Callable[[Path], bool]] = {
    "start more processes than allowed": _multiplies,
    "take more memory than allowed": _grows,
}
_NEEDED: dict[str, Callable[[Path], bool]] = {
    "write to scratch": _works,
    "start a thread": _starts_thread,
    "fork": _forks,
    "read randomness": _draws,
    "load torch's libraries": _loads_torch,
}
_NEEDED_ON_A_GPU: dict[str, Callable[[Path], bool]] = {"start CUDA": _starts_cuda}


if __name__ == "__main__":
    main(sys.argv[1:])
