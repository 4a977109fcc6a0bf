"""The systems that are compared, by name: ours under each policy and without each part, and the peers.

A peer stands here twice: at its defaults, and (``NAME-tuned``) at the settings that ``sweep`` found for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.peers import driving
from benchmarks.peers.landscapes import Landscape
from benchmarks.peers.ours import run_ours
from benchmarks.peers.real import Real
from benchmarks.peers.trajectory import Trajectory
from evolve.policies import Name
from evolve.settings import Settings

SLOTS = 2
"""Evaluations at once, for every system."""

ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "without lineages": {"islands": 1, "patience": 0},  # A
    "without tournaments": {"selection": "epsilon"},  # A
    "without adaptive arms": {"adaptive": False},  # B
    "without memory": {"remember": False, "lessons_every": 0},  # C
    "without stagnation": {"stagnation": 0},  # D
    "with rungs": {"rung": 0.25, "early_stop": 3.0},  # E is off by default
    "without tuning": {"trials": 0},  # F
    "without crossing": {"merge": 0.0, "hunks": False},  # G
    "each idea by itself": {"together": 1},
    "without a shelf": {"proposals": 0.0},
    "without a surrogate": {"pooled": False},
}
"""Settings that take one part out."""

Run = Callable[[Landscape | Real, int, int], Trajectory]
"""Searches a landscape with so many evaluations under a seed."""


def systems() -> dict[str, Run]:
    """Return all systems."""
    ours = {name.value: partial(_ours, name.value, {"policy": name}) for name in Name}
    ablated = {name: partial(_ours, name, changes) for name, changes in ABLATIONS.items()}
    peers = {peer: partial(_peer, peer, peer, {}) for peer in driving.PINNED}
    tuned = {f"{peer}-tuned": partial(_peer, f"{peer}-tuned", peer, driving.TUNED[peer]) for peer in peers}
    return {**ours, **peers, **tuned, **ablated}


def compared() -> list[str]:
    """Return the names of the systems that a comparison with the peers has."""
    return [name for name in systems() if name not in ABLATIONS]


def _ours(
    name: str, changes: Mapping[str, Any], landscape: Landscape | Real, evaluations: int, seed: int
) -> Trajectory:
    settings = Settings.model_validate({**changes, "slots": SLOTS})
    return run_ours(landscape, settings, evaluations, seed, name)


def _peer(
    name: str,
    peer: str,
    changes: Mapping[str, Any],
    landscape: Landscape | Real,
    evaluations: int,
    seed: int,
) -> Trajectory:
    trajectory, told = driving.run_peer(peer, landscape, evaluations, seed, changes, slots=SLOTS, name=name)
    if not told.agrees:
        raise RuntimeError(f"{peer} calls something its best that the log of its evaluations does not")
    return trajectory
