"""Cgroup v2: a slot's memory and number of processes, limited by the kernel for all of them together.

A group is made beside the engine's own, where the controllers are at work already and the folder may be
written: as root on a plain machine, or by ``systemd-run --user --scope -p Delegate=yes``.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_NEEDED = {"memory", "pids"}


@dataclass(frozen=True, slots=True)
class Group:
    """A group, and what it is limited to."""

    folder: Path

    @classmethod
    def create(cls, parent: Path, name: str, memory: int, processes: int) -> Group:
        """Make a group with limits: bytes of memory without swap, and a number of processes.

        Raises:
            OSError: it cannot be made.
        """
        folder = parent / name
        folder.mkdir(exist_ok=True)
        (folder / "memory.max").write_text(str(memory))
        (folder / "pids.max").write_text(str(processes))
        with contextlib.suppress(OSError):  # a kernel without swap accounting
            (folder / "memory.swap.max").write_text("0")
        return cls(folder)

    def prefix(self) -> list[str]:
        """Return what to put before a command to start it in the group."""
        return ["/bin/sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec "$@"', str(self.folder)]

    def kills(self) -> int:
        """Return how many processes were ended for want of memory so far."""
        try:
            rows = dict(line.split() for line in (self.folder / "memory.events").read_text().splitlines())
            return int(rows.get("oom_kill", 0))
        except (OSError, ValueError):
            return 0

    def remove(self) -> None:
        """Remove the group, once nothing runs in it."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def parent(root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")) -> Path | None:
    """Return the folder that groups can be made in, None when there is none.

    Args:
        root: where cgroup v2 is mounted.
        own: file that names this process's own group.
    """
    try:
        (line,) = (line for line in own.read_text().splitlines() if line.startswith("0::"))
    except (OSError, ValueError):
        return None
    mine = root / line[3:].lstrip("/")
    for folder in (mine.parent, mine):
        if folder != root.parent and _serves(folder):
            return folder
    return None


def _serves(folder: Path) -> bool:
    """Say whether groups made here are limited, and can be made."""
    try:
        at_work = set((folder / "cgroup.subtree_control").read_text().split())
    except OSError:
        return False
    return at_work >= _NEEDED and os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
