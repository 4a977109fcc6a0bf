"""What a check of a run finds, and what would put it right."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from population.fsck.quarantine import FILE, Taken
from population.records import Note

QUARANTINED = f"moved to {FILE}"
STAYS = ""
"""What a repair does about something that cannot be repaired."""


class Level(enum.StrEnum):
    """How much something found matters."""

    ERROR = "error"  # something is lost, or a command may fail on it
    WARNING = "warning"  # odd, and harmless
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Args:
        level: how much it matters.
        kind: a word or two.
        what: what is wrong, as a sentence without a full stop.
        where: file below the run folder, and the place in it.
        repair: what a repair makes of it; empty if it can do nothing about it.
    """

    level: Level
    kind: str
    what: str
    where: str
    repair: str = STAYS


@dataclass(frozen=True, slots=True)
class Mention:
    """What a note speaks of, and must be there for it to make sense.

    Args:
        variants: ids of variants.
        notes: table and key of other notes.
        sources: content hashes of sources, each with the id of its variant; empty for the variant's own.
        texts: sources that the note holds itself.
        otherwise: takes the place of a note that speaks of what is not there; without it, the note goes.
    """

    variants: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    texts: tuple[str, ...] = ()
    otherwise: Note | None = None


def silent(_: Note) -> Mention:
    """Say that a note speaks of nothing."""
    return Mention()


@dataclass(frozen=True, slots=True)
class Conventions:
    """What those who write a run know of it, and the population does not.

    Args:
        mention: says what a note speaks of; ValueError if it is none of its table.
        needed: keys that ``meta`` must have for a search to go on.
        files: names of files that must be there for it too, each with what reads it; OSError or ValueError
            if it cannot be used.
    """

    mention: Callable[[Note], Mention] = silent
    needed: tuple[str, ...] = ()
    files: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)


NONE = Conventions()
"""Those of a population that nobody keeps notes in."""


@dataclass(slots=True)
class Remedy:
    """What was found, and all that would put it right.

    Args:
        findings: in the order of the checks.
        taken: what goes to the quarantine.
        removed: documents that go, by table and id.
        replaced: documents that take the place of others, by table and id.
        sources: sources to be written, by content hash.
        written: other files to be written, and what they hold.
        lines: lines of the journal that go, or are mended.
        unneeded: files to be removed.
        cuts: files to be cut, and to which length.
        moved: files to be moved aside.
    """

    findings: list[Finding] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    removed: set[tuple[str, int]] = field(default_factory=set)
    replaced: dict[tuple[str, int], bytes] = field(default_factory=dict)
    sources: dict[str, bytes] = field(default_factory=dict)
    written: dict[Path, bytes] = field(default_factory=dict)
    lines: int = 0
    unneeded: list[Path] = field(default_factory=list)
    cuts: list[tuple[Path, int]] = field(default_factory=list)
    moved: list[Path] = field(default_factory=list)

    def find(self, level: Level, kind: str, what: str, where: str, repair: str = STAYS) -> None:
        """Note something found."""
        self.findings.append(Finding(level, kind, what, where, repair))

    @property
    def files(self) -> int:
        """How many files are written, removed, cut or moved."""
        return len(self.written) + len(self.unneeded) + len(self.cuts) + len(self.moved)

    @property
    def rewrites(self) -> bool:
        """Say whether the journal has to be written anew."""
        return bool(self.lines or self.removed or self.replaced)

    @property
    def does_something(self) -> bool:
        """Say whether there is anything to repair."""
        return bool(self.rewrites or self.sources or self.files)
