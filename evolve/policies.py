"""The search policies: ours, and the baselines that it has to beat on the same budget.

Baselines differ in who has a child and how it is made, and in nothing else: the bursts, the race for the
champion, the records and the reports are the same. Simple baselines compete well at equal budgets
(arXiv 2602.16805; sequential best-of-N in arXiv 2607.18235), so whether evolution pays on a task is to be
measured there.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any


class Name(enum.StrEnum):
    """What a policy is called."""

    EVOLVE = "evolve"  # lineages, bandits, tuning, memory
    GREEDY = "greedy"  # each child is made from the best scored variant: keep if better
    BEST_OF_N = "best-of-n"  # rounds of children of one parent; the best of all has the next round
    RANDOM = "random"  # each child is made from the seed, independently of the others
    NUMBERS_ONLY = "numbers-only"  # Optuna alone, on the seed's numbers


ROUND = 8
"""Children of a round of ``BEST_OF_N``."""

_PLAIN: Mapping[str, Any] = {
    "islands": 1,
    "patience": 0,
    "stagnation": 0,
    "trials": 0,
    "proposals": 0.0,
    "pooled": False,
    "control": 0.0,
    "rung": 0.0,
    "early_stop": 0.0,
    "remember": False,
    "lessons_every": 0,
}
"""What no baseline has, as settings."""


FOREIGN: Mapping[str, Any] = {
    "trials": 0,
    "proposals": 0.0,
    "pooled": False,
    "control": 0.0,
    "merge": 0.0,
    "hunks": False,
}
"""What cannot be had of a program that is not in Python, as settings: it is taken for mere text."""


def changed(policy: Name) -> Mapping[str, Any]:
    """Return the settings that a policy changes, whatever they were."""
    if policy is Name.EVOLVE:
        return {}
    return {**_PLAIN, "trials": 10} if policy is Name.NUMBERS_ONLY else _PLAIN
