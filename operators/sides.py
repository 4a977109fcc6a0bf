"""Two sources beside their common ancestor: what each of them changed, by who changed it (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from operators.proposal import Branch, Origin
from population.genome import Tunable, parse_tunables
from population.names import Names, Places, names
from population.statements import Span, Statement, changes, in_lines, lines_in, statements

UNKNOWN = Origin((), "")
"""Of a change that nobody knows the steps of."""

COMMON = -1
"""In the place of a group: what both sides changed in the same way."""


@dataclass(frozen=True)
class Text:
    """A source, taken apart."""

    source: str

    @cached_property
    def lines(self) -> list[str]:
        """Its lines with their ends."""
        return lines_in(self.source)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements."""
        return statements(self.source)

    @cached_property
    def tunables(self) -> dict[str, Tunable]:
        """Its tunables, by name."""
        return {one.name: one for one in parse_tunables(self.source)}

    @cached_property
    def names(self) -> Names:
        """Its names."""
        return names(self.source)

    def text(self, at: int, stop: int) -> str:
        """Return the text of some of its statements."""
        if at == stop:
            return ""
        return "".join(self.lines[self.statements[at].start : self.statements[stop - 1].stop])


@lru_cache(maxsize=64)  # one text is merged with many others
def _text_of(source: str) -> Text:
    return Text(source)


@dataclass(frozen=True, slots=True)
class Piece:
    """One contiguous change of one side; ``span`` counts statements."""

    side: int
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """The changes of one side that came about together, and share their fate.

    Args:
        side: 0 for the first source, 1 for the second.
        origin: the steps that made them.
        pieces: changes of statements.
        values: tunables whose values they set.
    """

    side: int
    origin: Origin
    pieces: tuple[Piece, ...]
    values: tuple[str, ...]


class Sides:
    """What two sources changed since their ancestor.

    Args:
        ancestor: its source.
        first: a source that descends from it.
        second: another one.
        branches: what is known of how they came about.
        apart: whether each change is a group by itself, whoever made it.

    Raises:
        SyntaxError, TuneError: one of the three is no source of a variant.
    """

    def __init__(
        self,
        ancestor: str,
        first: str,
        second: str,
        branches: tuple[Branch, Branch] | None = None,
        apart: bool = False,
    ) -> None:
        self.base = _text_of(ancestor)
        self.texts = (_text_of(first), _text_of(second))
        self.spans = tuple(changes(self.base.statements, text.statements) for text in self.texts)
        one, other = (
            {self._made(piece): piece for piece in (Piece(side, span) for span in self.spans[side])}
            for side in (0, 1)
        )
        both = one.keys() & other.keys()
        self.common = tuple(max(one[made], other[made], key=self._text) for made in one if made in both)
        theirs = [[piece for made, piece in made_by.items() if made not in both] for made_by in (one, other)]
        self.groups = tuple(
            group
            for side in (0, 1)
            for made in self._groups(side, theirs[side], branches and branches[side])
            for group in (_parts(made) if apart else [made])
        )

    def new(self, piece: Piece) -> Sequence[Statement]:
        """Return the statements that a change puts in."""
        return self.texts[piece.side].statements[piece.span.at : piece.span.stop]

    def old(self, piece: Piece) -> Sequence[Statement]:
        """Return the statements of the ancestor that a change takes away."""
        return self.base.statements[piece.span.start : piece.span.end]

    @cached_property
    def bound(self) -> Mapping[int, set[str]]:
        """The names that the new statements of each group bind, by its place."""
        return self._named(lambda known: known.bound)

    @cached_property
    def used(self) -> Mapping[int, set[str]]:
        """The names that the new statements of each group use, by its place."""
        return self._named(lambda known: known.used)

    def _made(self, piece: Piece) -> tuple[int, int, tuple[str, ...]]:
        """Return what two changes share that are the same."""
        return piece.span.start, piece.span.end, tuple(one.key for one in self.new(piece))

    def _text(self, piece: Piece) -> tuple[int, str]:
        """Return what says which of two changes that differ in comments is taken."""
        text = self.texts[piece.side].text(piece.span.at, piece.span.stop)
        return len(text), text

    def _groups(self, side: int, pieces: Sequence[Piece], branch: Branch | None) -> Iterator[Group]:
        """Put the changes of one side together by their origins; one of unknown origin stands by itself."""
        branch = branch or Branch((), (), {})
        known = {(one.start, one.end, one.at, one.stop): one.origin for one in branch.changes}
        found: dict[int, tuple[list[Piece], list[str]]] = defaultdict(lambda: ([], []))
        for piece in pieces:
            lines = in_lines(piece.span, self.base.statements, self.texts[side].statements)
            origin = known.get((lines.start, lines.end, lines.at, lines.stop))
            if origin is None or not branch.origins[origin].variants:
                yield Group(side, UNKNOWN, (piece,), ())
            else:
                found[origin][0].append(piece)
        for name in self._set(side):
            origin = branch.values.get(name)
            if origin is None or not branch.origins[origin].variants:
                yield Group(side, UNKNOWN, (), (name,))
            else:
                found[origin][1].append(name)
        for place, (made, values) in found.items():
            yield Group(side, branch.origins[place], tuple(made), tuple(values))

    def _set(self, side: int) -> Iterator[str]:
        """Yield the tunables that one side sets to another value than the ancestor and the other side."""
        others = self.texts[1 - side].tunables
        for name, tunable in self.texts[side].tunables.items():
            beside = [
                one.value for one in (self.base.tunables.get(name), others.get(name)) if one is not None
            ]
            if beside and tunable.value not in beside:
                yield name

    def _named(self, places: Callable[[Names], Places]) -> Mapping[int, set[str]]:
        """Return names by the group whose new statements they stand in."""
        found: defaultdict[int, set[str]] = defaultdict(set)
        for text, owner in zip(self.texts, self._owners, strict=True):
            for name, lines in places(text.names).items():
                for at in {owner[line] for line in lines if line in owner}:
                    found[at].add(name)
        return found

    @cached_property
    def _owners(self) -> tuple[dict[int, int], dict[int, int]]:
        """The group that each new line of the two sources belongs to."""
        owners: tuple[dict[int, int], dict[int, int]] = ({}, {})
        owned = [(COMMON, piece) for piece in self.common]
        owned += [(at, piece) for at, group in enumerate(self.groups) for piece in group.pieces]
        for at, piece in owned:
            owners[piece.side].update(
                (line, at) for one in self.new(piece) for line in range(one.start, one.stop)
            )
        return owners


def _parts(group: Group) -> Iterator[Group]:
    """Yield a group for each change of one."""
    for piece in group.pieces:
        yield replace(group, pieces=(piece,), values=())
    for name in group.values:
        yield replace(group, pieces=(), values=(name,))
