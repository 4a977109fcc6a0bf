"""What should be done with a variant next, and how urgent it is."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Wish(enum.IntEnum):
    """What should be done with a variant; the smaller, the more urgent."""

    MEASURE = 0
    REPLICATE = 1
    CONFIRM = 2
    REPAIR = 3
    TUNE = 4


@dataclass(frozen=True, slots=True)
class Next:
    """A wish about a variant.

    Args:
        wish: what to do.
        variant: to whom.
        number: of the seed, for a replicate (see ``seeds``).
        digest: content hash of the source to confirm.
    """

    wish: Wish
    variant: str
    number: int = 0
    digest: str = ""
