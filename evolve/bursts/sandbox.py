"""How a burst is confined, in layers; each level holds those below it.

L0  always: environment, descriptors and capabilities given up, limits, a deadline, a broom
L1  Landlock and seccomp: only interpreter and libraries readable, only scratch writable, no network
L2  bubblewrap: the zygote of a slot lives in namespaces of its own; the rest of the disk is not there
L3  cgroup v2: memory and number of processes limited by the kernel

``docs/security.md`` says which level stops what; ``probing`` finds out which one a machine attains.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.bursts import landlock, places, process, seccomp
from evolve.bursts.landlock import Rule

SCRATCH = "/scratch"
"""Where a burst works from L2 on: a file system in memory, of limited size."""


class Level(enum.IntEnum):
    """How much stands between a variant and the machine."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3


@dataclass(frozen=True, slots=True)
class Confinement:
    """What this machine confines bursts by.

    Args:
        level: the level attained.
        bwrap: path of bubblewrap, from L2 on.
        groups: the cgroup that slots' cgroups are made in, from L3 on.
        missing: why it is not the next level, one sentence; empty at the highest.
    """

    level: Level
    bwrap: str = ""
    groups: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How the bursts of one slot are confined; travels to the zygote as JSON.

    Args:
        level: 0 to 3, see ``Level``.
        scratch: the folder that bursts work in, one after the other; emptied between them.
        scratch_bytes: what it may hold.
        readable: files and folders that may be read.
        devices: nodes that may be read and written.
        hidden: files and folders among the readable ones that may not be read.
        cuda: whether bursts run on a GPU.
    """

    level: int
    scratch: str
    scratch_bytes: int
    readable: Sequence[str]
    devices: Sequence[str]
    hidden: Sequence[str]
    cuda: bool

    @property
    def mounted(self) -> bool:
        """Say whether scratch is a file system of its own."""
        return self.level >= Level.L2


def furnish(level: Level, folder: Path, size: int, hidden: Iterable[Path], cuda: bool) -> Sandbox:
    """Say how bursts are confined on this machine at a level.

    Args:
        level: the level, which must have been attained here.
        folder: where bursts work below L2.
        size: bytes that it may hold.
        hidden: what bursts must not read, wherever it lies.
        cuda: whether bursts run on a GPU.
    """
    return Sandbox(
        level=int(level),
        scratch=SCRATCH if level >= Level.L2 else str(folder.resolve()),
        scratch_bytes=size,
        readable=places.readable(cuda),
        devices=places.devices(cuda),
        hidden=[*map(str, hidden), *places.foreign()],
        cuda=cuda,
    )


def rules(box: Sandbox) -> list[Rule]:
    """Return what Landlock is to allow; empty where it has no part."""
    if box.level < Level.L1:
        return []
    found = landlock.reading(box.readable, box.hidden)
    found += [Rule(path, landlock.USE) for path in box.devices]
    found += [Rule(box.scratch, landlock.OWN), Rule("/proc/self", landlock.READ)]
    if box.cuda:
        # cuInit names its threads there
        found.append(Rule("/proc/self/task", landlock.WRITE_FILE | landlock.TRUNCATE))
    return found


def confine(box: Sandbox, allowed: Iterable[Rule]) -> None:
    """Confine this process, single-threaded as yet, and all that it will start, for good.

    Raises:
        OSError: the kernel refuses.
    """
    process.drop_privileges()
    if box.level >= Level.L1:
        landlock.restrict(allowed, landlock.abi())
        seccomp.install(seccomp.program(box.cuda))
