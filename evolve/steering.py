"""What a person has told a running search so far: words for models, who is banned, who is favoured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evolve.orders import Kind, Order


@dataclass(slots=True)
class Words:
    """A direction to models: who gave it, and for how many more children it is."""

    text: str
    by: str
    left: int


@dataclass(slots=True)
class Steering:
    """What holds now.

    Args:
        program: the directions of ``program.md``, as they stand now; None for those of the beginning.
        words: further directions, each for some children.
        banned: variants that have no children and no title.
        favoured: for how many more children a variant is the first parent.
        injected: the idea of each program that somebody put in, by its content hash.
        paused: whether nothing is to be begun.
    """

    program: str | None = None
    words: list[Words] = field(default_factory=list)
    banned: set[str] = field(default_factory=set)
    favoured: dict[str, int] = field(default_factory=dict)
    injected: dict[str, str] = field(default_factory=dict)
    paused: bool = False

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Take up what an earlier session was told; a pause ends with its session."""
        if state is not None:
            self.words = [Words(*one) for one in state["words"]]
            self.banned = set(state["banned"])
            self.favoured = dict(state["favoured"])
            self.injected = dict(state["injected"])

    def state(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "words": [[one.text, one.by, one.left] for one in self.words],
            "banned": sorted(self.banned),
            "favoured": self.favoured,
            "injected": self.injected,
            "paused": self.paused,
        }

    def obey(self, order: Order) -> None:
        """Take in an order that only has to be remembered; others change nothing here."""
        match order.kind:
            case Kind.STEER:
                who = order.by.partition(" <")[0]  # an address is not for others to read
                self.words.append(Words(order.text, who, order.children))
            case Kind.BAN:
                self.banned.add(order.variant)
                self.favoured.pop(order.variant, None)
            case Kind.FAVOUR:
                self.favoured[order.variant] = self.favoured.get(order.variant, 0) + order.children
            case Kind.PAUSE | Kind.CONTINUE:
                self.paused = order.kind is Kind.PAUSE

    def directions(self, usual: str, read: bool) -> str:
        """Return what a model is told for one child; a direction that was for one child more is used up.

        Args:
            usual: the directions that the search began with.
            read: whether a model reads it.
        """
        told = [usual if self.program is None else self.program]
        if read:
            for one in self.words:
                told.append(f"A direction for now, from {one.by}: {one.text}")
                one.left -= 1
            self.words = [one for one in self.words if one.left > 0]
        return "\n\n".join(filter(None, told))

    def parent(self) -> str | None:
        """Return who is the first parent of the next child, None where nobody is favoured."""
        name = next(iter(self.favoured), None)
        if name is not None:
            self.favoured[name] -= 1
            if self.favoured[name] <= 0:
                del self.favoured[name]
        return name
