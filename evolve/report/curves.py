"""Learning curves drawn in block characters (pure)."""

from __future__ import annotations

from collections.abc import Sequence

Curve = Sequence[tuple[float, float]]
"""``(progress, loss)`` pairs as a variant reported them; nothing about them is certain."""

_BLOCKS = " ▁▂▃▄▅▆▇█"
_LARGEST = 1e300  # a loss beyond says no more than that, and sums of such overflow


def finite(curve: Curve) -> list[tuple[float, float]]:
    """Return the points that can be drawn, in order of progress."""
    return sorted((p, loss) for p, loss in curve if abs(loss) <= _LARGEST and 0.0 <= p <= 1.0)


def columns(curve: Curve, width: int) -> list[float]:
    """Return one loss for each of at most ``width`` columns: the mean in it, or the one before it."""
    points = finite(curve)
    if not points:
        return []
    buckets: list[list[float]] = [[] for _ in range(width)]
    for progress, loss in points:
        buckets[min(width - 1, int(progress * width))].append(loss)
    heights: list[float] = []
    last = points[0][1]
    for bucket in buckets:
        last = sum(bucket) / len(bucket) if bucket else last
        heights.append(last)
    return heights


def plot(curve: Curve, width: int, height: int = 1) -> list[str]:
    """Draw a curve as filled columns, ``height`` lines of ``width`` characters; empty without a point."""
    losses = columns(curve, width)
    if not losses:
        return []
    low, high = min(losses), max(losses)
    span = high - low or 1.0
    levels = [1 + round((loss - low) / span * (8 * height - 1)) for loss in losses]
    return [
        "".join(_BLOCKS[min(8, max(0, level - 8 * row))] for level in levels)
        for row in reversed(range(height))
    ]


def sparkline(curve: Curve, width: int) -> str:
    """Draw a curve in one line, as wide as it has points to show but never wider than ``width``."""
    drawn = plot(curve, min(width, max(1, len(finite(curve)))))
    return drawn[0] if drawn else ""
