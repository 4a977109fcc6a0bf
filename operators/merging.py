"""A three-way merge of two sources with their common ancestor, statement by statement (pure).

As ``diff3`` does (Khanna, Kunal & Pierce 2007, "A Formal Investigation of Diff3", section 3), but over
statements instead of lines, so that none is torn. Two changes are in conflict when they change the same
statement, not when they merely touch; what both sides put at one place stands one after the other. The values
of tunables are merged by name, whatever becomes of their lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from operators.proposal import Branch
from operators.sides import COMMON, Group, Piece, Sides
from population.genome import Tunable, TuneError, parse_tunables, rounded, with_values
from population.hunks import Edit, Hunk, excerpt
from population.names import dangling, idle, names
from population.statements import Span, lines_in
from population.variant import Value

_REPEATABLE = frozenset({"import", "from", "if", "for", "while", "with", "try", "except", "else", "@"})
"""First words of statements that a module may well have twice."""


class Merging:
    """The ways to join what two sources changed since their ancestor (arguments, errors: see ``Sides``)."""

    def __init__(
        self,
        ancestor: str,
        first: str,
        second: str,
        branches: tuple[Branch, Branch] | None = None,
        apart: bool = False,
    ) -> None:
        self._sides = Sides(ancestor, first, second, branches, apart)
        self.groups: tuple[Group, ...] = self._sides.groups
        """What may be chosen; what both sides changed in the same way always stays."""

    @cached_property
    def conflicts(self) -> frozenset[tuple[int, int]]:
        """The pairs of groups, by their places, of which a child can have one only."""
        first, second = ([at for at, one in enumerate(self.groups) if one.side == side] for side in (0, 1))
        return frozenset((a, b) for a in first for b in second if self._clash(a, b))

    def coherent(self, source: str) -> bool:
        """Say whether a merged program uses no name that a side binds and it does not, and uses what is new.

        A side's new name that is bound and not used is what is left of a change whose heart was lost.
        """
        own, known = names(source), self._sides.base.names.bound.keys()
        sides = [text.names for text in self._sides.texts]
        return not any(dangling(own, side) or idle(own, side) - known for side in sides)

    def offers(self, side: int) -> int:
        """Return how many changes a side has that are in no conflict and that the other has not."""
        lost = {at for pair in self.conflicts for at in pair}
        free = (one for at, one in enumerate(self.groups) if one.side == side and at not in lost)
        return sum(len(group.pieces) + len(group.values) for group in free)

    def excerpt(self, group: Group) -> str:
        """Return the heart of a group of changes in one line."""
        if not group.pieces:
            return f"sets {', '.join(group.values)}"
        span, text = group.pieces[0].span, self._sides.texts[group.side]
        old = tuple(lines_in(self._sides.base.text(span.start, span.end)))
        return excerpt(Hunk((Edit(0, len(old), old, tuple(lines_in(text.text(span.at, span.stop))), 0),)))

    def supported(self, chosen: Collection[int]) -> set[int]:
        """Return the chosen groups but for those that use a name which only groups not chosen bind."""
        known = self._sides.base.names.bound.keys() | self._sides.bound.get(COMMON, set())
        kept = set(chosen)
        while True:
            bound = known.union(*(self._sides.bound.get(at, ()) for at in kept))
            lost = {at for at in kept if self._needs(at) - bound}
            if not lost:
                return kept
            kept -= lost

    def merged(self, chosen: Collection[int], worth: Mapping[int, float]) -> str:
        """Return the ancestor with the changes of the chosen groups, which are in no conflict.

        Args:
            chosen: places of groups.
            worth: of groups; the larger one's value of a tunable counts where two of them set it.
        """
        pieces = [*self._sides.common, *(piece for at in chosen for piece in self.groups[at].pieces)]
        return self._valued(_joined(self._parts(pieces)), chosen, worth)

    def _foreign(self, at: int) -> set[str]:
        """Return the names that a group uses and does not bind itself."""
        return self._sides.used.get(at, set()) - self._sides.bound.get(at, set())

    def _needs(self, at: int) -> set[str]:
        """Return those of them that its own side binds."""
        return self._foreign(at) & self._sides.texts[self.groups[at].side].names.bound.keys()

    # Conflicts

    def _clash(self, a: int, b: int) -> bool:
        """Say whether a group of the first source and one of the second exclude each other."""
        one, other = self.groups[a], self.groups[b]
        return (
            any(self._opposed(p, q) for p in one.pieces for q in other.pieces)
            or bool(self._defined[a] & self._defined[b])
            or bool(self._taken[a] & self._foreign(b))
            or bool(self._taken[b] & self._foreign(a))
        )

    def _opposed(self, p: Piece, q: Piece) -> bool:
        """Say whether two changes change one statement, or set one thing at one place."""
        if p.span.start < q.span.end and q.span.start < p.span.end:
            return True
        if not p.span.start == p.span.end == q.span.start == q.span.end:
            return False
        heads = [{statement.head for statement in self._sides.new(piece)} for piece in (p, q)]
        return bool(heads[0] & heads[1])

    @cached_property
    def _defined(self) -> list[set[str]]:
        """What each group defines in the module that the ancestor does not."""
        known = {one.head for one in self._sides.base.statements if not one.indent}
        return [
            {
                one.head
                for piece in group.pieces
                for one in self._sides.new(piece)
                if not one.indent and one.head.partition("\t")[0] not in _REPEATABLE
            }
            - known
            for group in self.groups
        ]

    @cached_property
    def _taken(self) -> list[set[str]]:
        """The names of the ancestor that its side has no more, and that each group takes away."""
        taken = []
        base = self._sides.base.names.bound
        for group in self.groups:
            old = (one for piece in group.pieces for one in self._sides.old(piece))
            lines = {line for one in old for line in range(one.start, one.stop)}
            left = self._sides.texts[group.side].names.bound
            taken.append({name for name, places in base.items() if name not in left and places & lines})
        return taken

    # The text

    def _parts(self, pieces: Iterable[Piece]) -> Iterator[str]:
        """Yield the parts of the merged text."""
        done = 0
        for piece in sorted(pieces, key=self._order):
            yield from (self._same(at) for at in range(done, piece.span.start))
            yield self._sides.texts[piece.side].text(piece.span.at, piece.span.stop)
            done = max(done, piece.span.end)
        yield from (self._same(at) for at in range(done, len(self._sides.base.statements)))

    def _order(self, piece: Piece) -> tuple[int, int, int, str]:
        """Order changes; of two insertions at one place the deeper one, of the block above, leads."""
        span, new = piece.span, self._sides.new(piece)
        depth = len(new[0].indent) if new else 0
        return span.start, span.end, -depth, self._sides.texts[piece.side].text(span.at, span.stop)

    def _same(self, at: int) -> str:
        """Return a statement that no chosen change touches, with the comments of whoever changed those."""
        own = self._sides.base.text(at, at + 1)
        versions = {
            text.text(place, place + 1)
            for text, places in zip(self._sides.texts, self._places, strict=True)
            if (place := places[at]) is not None
        }
        return max(versions - {own}, key=lambda version: (len(version), version), default=own)

    @cached_property
    def _places(self) -> list[list[int | None]]:
        """Where each statement of the ancestor stands in each side; None where that has changed it."""
        return [_places(spans, len(self._sides.base.statements)) for spans in self._sides.spans]

    def _valued(self, source: str, chosen: Collection[int], worth: Mapping[int, float]) -> str:
        """Return a merged text with the values of its tunables merged by name."""
        first, second = (text.tunables for text in self._sides.texts)
        wanted: dict[str, Value] = {name: one.value for name, one in self._sides.base.tunables.items()}
        wanted |= {
            name: one.value
            for name, one in first.items()
            if name in second and second[name].value == one.value
        }
        for at in sorted(chosen, key=lambda at: (worth.get(at, 0.0), at)):
            tunables = self._sides.texts[self.groups[at].side].tunables
            wanted |= {name: tunables[name].value for name in self.groups[at].values}
        try:
            there = {one.name: one for one in parse_tunables(source)}
        except (SyntaxError, TuneError):
            return source  # which says by itself that it is no child
        fitting = {n: value for n, value in wanted.items() if n in there and _allows(there[n], value)}
        return with_values(source, fitting)


def _places(spans: Sequence[Span], count: int) -> list[int | None]:
    """Return where each of ``count`` old statements stands after some changes."""
    places: list[int | None] = []
    moved = 0
    for span in spans:
        places += [at + moved for at in range(len(places), span.start)]
        places += [None] * (span.end - span.start)
        moved = span.stop - span.end
    return [*places, *(at + moved for at in range(len(places), count))]


def _allows(tunable: Tunable, value: Value) -> bool:
    """Say whether a tunable may have exactly this value."""
    try:
        return rounded(tunable, value) == value
    except ValueError:
        return False


def _joined(parts: Iterable[str]) -> str:
    """Join parts; one that does not end its last line does so where more follows."""
    texts = [part for part in parts if part]
    ended = (text if text.endswith(("\n", "\r")) else text + "\n" for text in texts[:-1])
    return "".join([*ended, *texts[-1:]])
