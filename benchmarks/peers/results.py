"""Finished searches on the disk, one JSON file each, so that a comparison can be cut off and go on."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers.trajectory import Point, Trajectory

FOLDER = Path(__file__).with_name("results")
_RULES = (
    *("bursts", "catalogue", "dialogue", "evaluator", "hunks", "landscapes", "program", "reading", "real"),
    *("seed", "server", "sites"),
)


@functools.cache
def rules() -> str:
    """Return a hash of what the searches are searches of: results under other rules are not read."""
    texts = (Path(__file__).with_name(f"{name}.py").read_bytes() for name in _RULES)
    return hashlib.sha256(b"".join(texts)).hexdigest()[:12]


def path_of(folder: Path, landscape: str, system: str, seed: int, evaluations: int) -> Path:
    """Return where a search's result is kept."""
    return folder / rules() / landscape / system / f"{seed}-{evaluations}.json"


def keep(path: Path, found: Trajectory) -> None:
    """Write a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(found)))
    draft.replace(path)


def load(path: Path) -> Trajectory:
    """Read a result."""
    known = json.loads(path.read_text())
    return Trajectory(**{**known, "points": tuple(Point(**point) for point in known["points"])})


def kept(folder: Path, landscape: str, system: str, evaluations: int) -> Iterator[Trajectory]:
    """Yield the results that there are, by seed."""
    place = path_of(folder, landscape, system, 0, evaluations).parent
    paths = place.glob(f"*-{evaluations}.json")
    yield from (load(path) for path in sorted(paths, key=lambda path: int(path.name.partition("-")[0])))
