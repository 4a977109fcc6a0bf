"""Limits on the further numbers of a program: one that exceeds them is no solution (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_FORM = re.compile(r"\s*(?P<name>[^<>=\s]+)\s*(?P<sign><=|>=)\s*(?P<bound>\S+)\s*")


class LimitError(ValueError):
    """A limit that cannot be read."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that may not be larger, or smaller, than a bound.

    Args:
        name: of the number.
        upper: whether it may not be larger.
        bound: than this.
    """

    name: str
    upper: bool
    bound: float

    def __str__(self) -> str:
        return f"{self.name} {'<=' if self.upper else '>='} {self.bound:g}"

    def excess(self, value: float) -> float:
        """Return by how much a value exceeds the limit; 0 or less keeps it."""
        return value - self.bound if self.upper else self.bound - value


def parse(text: str) -> Limit:
    """Read ``NAME<=NUMBER`` or ``NAME>=NUMBER``.

    Raises:
        LimitError: it is neither.
    """
    found = _FORM.fullmatch(text)
    try:
        bound = float(found["bound"]) if found else float("nan")
    except ValueError:
        bound = float("nan")
    if found is None or not abs(bound) < float("inf"):
        raise LimitError(f"--limit {text!r}: write NAME<=NUMBER or NAME>=NUMBER, such as peak_vram_mb<=40000")
    return Limit(found["name"], found["sign"] == "<=", bound)


def broken(limits: tuple[Limit, ...], values: Mapping[str, float]) -> str:
    """Say which limit is not kept, empty when all are."""
    for limit in limits:
        value = values.get(limit.name)
        if value is None:
            return f"it says no {limit.name}, which has a limit"
        if limit.excess(value) > 0.0:
            return f"its {limit.name} is {value:g}, and the limit {limit}"
    return ""
