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
_PART = (
    0.3  # share of the children that get a drawn part of the changes, where there are more than one a side
)
_IDEA, _IDEAS = 50, 80  # characters of one idea in a hypothesis, and of all of a parent's


@dataclass(frozen=True, slots=True)
class Merge:
    """Joins what two parents changed since their common ancestor (see ``merging``).

    The changes that one step of a lineage made are taken or left together. What a step is worth is drawn from
    its measured gain and the error of that (Thompson 1933, Biometrika 25), so that the same parents have more
    than one child. Of two steps in conflict the one that is worth more stays; one that is surely a loss is
    left out. Only where that leaves no child are the changes of a step parted.
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
            chosen = _chosen(merging, worth, number > 0 or rng.random() < _PART, rng)
            if len({merging.groups[at].side for at in chosen}) < 2:
                continue
            source = merging.merged(chosen, worth)
            if is_sound(source, parents) and merging.coherent(source):
                return Proposal(source, _said(merging, chosen, context), self.name)
        return None

    def _nothing(self, reason: str) -> Refusal:
        return Refusal(RefusalKind.NOTHING, reason, self.name)


def drawn(origin: Origin, noise: float, rng: Generator) -> float:
    """Draw what a step is worth; one that was not measured is as likely good as bad."""
    usual = noise if math.isfinite(noise) and noise > 0 else 1.0
    if origin.gain is None:
        return float(rng.normal(0.0, usual))
    return float(
        rng.normal(origin.gain, origin.standard_error if math.isfinite(origin.standard_error) else 0.0)
    )


def loss(origin: Origin) -> float:
    """Return the chance that a step is left out: 0 for a gain, near 1 for what is surely a loss."""
    if origin.gain is None or math.isnan(origin.standard_error):
        return 0.0
    if origin.standard_error == 0.0:
        return float(origin.gain < 0.0)
    return max(0.0, math.erf(-origin.gain / origin.standard_error / math.sqrt(2.0)))


def _chosen(merging: Merging, worth: Mapping[int, float], part: bool, rng: Generator) -> set[int]:
    """Choose groups that go together: all that are no loss, or a drawn part of them."""
    kept = [at for at, group in enumerate(merging.groups) if rng.random() >= loss(group.origin)]
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
