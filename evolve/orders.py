"""What a person orders of a search while it runs: a file each in the run folder, taken up in order.

A search holds the only pen to its population, so whoever steers it leaves an order in ``orders/``. The
search records it as an event, in one append with what it changes, and removes the file then: an order is
obeyed once, however often the search is killed. Without a search the order waits for the next one.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import getpass
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import msgspec

from evolve.budget import Limits
from evolve.settings import Settings
from population.disk import write_whole

FOLDER = "orders"
ORDERED = "order"
"""Kind of the event that an order leaves."""

CHILDREN = 20
"""Children that a direction, or a favour, is for where nobody says how many."""

LONGEST = 2000
"""Characters of what is told."""

_REFUSED = ".refused"  # what a file that holds no order is called from then on


class Kind(enum.StrEnum):
    """What can be ordered."""

    @property
    def of_the_moment(self) -> bool:
        """Say whether it is for the search that runs, and not for one that comes later."""
        return self in (Kind.PAUSE, Kind.CONTINUE, Kind.STOP)

    @property
    def lasts(self) -> bool:
        """Say whether it holds for a search that begins later; other budgets are among its settings then."""
        return not (self.of_the_moment or self is Kind.RAISE)

    STEER = "steer"  # tell models something with the next children
    INJECT = "inject"  # measure a program that somebody wrote
    BAN = "ban"  # no children of a variant, no title for it
    FAVOUR = "favour"  # let a variant have the next children
    PAUSE = "pause"  # begin nothing
    CONTINUE = "continue"
    STOP = "stop"  # as Ctrl-C
    RAISE = "raise"  # other budgets
    APPROVE = "approve"  # let a variant that has won be champion


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Args:
        kind: what is ordered.
        by: who ordered it.
        at: unix time, seconds.
        text: words for models, or the idea of a program.
        variant: whom it is about; the parent of a program.
        children: how many it is for.
        source: the program.
        budgets: new limits, by the names of settings.
        id: set when it is sent.
    """

    kind: Kind
    by: str
    at: float
    text: str = ""
    variant: str = ""
    children: int = 0
    source: str = ""
    budgets: Mapping[str, float] = field(default_factory=dict)
    id: str = ""

    def told(self) -> str:
        """Say in one sentence what is ordered."""
        who = self.by.partition(" <")[0]
        match self.kind:
            case Kind.STEER:
                return f"{who} to the next {self.children} children: {self.text}"
            case Kind.INJECT:
                return f"{who} puts in a program as a child of {self.variant}: {self.text}"
            case Kind.BAN:
                return f"{who} bans {self.variant}"
            case Kind.FAVOUR:
                return f"{who} wants the next {self.children} children of {self.variant}"
            case Kind.APPROVE:
                return f"{who} approves of {self.variant}"
            case Kind.RAISE:
                limits = ", ".join(f"{name} {value:g}" for name, value in self.budgets.items())
                return f"{who} sets the budgets: {limits}"
            case Kind.PAUSE:
                return f"{who} pauses the search"
            case Kind.CONTINUE:
                return f"{who} lets the search go on"
            case Kind.STOP:
                return f"{who} stops the search"


def order(kind: Kind, **more: object) -> Order:
    """Return an order of whoever runs this program, now."""
    return Order(kind, person(), round(time.time(), 3), **more)  # type: ignore[arg-type]


def send(folder: Path, wanted: Order) -> None:
    """Leave an order in a run folder, whole or not at all.

    Raises:
        OSError: the disk does not take it.
    """
    inbox = folder / FOLDER
    inbox.mkdir(exist_ok=True)
    name = f"{time.time_ns():020d}-{os.getpid()}"
    text = json.dumps({**asdict(wanted), "id": name})
    write_whole(inbox / f"{name}.json", text.encode())


def waiting(folder: Path) -> Iterator[tuple[Path, Order]]:
    """Yield the orders that were sent, the oldest first; a file that holds none is set aside."""
    for path in sorted((folder / FOLDER).glob("*.json")):
        try:
            yield path, _read(path)
        except (ValueError, RecursionError, OSError):
            with contextlib.suppress(OSError):
                path.rename(path.with_suffix(_REFUSED))


def _read(path: Path) -> Order:
    """Return the order that a file holds, whoever wrote it; its id is the name of the file.

    Raises:
        ValueError: it holds none, or one that makes no sense.
        OSError: it cannot be read.
    """
    sent = replace(msgspec.convert(json.loads(path.read_bytes()), Order), id=path.stem)
    if not sent.variant and sent.kind in (Kind.INJECT, Kind.BAN, Kind.FAVOUR, Kind.APPROVE):
        raise ValueError("it names no variant")
    if sent.children < 1 and sent.kind in (Kind.STEER, Kind.FAVOUR):
        raise ValueError("it is for no child")
    if len(sent.text) > LONGEST or not sent.budgets.keys() <= {one.name for one in fields(Limits)}:
        raise ValueError("its text is too long, or it names no budget")
    Settings(**sent.budgets)  # type: ignore[arg-type]
    return sent


@functools.cache
def person() -> str:
    """Return who runs this program: as git knows them, else by the name of their account."""
    found = []
    for key in ("user.name", "user.email"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            asked = ["git", "config", "--get", key]
            said = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout
            found.append(" ".join(said.split()))
    name, email = [*found, "", ""][:2]
    if name:
        return f"{name} <{email}>" if email else name
    try:
        return email or getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
