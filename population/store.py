"""The population of one run, on the disk and in memory.

``folder/population.journal`` holds the records (see ``journal``), ``folder/variants/`` the sources by
content hash, ``folder/population.lock`` the id of the process that writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, cast

from population import journal, records
from population.comparison import Difference, compare
from population.database import JournalDB, JournalStorage, JournalTable, copied
from population.errors import AlreadyExists, Corrupt, NotARun, ReadOnly
from population.fitness import Fitness, estimate, evidence, screened, unchosen
from population.genome import digest
from population.ledger import Call, Event
from population.lock import Lock
from population.noise import Noise, Replicates
from population.records import META, TABLES, MetaValue, Record
from population.variant import Direction, Measurement, Variant

_JOURNAL = "population.journal"
LOCK = "population.lock"
_DIGEST = re.compile(r"[0-9a-f]{32}")


class Population:
    """Everything known of a run; one process at a time may write it, any may read it.

    ``db`` is a TinyDB with the tables variants, measurements, calls, events and meta: query and change it
    as any other. The typed views show what was there at opening and what ``commit`` added; a change
    made through ``db`` shows in them at the next opening. Not for use by several threads at once.
    """

    db: JournalDB

    def __init__(self, folder: Path, storage: JournalStorage, lock: Lock | None, torn: str) -> None:
        self.folder = folder
        self.torn = torn
        self.db = JournalDB(storage)
        self._storage = storage
        self._lock = lock
        self._views = _Views()
        self._views.load(folder / _JOURNAL, storage)

    @classmethod
    def create(cls, folder: Path) -> Population:
        """Make an empty population in a folder, and open it for writing.

        Raises:
            AlreadyExists: there is one already.
            StoreFull: the disk did not take it.
        """
        if (folder / _JOURNAL).exists():
            raise AlreadyExists(folder / _JOURNAL, "there is a population already")
        journal.make_folder(folder)
        with ExitStack() as undo:
            lock = Lock(folder / LOCK)
            undo.callback(lock.release)
            journal.create(folder / _JOURNAL)
            population = cls._opened(folder, lock)
            undo.pop_all()
        return population

    @classmethod
    def open(cls, folder: Path, *, write: bool = False) -> Population:
        """Open a population; reading needs no lock, and sees every commit made before.

        Raises:
            NotARun: there is no population in the folder.
            Locked: it is to be written, and another process writes it.
            Corrupt: what is stored is not what was written.
        """
        if not write:
            return cls._opened(folder, None)
        if not (folder / _JOURNAL).is_file():
            raise NotARun(folder / _JOURNAL, "no population here")
        with ExitStack() as undo:
            lock = Lock(folder / LOCK)
            undo.callback(lock.release)
            population = cls._opened(folder, lock)
            undo.pop_all()
        return population

    @classmethod
    def _opened(cls, folder: Path, lock: Lock | None) -> Population:
        path = folder / _JOURNAL
        replay = journal.replay(path)
        writer = None if lock is None else journal.Journal(path, replay.length)
        storage = JournalStorage(path, replay.tables, writer)
        with ExitStack() as undo:
            undo.callback(storage.close)
            population = cls(folder, storage, lock, replay.torn)
            undo.pop_all()
        return population

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The variants by id, in the order of their first commit, each as last committed."""
        return MappingProxyType(self._views.variants)

    @property
    def by_fingerprint(self) -> Mapping[str, str]:
        """The id of the first variant with each fingerprint."""
        return MappingProxyType(self._views.by_fingerprint)

    @property
    def calls(self) -> Sequence[Call]:
        """The LLM calls, in order."""
        return self._views.calls

    @property
    def events(self) -> Sequence[Event]:
        """The events, in order."""
        return self._views.events

    def measurements(self, variant: str) -> Sequence[Measurement]:
        """Return the measurements of a variant, in order, whatever source of it they measured."""
        return tuple(self._views.measurements.get(variant, ()))

    def spread(self) -> Noise:
        """Return the noise of one burst, pooled over all replicates."""
        return self._views.replicates.noise()

    def noise(self) -> float:
        """Return the standard deviation of one burst, NaN while nothing was measured twice."""
        return self.spread().deviation

    def evidence(self, variant: str) -> Mapping[int, float]:
        """Return the scores of a variant's current source that nothing was chosen by, by seed."""
        known = self._views.variants[variant]
        return evidence(self._views.measurements.get(variant, ()), known.digest, founder=not known.parents)

    def fitness(self, variant: str) -> Fitness | None:
        """Return the estimate for a variant's current source, None without a score (KeyError if unknown).

        Scores that the variant was chosen by count only while there are no others.
        """
        scores = self.evidence(variant) or screened(
            self._views.measurements.get(variant, ()), self._views.variants[variant].digest
        )
        return estimate(scores.values(), self.noise())

    def difference(self, one: str, other: str, direction: Direction) -> Difference | None:
        """Return by how much a variant is better than another, by scores that nothing was chosen by."""
        return compare(self.evidence(one), self.evidence(other), direction, self.spread())

    def meta(self, key: str, default: Any = None) -> Any:
        """Return what ``set_meta`` kept under a key."""
        return copied(self._views.meta.get(key, default))

    def set_meta(self, **values: Any) -> None:
        """Keep small JSON values, durably (errors as in ``commit``)."""
        self.commit(meta=values)

    def commit(self, *given: Record, meta: Mapping[str, Any] | None = None) -> None:
        """Record all of these in one durable append: after a crash they are all there, or none is.

        A variant known already is replaced. Keep its source first (``keep_source``).

        Args:
            given: the records, parents before their children.
            meta: values for ``set_meta``, in the same append.

        Raises:
            StoreFull: the disk did not take them; nothing was recorded.
            ReadOnly: the population was opened for reading, or closed.
            TypeError: a record holds what JSON cannot.
            ValueError: a parent or a measured variant is unknown, or a variant's parents changed.
        """
        self._check(given)
        changes: list[tuple[str, int, journal.Document]] = []
        taken: dict[tuple[str, str], int] = {}
        for record in given:
            table, document = TABLES[type(record)], records.encode(record)
            name = record.id if isinstance(record, Variant) else ""
            changes.append(self._placed(table, "id", name, document, taken))
        for key, value in (meta or {}).items():
            document = records.encode(MetaValue(key, value))
            changes.append(self._placed(META, "key", key, document, taken))
        entries = [records.decode(table, document) for table, _, document in changes]
        self._storage.append([*changes])
        for (table, number, _), entry in zip(changes, entries, strict=True):
            self.db.table(table).clear_cache()
            self._views.add(entry, number)

    def keep_source(self, text: str) -> str:
        """Write a source to the disk, unless it is there, and return its content hash.

        Raises:
            StoreFull: the disk did not take it.
            ReadOnly: the population was opened for reading.
        """
        name = digest(text)
        path = self._source_path(name)
        data = text.encode("utf-8", "surrogatepass")
        if self._lock is None:
            raise ReadOnly(path, "the population was opened for reading, or closed")
        if not (path.is_file() and path.read_bytes() == data):
            journal.make_folder(path.parent)
            journal.write_whole(path, data)
        return name

    def source(self, name: str) -> str:
        """Return the source with this content hash.

        Raises:
            Corrupt: it is missing, or is not what was kept.
        """
        path = self._source_path(name)
        try:
            text = path.read_bytes().decode("utf-8", "surrogatepass")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise Corrupt(path, f"the source cannot be read: {reason}") from error
        if digest(text) != name:
            raise Corrupt(path, "the source has been changed: its content does not match its name")
        return text

    def close(self) -> None:
        """Let another process write; what was loaded stays readable. A second time does nothing."""
        self.db.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _source_path(self, name: str) -> Path:
        if not _DIGEST.fullmatch(name):
            raise ValueError(f"a content hash is 32 hex digits, got {name!r}")
        return self.folder / "variants" / name[:2] / f"{name}.py"

    def _check(self, given: Sequence[Record]) -> None:
        """Refuse records that would leave a lineage with a hole, or a measurement of nobody."""
        known = self._views.variants
        new: set[str] = set()
        for record in given:
            if isinstance(record, Measurement) and record.variant not in known and record.variant not in new:
                raise ValueError(f"a measurement of {record.variant}, which is not in the population")
            if not isinstance(record, Variant):
                continue
            missing = [parent for parent in record.parents if parent not in known and parent not in new]
            if missing:
                raise ValueError(f"a parent of {record.id}, {missing[0]}, is not in the population")
            if record.id in known and known[record.id].parents != record.parents:
                raise ValueError(f"{record.id} is in the population already, with other parents")
            new.add(record.id)

    def _placed(
        self, table: str, field: str, name: str, document: journal.Document, taken: dict[tuple[str, str], int]
    ) -> tuple[str, int, journal.Document]:
        """Return the change that puts a document in its place: a new one, or that of the same name."""
        number = taken.get((table, name)) if name else None
        if number is None and name:
            number = self._views.places.get((table, name))
            there = self._storage.rows(table).get(str(number), {})
            if there.get(field) != name:
                number = None  # removed through ``db``
            else:
                document = {**there, **document}  # what somebody else wrote beside it stays
        if number is None:
            number = cast(JournalTable, self.db.table(table)).next_id()
        if name:
            taken[table, name] = number
        return table, number, document


class _Views:
    """The records as typed objects, kept up to date one document at a time."""

    def __init__(self) -> None:
        self.variants: dict[str, Variant] = {}
        self.measurements: dict[str, list[Measurement]] = {}
        self.calls: list[Call] = []
        self.events: list[Event] = []
        self.meta: dict[str, Any] = {}
        self.by_fingerprint: dict[str, str] = {}
        self.replicates = Replicates()
        self.places: dict[tuple[str, str], int] = {}

    def load(self, path: Path, storage: JournalStorage) -> None:
        """Take in all that is stored (Corrupt if a document is no record)."""
        for table in [*TABLES.values(), META]:
            for number, document in storage.rows(table).items():
                try:
                    self.add(records.decode(table, copied(document)), int(number))
                except ValueError as error:
                    raise Corrupt(path, f"document {number} of table {table}: {error}") from error

    def add(self, entry: Record | MetaValue, number: int) -> None:
        """Take in what the document of this number holds."""
        match entry:
            case Variant():
                self.variants[entry.id] = entry
                self.by_fingerprint.setdefault(entry.fingerprint, entry.id)
                self.places[TABLES[Variant], entry.id] = number
            case Measurement():
                self.measurements.setdefault(entry.variant, []).append(entry)
                self._replicate(entry)
            case Call():
                self.calls.append(entry)
            case Event():
                self.events.append(entry)
            case MetaValue():
                self.meta[entry.key] = entry.value
                self.places[META, entry.key] = number

    def _replicate(self, measurement: Measurement) -> None:
        """Let a score count for the noise, unless something was chosen by it."""
        founder = not self.variants[measurement.variant].parents
        if measurement.score is not None and measurement.purpose in unchosen(founder):
            self.replicates.add(measurement.digest, measurement.seed, measurement.score)
