"""The systems that are compared, by name: ours under each of its policies, and the peers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.peers import driving
from benchmarks.peers.landscapes import Landscape
from benchmarks.peers.ours import run_ours
from benchmarks.peers.real import Real
from benchmarks.peers.trajectory import Trajectory
from evolve.policies import Name
from evolve.settings import Settings

SLOTS = 2
"""Evaluations at once, for every system."""

Run = Callable[[Landscape | Real, int, int], Trajectory]
"""Searches a landscape with so many evaluations under a seed."""


def systems() -> dict[str, Run]:
    """Return all systems."""
    ours = {name.value: partial(_ours, name) for name in Name}
    return {**ours, **{peer: partial(_peer, peer) for peer in driving.PINNED}}


def _ours(policy: Name, landscape: Landscape | Real, evaluations: int, seed: int) -> Trajectory:
    return run_ours(landscape, Settings(policy=policy, slots=SLOTS), evaluations, seed)


def _peer(peer: str, landscape: Landscape | Real, evaluations: int, seed: int) -> Trajectory:
    trajectory, told = driving.run_peer(peer, landscape, evaluations, seed, slots=SLOTS)
    if not told.agrees:
        raise RuntimeError(f"{peer} calls something its best that the log of its evaluations does not")
    return trajectory
