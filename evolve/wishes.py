"""What should be done with a variant next, and how urgent it is."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Wish(enum.IntEnum):
    """What should be done with a variant; the smaller, the more urgent."""

    INJECT = -1  # measure a program that a person wrote
    MEASURE = 0
    REPLICATE = 1
    CONFIRM = 2
    REPAIR = 3
    TUNE = 4
    ADOPT = 5  # let a child be born that has the parent's structure and other numbers
    CREDIT = 6  # measure a champion's parent, with other numbers or its own, under a fresh seed
    CONTROL = 7  # tune a champion's parent
    REFLECT = 9

    @property
    def asks(self) -> bool:
        """Say whether a language model is needed for it."""
        return self in (Wish.REPAIR, Wish.REFLECT)


@dataclass(frozen=True, slots=True)
class Next:
    """A wish about a variant.

    Args:
        wish: what to do.
        variant: to whom; the seed where all are meant.
        number: of the seed, for a replicate (see ``seeds``); how many trials, for a control.
        digest: content hash of the source to confirm, adopt or put in; of the champion's, for a control.
    """

    wish: Wish
    variant: str
    number: int = 0
    digest: str = ""
