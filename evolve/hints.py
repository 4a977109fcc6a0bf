"""What may be behind the failure of somebody's own program, where it is run as bursts are (pure)."""

from __future__ import annotations

import re

from population.variant import Failure

_REASONS = {
    ("Read-only file system", "Permission denied"): (
        "a burst writes to its own folder alone, and reads what lies beside the program and what is installed"
    ),
    ("Operation not permitted", "name resolution", "Network is unreachable"): "a burst has no network",
}
"""What a failure says, and what is behind it where bursts are confined."""


def hint(failure: Failure, otherwise: str) -> str:
    """Say where a seed variant failed, and what may be the reason.

    Args:
        failure: what came of its burst.
        otherwise: what to say where no reason is known.
    """
    frames = re.findall(r'^ *File "([^"]*)", line (\d+)', failure.traceback, re.MULTILINE)
    own = [line for file, line in frames if file == frames[0][0]]
    where = f" (line {own[-1]})" if own else ""
    for words, why in _REASONS.items():
        if any(one in failure.message for one in words):
            return f"{where}; {why}"
    return f"{where}; {otherwise}"
