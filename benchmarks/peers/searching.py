"""One search of a comparison, in a process of a pool."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import results
from benchmarks.peers.evaluator import REAL, SERVICE
from benchmarks.peers.landscapes import landscape
from benchmarks.peers.real import Real
from benchmarks.peers.systems import systems


@dataclass(frozen=True)
class Work:
    """One search to make."""

    landscape: str
    system: str
    seed: int
    evaluations: int
    folder: Path


def perform(work: Work) -> str:
    """Make a search and keep its result; return what there is to say of it."""
    started = time.monotonic()
    real = work.landscape == REAL
    where = Real(work.seed, os.environ[SERVICE]) if real else landscape(work.landscape, work.seed)
    found = systems()[work.system](where, work.evaluations, work.seed)
    results.keep(path_of(work), found)
    reached = found.reached()
    said = f"{work.landscape} {work.system} {work.seed}: {found.points[-1].truth:.4f}, target at {reached:g}"
    return f"{said}, {time.monotonic() - started:.0f} s"


def path_of(work: Work) -> Path:
    """Return where the result of a search is kept."""
    return results.path_of(work.folder, work.landscape, work.system, work.seed, work.evaluations)
