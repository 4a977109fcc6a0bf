"""What a process of a slot is started by: bubblewrap, in a cgroup of its own, or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from evolve.bursts import bubblewrap
from evolve.bursts.cgroup import Group
from evolve.bursts.sandbox import Confinement, Level, Sandbox


def prefix(
    confinement: Confinement,
    box: Sandbox,
    slot: int,
    memory: int,
    processes: int,
    also: Iterable[str] = (),
    beside: Mapping[str, str] | None = None,
) -> tuple[list[str], Group | None]:
    """Return what to put before a command, and the group that it is started in; None below L3.

    Args:
        confinement: what this machine confines bursts by.
        box: how the slot's bursts are confined.
        slot: number of the slot.
        memory: bytes that the group may hold, from L3 on.
        processes: that it may have.
        also: further files to bind, from L2 on (see ``bubblewrap.prefix``).
        beside: what is to be found in scratch, from L2 on.
    """
    words: list[str] = []
    group = None
    if confinement.level >= Level.L3:
        name = f"evolve-{os.getpid()}-{slot}"
        group = Group.create(Path(confinement.groups), name, memory, processes)
        words += group.prefix()
    if confinement.level >= Level.L2:
        words += bubblewrap.prefix(confinement.bwrap, box, also, beside)
    return words, group
