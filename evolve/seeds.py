"""Which seed a burst gets: the same for all variants, so that they are compared under common seeds."""

from __future__ import annotations

import numpy as np

SCREEN = 0
"""Number of the seed of first bursts and trials: what variants are chosen by."""

CONFIRM = 1
"""Number of the seed under which the best trial is measured once more."""

FRESH = 2
"""First of the numbers that decide who is champion; nothing is chosen by them beforehand."""

VERIFY = 1_000_000
"""First of the numbers for verifying a champion on the test split."""

ABLATION = 2_000_000
"""First of the numbers for taking a champion's change apart."""

RUNG = 3_000_000
"""Number of the seed of short bursts."""


class Seeds:
    """The seeds of a run's bursts by number; a variant cannot tell from its seed what the burst is for.

    Args:
        run_seed: the run's own seed.
    """

    def __init__(self, run_seed: int) -> None:
        self._run_seed = run_seed

    def __call__(self, number: int) -> int:
        """Return the seed with this number, 0 to 2**32 - 1."""
        return int(np.random.SeedSequence([self._run_seed, number]).generate_state(1)[0])
