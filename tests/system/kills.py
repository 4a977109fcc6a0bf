"""Who is killed, and when: drawn from a seed, so that a schedule can be tried again."""

from __future__ import annotations

import contextlib
import enum
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from numpy.random import Generator

_ZYGOTE = "evolve.bursts.zygote"


class Role(enum.StrEnum):
    """A process that a search cannot do without, or seems so."""

    ENGINE = "engine"
    ZYGOTE = "zygote"
    SCORER = "scorer"
    BURST = "burst"  # the variant's process, or the one that watches over it
    LLM = "llm"  # the server of the embedded model


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill an engine: so many seconds after so many lines of its, and answers that it got."""

    lines: int = 0
    answers: int = 0
    seconds: float = 0.0


def moments(rng: Generator) -> Iterator[Moment]:
    """Draw moments without end: while it starts, after something that it told, after an LLM's answer.

    What follows within a millisecond is the next commit, within a tenth of a second the next burst.
    """
    while True:
        soon = float(10 ** rng.uniform(-3.5, -0.3))
        match int(rng.integers(3)):
            case 0:
                yield Moment(seconds=float(rng.uniform(0.2, 6.0)))
            case 1:
                yield Moment(lines=int(rng.integers(2, 16)), seconds=soon)
            case _:
                yield Moment(answers=int(rng.integers(1, 6)), seconds=soon)


def pauses(rng: Generator) -> Iterator[float]:
    """Draw the seconds between two kills without end: one in four so short that what starts again is hit."""
    while True:
        yield float(rng.uniform(0.0, 0.3) if rng.random() < 0.25 else rng.uniform(0.3, 2.0))


def victims(engine: psutil.Process, role: Role) -> list[psutil.Process]:
    """Return the processes that play a role in a search now, those that are only starting included."""
    match role:
        case Role.ENGINE:
            return [engine]
        case Role.ZYGOTE:
            return list({*_running(engine, _ZYGOTE), *_zygotes(engine)})
        case Role.SCORER:
            return _running(engine, "evolve.bursts.scorer")
        case Role.BURST:
            return [one for zygote in _zygotes(engine) for one in _children(zygote, recursive=True)]
        case Role.LLM:
            return _running(engine, "operators.local")


def kill(process: psutil.Process) -> bool:
    """Kill a process; False when it has ended before."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
        return True
    return False


def strays(folder: Path, engine: int) -> list[psutil.Process]:
    """Return the processes of a run, other than this one: what names its folder, or its engine as parent."""
    return [
        one for one in psutil.process_iter() if one.pid != os.getpid() and _of(words(one), folder, engine)
    ]


def _of(line: list[str], folder: Path, engine: int) -> bool:
    named = any(str(folder) in word for word in line)
    return named or ("--parent", str(engine)) in itertools.pairwise(line)


def words(process: psutil.Process) -> list[str]:
    """Return the command line of a process, empty when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return list(process.cmdline())
    return []


def _running(engine: psutil.Process, module: str) -> list[psutil.Process]:
    """Return what the engine has started to run a module of ours."""
    return [one for one in _children(engine) if module in words(one)]


def _zygotes(engine: psutil.Process) -> list[psutil.Process]:
    """Return the zygotes: where bubblewrap is what the engine has started, what bubblewrap has started."""
    started = _running(engine, _ZYGOTE)
    return [
        zygote
        for one in started
        for zygote in (_children(one) if "--die-with-parent" in words(one) else [one])
    ]


def _children(process: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return list(process.children(recursive))
    return []
