"""A run under examination: what could be read of it, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from population import records
from population.fsck.findings import STAYS, Level, Remedy
from population.fsck.quarantine import Taken
from population.fsck.salvage import Salvage
from population.fsck.sources import Sources
from population.records import TABLES, Note
from population.store import JOURNAL
from population.variant import Measurement, Value, Variant

VARIANTS, MEASUREMENTS = TABLES[Variant], TABLES[Measurement]
CHAMPION = "champion"
"""Key of the note of who is champion, and kind of the events of who became it."""

_SHOWN = 5  # names of many


@dataclass(slots=True)
class Documents:
    """What the documents of a run say.

    Args:
        variants: by id, in their order.
        measured: documents that are measurements of a variant, by its id.
        digests: content hashes of the sources that were measured.
        notes: by table and key.
        numbers: the document of each variant and note, by table and name.
        crowned: ids of the champions, in order.
        transcripts: names of the transcripts of calls.
    """

    variants: dict[str, Variant] = field(default_factory=dict)
    measured: dict[str, list[int]] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)
    notes: dict[tuple[str, str], Note] = field(default_factory=dict)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    crowned: list[str] = field(default_factory=list)
    transcripts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """A run under examination; what a check takes out, the next one does not see any more.

    Args:
        salvage: its journal.
        sources: the sources on the disk.
        known: its documents, without what is taken out.
        remedy: what was found, and what is to be done.
    """

    salvage: Salvage
    sources: Sources
    known: Documents = field(default_factory=Documents)
    remedy: Remedy = field(default_factory=Remedy)

    def find(self, level: Level, kind: str, what: str, where: str, repair: str = STAYS) -> None:
        """Note something found in the journal; ``where`` names a table, and a document."""
        self.remedy.find(level, kind, what, f"{JOURNAL}, {where}", repair)

    def drop(self, table: str, number: int, why: str) -> None:
        """Have a document taken out, as it stands now."""
        text = self.remedy.replaced.pop((table, number), None)
        place = self.salvage.tables[table][number] if text is None else text
        self.remedy.removed.add((table, number))
        self.take(JOURNAL, why, lambda: self.salvage.text(place), {"table": table, "id": number})

    def put(self, table: str, number: int, text: bytes, why: str) -> None:
        """Have another document in the place of this one, or in a free place."""
        if number in self.salvage.tables.get(table, {}):
            self.drop(table, number, why)
            self.remedy.removed.discard((table, number))
        self.remedy.replaced[table, number] = text

    def put_note(self, note: Note, why: str) -> None:
        """Have a note in the place of the one of its key, if there is one."""
        number = self.known.numbers.setdefault((note.table, note.key), self.free(note.table))
        self.put(note.table, number, records.encode(note), why)
        self.known.notes[note.table, note.key] = note

    def drop_note(self, key: tuple[str, str], why: str) -> None:
        """Have a note taken out."""
        del self.known.notes[key]
        self.drop(key[0], self.known.numbers.pop(key), why)

    def take(self, file: str, why: str, raw: Callable[[], bytes], place: Mapping[str, int | str]) -> None:
        """Have bytes kept in the quarantine."""
        self.remedy.taken.append(Taken(file, why, raw, place))

    def free(self, table: str) -> int:
        """Return a number that no document of a table has or had."""
        return 1 + max(self.salvage.tables.get(table, ()), default=0)

    def measurements(self, variant: str) -> Iterator[Measurement]:
        """Read the measurements of a variant."""
        rows = self.salvage.tables.get(MEASUREMENTS, {})
        numbers = self.known.measured.get(variant, ())
        return (records.measurement(self.salvage.text(rows[number])) for number in numbers)

    def has_source(self, variant: Variant, name: str) -> bool:
        """Say whether a source of a variant is there; have it brought back, if it is not and that can be.

        It may differ from the variant's other source in its numbers only, which tuning and trials set.
        """
        if name in self.sources.whole or name in self.remedy.sources:
            return True
        relatives = (variant.proposed, variant.digest)
        found = self.sources.bring_back(name, relatives, self._numbers(variant, name))
        if found is None:
            return False
        what = (
            f"the source of {variant.id} {self.sources.state(name)}, and can be told from what else there is"
        )
        where = self.sources.where(name)
        self.remedy.find(Level.ERROR, "source", what, where, "written anew")
        if name in self.sources.changed:
            self.take(where, what, self.sources.path(name).read_bytes, {})
        self.remedy.sources[name] = found
        return True

    def _numbers(self, variant: Variant, name: str) -> Iterator[Mapping[str, Value]]:
        """Yield what the numbers in a source of a variant may be."""
        yield variant.tuned
        yield from (one.values for one in self.measurements(variant.id) if one.digest == name)


def at(table: str, number: int) -> str:
    """Say which document of which table."""
    return f"table {table}, document {number}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}{'s' * (count != 1)}"


def listed(names: Iterable[str]) -> str:
    """Name the first few of several."""
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return f"{', '.join(every[:_SHOWN])}{more}"
