"""A search of a peer, from here: its interpreter, the scripted model, its search, its trajectory."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import certifi

from benchmarks.peers import ended
from benchmarks.peers.dialogue import Oracle
from benchmarks.peers.evaluator import LANDSCAPE, LOG, Outcome, outcomes, source_of
from benchmarks.peers.landscapes import Landscape
from benchmarks.peers.reading import Broken
from benchmarks.peers.real import Real
from benchmarks.peers.server import ScriptedServer
from benchmarks.peers.trajectory import Point, Trajectory

ROOT = Path(__file__).parents[2]
WHERE = Path(os.environ.get("PEERS_HOME", ROOT / ".peers"))
PINNED = {
    "openevolve": ("openevolve==0.4.0",),
    "shinka": ("shinka-evolve==0.0.7",),
    "llamea": ("llamea-lite==1.4.2", "openai==1.109.1", "lizard==1.24.3", "networkx==3.6.1", "pymoo==0.6.2"),
}
TUNED: Mapping[str, Mapping[str, Any]] = {
    "openevolve": {
        "database.num_islands": 2,
        "database.population_size": 40,
        "database.archive_size": 5,
        "database.exploration_ratio": 0.1,
        "database.exploitation_ratio": 0.9,
        "database.migration_interval": 10,
    },
    "shinka": {"num_islands": 1, "archive_size": 10},
    "llamea": {"n_parents": 4, "n_offspring": 4},
}
"""What fits 200 evaluations on landscape 1 best of all that ``sweep`` tried, on instances no report uses."""

NEVER = "litellm!=1.82.7,!=1.82.8,!=1.107.0\ntorch==2.13.0\n"
"""Compromised releases, and the build of torch that is no gigabytes."""
_MEMORY = Path("/dev/shm")


def interpreter(peer: str) -> Path:
    """Return a peer's own interpreter; its environment is made when there is none."""
    home = WHERE / peer
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        (home / "constraints.txt").write_text(NEVER)
        command = [str(python), "-m", "pip", "install", "-q", "-c", str(home / "constraints.txt")]
        subprocess.run([*command, *PINNED[peer]], check=True)
        (home / "ready").touch()
    return python


def run_peer(
    peer: str,
    landscape: Landscape | Real,
    evaluations: int,
    seed: int,
    changes: Mapping[str, Any] | None = None,
    slots: int = 2,
    name: str = "",
    timeout: float = 600.0,
) -> tuple[Trajectory, ended.Ended]:
    """Search a landscape with a peer.

    Args:
        peer: one of ``PINNED``; the adapter is the module of that name.
        landscape: what to search.
        evaluations: to be made.
        seed: of the search and of the model.
        changes: settings that differ from the peer's defaults.
        slots: evaluations at once.
        name: that the trajectory is given; the peer's when empty.
        timeout: seconds for the whole search.

    Raises:
        subprocess.CalledProcessError, subprocess.TimeoutExpired: it did not come to an end.
    """
    python = interpreter(peer)
    where = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=where, prefix="peer-") as given,
        ScriptedServer(Oracle(seed)) as server,
    ):
        folder = Path(given)
        log = folder / "log.jsonl"
        task = ended.Task(
            str(folder),
            landscape.seed_source,
            server.api_base,
            evaluations,
            seed,
            slots,
            changes or {},
            str(log),
        )
        ended.write(folder / "task.json", task)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "OPENAI_API_KEY": "none",
            "SSL_CERT_FILE": str(_one_certificate(folder)),
            LANDSCAPE: f"{landscape.name}:{landscape.instance}",
            LOG: str(log),
        }
        command = [str(python), "-m", f"benchmarks.peers.{peer}", str(folder / "task.json")]
        started = time.monotonic()
        said = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout
        )
        seconds = time.monotonic() - started
        if said.returncode:
            sys.stderr.write(said.stdout[-2000:] + said.stderr[-4000:])
            said.check_returncode()
        told = ended.read_ended(folder / "ended.json")
        points = _points(outcomes(log)[:evaluations], told.best, server.oracle.calls, _truths(landscape, log))
    truth = landscape.truth(landscape.seed_source)
    assert not isinstance(truth, Broken)
    trajectory = Trajectory(
        name or peer, landscape.name, landscape.instance, seed, truth, landscape.target, points, seconds
    )
    return trajectory, told


def _one_certificate(folder: Path) -> Path:
    """Write a short bundle of certificates: nothing goes over TLS, and one peer reads all for each call."""
    end = "-----END CERTIFICATE-----\n"
    path = folder / "certificates.pem"
    path.write_text(Path(certifi.where()).read_text().partition(end)[0] + end)
    return path


def _truths(landscape: Landscape | Real, log: Path) -> Callable[[Outcome], float]:
    """Return what finds out the true score of a program that was evaluated; infinite for one that fails."""

    @functools.cache
    def measured(digest: str) -> float:
        truth = landscape.truth(source_of(log, digest))
        return float("inf") if isinstance(truth, Broken) else truth

    return lambda one: measured(one.digest) if one.truth is None else one.truth


def _points(
    seen: Sequence[Outcome], best: Sequence[int], calls: int, truth: Callable[[Outcome], float]
) -> tuple[Point, ...]:
    """Say how a peer stood after each evaluation; calls are spread evenly over them."""
    return tuple(
        Point(
            truth(one := seen[number - 1]),
            float("nan") if one.score is None else one.score,
            round(calls * place / len(seen)),
        )
        for place, number in enumerate(best, start=1)
    )
