"""Merging two lineages without a model: what each changed since their ancestor, joined in one child."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from operators.edits import one_line
from operators.merging import Merging
from operators.proposal import Context, Origin, Proposal, Refusal, RefusalKind
from operators.sides import Group
from operators.syntactic import is_sound
from population.genome import TuneError

_TRIES = 4  # with the changes of a step together, and again with them apart
_ALL = 2  # of these tries with all changes that are worth something, the others with a drawn part of them
_DOUBT = 1 / 3  # of a gain's standard error, in drawing what a step is worth
_IDEA, _IDEAS = 50, 80  # characters of one idea in a hypothesis, and of all of a parent's


@dataclass(frozen=True, slots=True)
class Merge:
    """Joins what two parents changed since their common ancestor (see ``merging``).

    The changes that one step of a lineage made are taken or left together: taken where the step is worth
    something, and of two steps in conflict the one that is worth more. What a step is worth is drawn around
    its measured gain, as in Thompson sampling (Biometrika 25, 1933) but closer to it: two parents have
    more than one child. Only where that leaves none are the changes of a step parted.
    """

    name: ClassVar[str] = "merge"
    arity: ClassVar[int] = 2

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Make a child of ``context.parents[0]`` and ``context.parents[1]``."""
        above = context.ancestor
        if above is None:
            return self._nothing("the parents have no common ancestor beside themselves")
        first, second = (parent.source for parent in context.parents[:2])
        try:
            for apart in (False, True):
                merging = Merging(above.source, first, second, above.branches, apart)
                if len({group.side for group in merging.groups}) < 2:
                    return self._nothing("one of the parents has nothing that the other has not")
                child = self._child(merging, context, rng)
                if child is not None:
                    return child
        except (SyntaxError, TuneError):
            return self._nothing("a parent or the ancestor cannot be read")
        return self._nothing("no merge of the parents is a program of its own")

    def _child(self, merging: Merging, context: Context, rng: Generator) -> Proposal | None:
        """Try a few choices of changes; return the first child that is a program of its own."""
        parents = [parent.source for parent in context.parents]
        for number in range(_TRIES):
            worth = {at: drawn(group.origin, context.noise, rng) for at, group in enumerate(merging.groups)}
            chosen = _chosen(merging, worth, number >= _ALL, rng)
            if len({merging.groups[at].side for at in chosen}) < 2:
                continue
            source = merging.merged(chosen, worth)
            if is_sound(source, parents) and merging.coherent(source):
                return Proposal(source, _said(merging, chosen, context), self.name)
        return None

    def _nothing(self, reason: str) -> Refusal:
        return Refusal(RefusalKind.NOTHING, reason, self.name)


def drawn(origin: Origin, noise: float, rng: Generator) -> float:
    """Draw what a step is worth; one that was not measured is worth something, nobody knows how much."""
    if origin.gain is None:
        return abs(float(rng.normal(0.0, noise if noise > 0.0 else 1.0)))
    doubt = 0.0 if math.isnan(origin.standard_error) else _DOUBT * origin.standard_error
    return float(rng.normal(origin.gain, doubt))


def _chosen(merging: Merging, worth: Mapping[int, float], part: bool, rng: Generator) -> set[int]:
    """Choose groups that go together: all that are worth something, or a drawn part of them."""
    kept = [at for at, value in worth.items() if value > 0.0]
    if part:
        sides = ([at for at in kept if merging.groups[at].side == side] for side in (0, 1))
        kept = [at for side in sides for at in _part(side, rng)]
    chosen: set[int] = set()
    for at in sorted(kept, key=worth.__getitem__, reverse=True):
        if not any((at, one) in merging.conflicts or (one, at) in merging.conflicts for one in chosen):
            chosen.add(at)
    return merging.supported(chosen)


def _part(places: Sequence[int], rng: Generator) -> list[int]:
    """Draw each place with chance one half, one at least."""
    taken = [at for at in places if rng.random() < 0.5]
    return taken or [places[int(rng.integers(len(places)))] for _ in places[:1]]


def _said(merging: Merging, chosen: Collection[int], context: Context) -> str:
    """Say what came from whom."""
    sides = [
        [merging.groups[at] for at in sorted(chosen) if merging.groups[at].side == side] for side in (0, 1)
    ]
    said = [
        f"{parent.variant.id} ({'; '.join(_idea(merging, group) for group in side)[:_IDEAS] or 'nothing'})"
        for parent, side in zip(context.parents, sides, strict=False)
    ]
    return one_line(f"joins {' and '.join(said)}")


def _idea(merging: Merging, group: Group) -> str:
    """Say in a few words what a group of changes is."""
    return one_line(group.origin.idea or merging.excerpt(group))[:_IDEA].rstrip()
