"""Several questions asked of one table, and what that does to their p-values (pure)."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number, in the order given.

    With a bound on the corrected ones, the chance that any true null hypothesis is rejected stays under that
    bound, however the tests depend on each other (Holm 1979, A Simple Sequentially Rejective Multiple
    Test Procedure, Scandinavian Journal of Statistics 6).
    """
    corrected = [0.0] * len(p_values)
    worst = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = worst
    return corrected
