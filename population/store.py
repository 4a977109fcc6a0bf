"""The population of one run, on the disk and in memory.

``folder/population.journal`` holds the records (see ``journal``), ``folder/variants/`` the sources by
content hash, ``folder/population.lock`` the id of the process that writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, cast

from population import disk, journal, records
from population.comparison import Difference, compare
from population.database import JournalDB, JournalStorage, JournalTable
from population.errors import AlreadyExists, Corrupt, NotARun, ReadOnly
from population.fitness import Fitness, estimate, evidence, screened
from population.genome import digest
from population.journal import Journal
from population.layout import Change
from population.ledger import Call, Event, Paid
from population.lock import Lock
from population.noise import Noise
from population.records import META, NOTES, TABLES, Gone, Note, Record
from population.variant import Direction, Measurement, Score, Variant
from population.views import Views

JOURNAL = "population.journal"
LOCK = "population.lock"
_DIGEST = re.compile(r"[0-9a-f]{32}")


class Population:
    """Everything known of a run; one process at a time may write it, any may read it.

    ``db`` is a TinyDB with the tables variants, measurements, calls, events and meta: query and change it
    as any other. The typed views show what was there at opening, what ``commit`` or ``stage`` added, and what
    a reader took in by ``refresh``; a change made through ``db`` shows in them at the next opening. Not for
    use by several threads at once.
    """

    db: JournalDB

    def __init__(self, folder: Path, opened: Journal, lock: Lock | None) -> None:
        self.folder = folder
        self._lock = lock
        self._take_up(opened)

    def _take_up(self, opened: Journal) -> None:
        """Show what this journal holds."""
        self.torn = opened.torn
        self.db = JournalDB(JournalStorage(opened, self._lock))
        self._journal = opened
        self._load()

    def _load(self) -> None:
        """Take in all that is stored."""
        views = Views(self._journal)
        views.load()
        self._views = views

    @classmethod
    def create(cls, folder: Path) -> Population:
        """Make an empty population in a folder, and open it for writing.

        Raises:
            AlreadyExists: there is one already.
            StoreFull: the disk did not take it.
        """
        if (folder / JOURNAL).exists():
            raise AlreadyExists(folder / JOURNAL, "there is a population already")
        disk.make_folder(folder)
        with ExitStack() as undo:
            lock = Lock(folder / LOCK)
            undo.callback(lock.release)
            journal.create(folder / JOURNAL)
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
        with _locked(folder) as lock:
            return cls._opened(folder, lock)

    @classmethod
    def _opened(cls, folder: Path, lock: Lock | None) -> Population:
        return cls(folder, Journal(folder / JOURNAL, write=lock is not None), lock)

    def refresh(self) -> bool:
        """Take in what another process has committed since; return whether there was anything.

        For a population that was opened for reading: what it costs is in proportion to what is new.

        Raises:
            ReadOnly: it was opened for writing, so that nobody else does.
            NotARun, Corrupt: as in ``open``.
        """
        if self._lock is not None:
            raise ReadOnly(
                self._journal.path, "a population that is written here has nothing to catch up with"
            )
        changes = self._journal.catch_up()
        if changes is None:
            self._take_up(Journal(self._journal.path))
            return True
        if any(self._views.take(*change) for change in changes):
            self._load()
        return bool(changes)

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The variants by id, in the order of their first commit, each as last committed."""
        return MappingProxyType(self._views.variants)

    def next_id(self) -> str:
        """Return the id of the next variant: no id is given twice, also where one is gone."""
        return f"v{1 + self._views.highest}"

    @property
    def by_fingerprint(self) -> Mapping[str, str]:
        """The id of the first variant with each fingerprint."""
        return MappingProxyType(self._views.by_fingerprint)

    @property
    def calls(self) -> Sequence[Call]:
        """The LLM calls, in order; each is read when it is looked at, as the events are."""
        return self._views.calls

    @property
    def paid(self) -> Paid:
        """What the LLM calls came to."""
        return self._views.paid

    @property
    def events(self) -> Sequence[Event]:
        """The events, in order."""
        return self._views.events

    def events_of(self, *kinds: str) -> Sequence[Event]:
        """Return the events of some kinds, in order."""
        return self._views.events_of(*kinds)

    @property
    def measured(self) -> Iterable[str]:
        """The ids of the variants that have been measured, in the order of their first burst."""
        return self._views.scores.keys()

    @property
    def measured_whole(self) -> Iterable[str]:
        """The ids of the variants that had a full burst, in the order of the first of these."""
        return self._views.whole.keys()

    def measurements(self, variant: str) -> Sequence[Measurement]:
        """Return the measurements of a variant, in order, whatever source of it they measured."""
        return self._views.measurements(variant)

    def scores(self, variant: str) -> Sequence[Score]:
        """Return what decisions need of a variant's measurements, in order; nothing is read from the disk."""
        return tuple(self._views.scores.get(variant, ()))

    def scores_in_order(self) -> Sequence[Score]:
        """Return the same of all variants, in the order of their coming."""
        return self._views.in_order()

    def spread(self) -> Noise:
        """Return the noise of one burst, pooled over all replicates."""
        return self._views.replicates.noise()

    def noise(self) -> float:
        """Return the standard deviation of one burst, NaN while nothing was measured twice."""
        return self.spread().deviation

    def evidence(self, variant: str) -> Mapping[int, float]:
        """Return the scores of a variant's current source that nothing was chosen by, by seed."""
        known = self._views.variants[variant]
        return evidence(self._views.scores.get(variant, ()), known.digest, founder=not known.parents)

    def fitness(self, variant: str) -> Fitness | None:
        """Return the estimate for a variant's current source, None without a score (KeyError if unknown).

        Scores that the variant was chosen by count only while there are no others.
        """
        scores = self.evidence(variant) or screened(
            self._views.scores.get(variant, ()), self._views.variants[variant].digest
        )
        return estimate(scores.values(), self.noise())

    def before(self, variant: str) -> list[Fitness]:
        """Return the estimates of a variant's parents, those left out that have none, or are gone."""
        parents = (one for one in self._views.variants[variant].parents if one in self._views.variants)
        return [fitness for one in parents if (fitness := self.fitness(one)) is not None]

    def difference(self, one: str, other: str, direction: Direction) -> Difference | None:
        """Return by how much a variant is better than another, by scores that nothing was chosen by."""
        return compare(self.evidence(one), self.evidence(other), direction, self.spread())

    def meta(self, key: str, default: Any = None) -> Any:
        """Return what ``set_meta`` kept under a key (not to be changed)."""
        return self._views.notes[META].get(key, default)

    def set_meta(self, **values: Any) -> None:
        """Keep small JSON values, durably (errors as in ``commit``)."""
        self.commit(meta=values)

    def notes(self, table: str) -> Mapping[str, Any]:
        """Return the notes of a table by key, in the order of their coming."""
        return MappingProxyType(self._views.notes[table])

    def commit(self, *given: Record | Note | Gone, meta: Mapping[str, Any] | None = None) -> None:
        """Record all of these in one durable append: after a crash they are all there, or none is.

        A variant known already is replaced. Keep its source first (``keep_source``). What has been staged
        before goes with them.

        Args:
            given: the records, parents before their children; notes to be kept or removed.
            meta: values for ``set_meta``, in the same append.

        Raises:
            StoreFull, StoreFailed: the disk did not take them; nothing was recorded.
            ReadOnly: the population was opened for reading, or closed.
            TypeError, ValueError: a record holds what JSON cannot, or what it should not; a parent or a
                measured variant is unknown, or a variant's parents changed.
        """
        changes = self._changes(given, meta or {})
        self._journal.append(changes)
        self._show(changes)

    def stage(self, *given: Record | Note | Gone, meta: Mapping[str, Any] | None = None) -> None:
        """Record all of these in memory; they reach the disk together, with the next ``flush`` or ``commit``.

        Raises:
            ReadOnly, TypeError, ValueError: as in ``commit``.
        """
        changes = self._changes(given, meta or {})
        self._journal.stage(changes)
        self._show(changes)

    def flush(self) -> None:
        """Write what has been staged, in one durable append.

        Raises:
            StoreFull, StoreFailed: the disk did not take it; it stays staged, to be tried again.
        """
        if self._journal.staged:
            self._journal.append([])

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
        disk.keep(path, data)
        return name

    def has_source(self, name: str) -> bool:
        """Say whether there is a source of this content hash, without reading it."""
        return self._source_path(name).is_file()

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
            raise Corrupt(path, f"the source cannot be read: {reason}; `evolve fsck` says more") from error
        if digest(text) != name:
            raise Corrupt(
                path, "the source has been changed, its content does not match its name; see `evolve fsck`"
            )
        return text

    def close(self) -> None:
        """Let another process write; what was loaded stays readable. A second time does nothing."""
        self.db.close()
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

    def _changes(self, given: Sequence[Record | Note | Gone], meta: Mapping[str, Any]) -> list[Change]:
        """Return the changes of documents that these records are, each of them checked."""
        self._check(given)
        taken: dict[tuple[str, str], int] = {}
        changes: list[Change] = []
        for record in [*given, *(Note(META, key, value) for key, value in meta.items())]:
            if isinstance(record, Gone):
                number = self._views.places.get((record.table, record.key))
                changes += [] if number is None else [(record.table, number, None)]
            elif isinstance(record, Note):
                text = records.encode(record)
                changes.append(self._placed(record.table, record.key, text, taken))
            else:
                table, text = TABLES[type(record)], records.encode(record)
                name = record.id if isinstance(record, Variant) else ""
                records.check(table, text)
                changes.append(self._placed(table, name, text, taken))
        return changes

    def _show(self, changes: Sequence[Change]) -> None:
        """Take changes into the views."""
        for table, number, text in changes:
            assert number is not None
            if text is None:
                self._views.forget(table, number)
            else:
                self._views.add(table, number, text)

    def _check(self, given: Sequence[Record | Note | Gone]) -> None:
        """Refuse records that would leave a lineage with a hole, or a measurement of nobody."""
        known = self._views.variants
        new: set[str] = set()
        for record in given:
            if isinstance(record, Measurement) and record.variant not in known and record.variant not in new:
                raise ValueError(f"a measurement of {record.variant}, which is not in the population")
            if isinstance(record, Note | Gone) and not records.holds_notes(record.table):
                raise ValueError(f"a table of notes begins with {NOTES}, got {record.table}")
            if not isinstance(record, Variant):
                continue
            missing = [parent for parent in record.parents if parent not in known and parent not in new]
            if missing:
                raise ValueError(f"a parent of {record.id}, {missing[0]}, is not in the population")
            if record.id in known and known[record.id].parents != record.parents:
                raise ValueError(f"{record.id} is in the population already, with other parents")
            new.add(record.id)

    def _placed(self, table: str, name: str, text: bytes, taken: dict[tuple[str, str], int]) -> Change:
        """Return the change that puts a document in its place: a new one, or that of the same name."""
        number = taken.get((table, name)) if name else None
        if number is None and name:
            number = self._views.places.get((table, name))
            place = self._journal.tables.get(table, {}).get(number) if number is not None else None
            if place is None or records.name(self._journal.text(place)) != name:
                number = None  # there is none, or it was removed through ``db``
            elif table == TABLES[Variant]:
                text = records.merged(self._journal.text(place), text)  # what somebody wrote beside it stays
        if number is None:
            number = cast(JournalTable, self.db.table(table)).next_id()
        if name:
            taken[table, name] = number
        return table, number, text


@contextmanager
def _locked(folder: Path) -> Iterator[Lock]:
    """Take the lock of a population; it is given back only if the work under it fails."""
    if not (folder / JOURNAL).is_file():
        raise NotARun(folder / JOURNAL, "no population here")
    lock = Lock(folder / LOCK)
    try:
        yield lock
    except BaseException:
        lock.release()
        raise


def open_database(folder: Path, *, write: bool = False) -> JournalDB:
    """Open the documents of a population as a TinyDB, without the typed views.

    It shows what was there at opening, also while a search runs. Everything that TinyDB does works; a change
    is on the disk when its call returns.

    Args:
        folder: the run folder.
        write: whether it is to be changed; nobody else may write it meanwhile, so ``close`` it.

    Raises:
        NotARun, Locked, Corrupt: as in ``Population.open``.
    """
    if not write:
        return JournalDB(JournalStorage(Journal(folder / JOURNAL)))
    with _locked(folder) as lock:
        return JournalDB(JournalStorage(Journal(folder / JOURNAL, write=True), lock))
