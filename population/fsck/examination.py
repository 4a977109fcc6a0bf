"""Examining a run, and carrying out what would put it right."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from population import disk, records
from population.errors import NotARun
from population.fsck import bookkeeping, documents, quarantine, relations, runfiles
from population.fsck.case import Case, counted
from population.fsck.findings import NONE, QUARANTINED, Conventions, Finding, Level, Remedy
from population.fsck.salvage import Salvage, aside, rewrite
from population.fsck.sources import Sources
from population.journal import Journal
from population.ledger import Event
from population.lock import Lock, holder
from population.records import TABLES
from population.store import JOURNAL, LOCK

REPAIRED = "repaired"
"""Kind of the event that tells of a repair."""

_EVENTS = TABLES[Event]


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a run.

    Args:
        findings: what is wrong, or odd.
        counts: what there is: commits of the journal, and documents of each table.
        writer: id of the process that writes the run now, None when nobody does.
    """

    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    writer: int | None

    @property
    def whole(self) -> bool:
        """Say whether nothing is wrong."""
        return not any(finding.level is Level.ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did.

    Args:
        before: what was found.
        after: what is found now; what was not repaired is there again.
        event: what was put on record, None if there was nothing to do.
        kept: name of the journal as it was, empty if it was only added to.
        quarantined: how much was moved to the quarantine.
    """

    before: Examination
    after: Examination
    event: Event | None
    kept: str
    quarantined: int


def examine(folder: Path, conventions: Conventions = NONE) -> Examination:
    """Check a run, also while a search writes it; nothing is changed.

    Raises:
        NotARun: there is no population in the folder.
        Corrupt: its journal is of another version.
        PopulationError: it cannot be read.
    """
    writer = holder(folder / LOCK)
    with Salvage(folder / JOURNAL) as salvage:
        writer = writer or holder(folder / LOCK)
        return _summary(_examined(folder, salvage, conventions, writer), writer)


def repair(folder: Path, conventions: Conventions = NONE, clock: Callable[[], float] = time.time) -> Repair:
    """Check a run and repair what can be repaired; with nothing to repair, nothing is written.

    Raises:
        Locked: another process writes it.
        StoreFull, StoreFailed: the disk did not take it; the journal is as it was.
        NotARun, Corrupt, PopulationError: as in ``examine``.
    """
    if not (folder / JOURNAL).exists():
        raise NotARun(folder / JOURNAL, "no population here")
    with ExitStack() as stack:
        stack.callback(Lock(folder / LOCK).release)
        case = _examined(folder, stack.enter_context(Salvage(folder / JOURNAL)), conventions, None)
        before, remedy = _summary(case, None), case.remedy
        if not remedy.does_something:
            return Repair(before, before, None, "", 0)
        event = _event(remedy, round(clock(), 3))
        kept = _carried_out(folder, case, event)
        again = stack.enter_context(Salvage(folder / JOURNAL))
        after = _summary(_examined(folder, again, conventions, None), None)
        return Repair(before, after, event, kept, len(remedy.taken))


def _examined(folder: Path, salvage: Salvage, conventions: Conventions, writer: int | None) -> Case:
    """Run all checks, each on what the ones before it leave."""
    case = Case(salvage, Sources.read(folder))
    _check_lines(case, writer)
    documents.read(case)
    mentions = bookkeeping.read(case, conventions)
    relations.check(case)
    bookkeeping.check(case, conventions, mentions)
    runfiles.check(case, conventions, mentions, folder, writer)
    return case


def _summary(case: Case, writer: int | None) -> Examination:
    tables = {table: len(rows) for table, rows in case.salvage.tables.items()}
    return Examination(tuple(case.remedy.findings), {"commits": case.salvage.lines, **tables}, writer)


def _check_lines(case: Case, writer: int | None) -> None:
    """See that the journal consists of a header and whole lines."""
    salvage, remedy = case.salvage, case.remedy
    if not salvage.headed:
        case.find(Level.ERROR, "header", "line 1 is not the header of a population", "line 1", "written anew")
        remedy.lines += 1
    for number in salvage.joined:
        case.find(Level.ERROR, "line", "the line is whole, but its end is not", f"line {number}", "mended")
        remedy.lines += 1
    torn = [] if salvage.torn is None else [salvage.torn]
    for one in [*salvage.damages, *torn]:
        what, where = f"the line ({counted(one.length, 'byte')}) {one.why}", f"line {one.line}"
        if one is salvage.torn and writer is not None:
            case.find(Level.INFO, "torn tail", "the line is being written", where)
            continue
        case.find(Level.ERROR, "torn tail" if one is salvage.torn else "line", what, where, QUARANTINED)
        case.take(JOURNAL, what, partial(salvage.raw, one.offset, one.length), one.place)
        remedy.lines += 1


def _event(remedy: Remedy, at: float) -> Event:
    """Tell of a repair in one sentence."""
    counts = {
        "line": remedy.lines,
        "document": len(remedy.removed | remedy.replaced.keys()),
        "source": len(remedy.sources),
        "other file": remedy.files,
    }
    done = ", ".join(counted(count, noun) for noun, count in counts.items() if count)
    text = f"put right: {done}; {len(remedy.taken)} kept in {quarantine.FILE}"
    data = {f"{noun.split()[-1]}s": count for noun, count in counts.items()}
    return Event(REPAIRED, text, at, {**data, "quarantined": len(remedy.taken)})


def _carried_out(folder: Path, case: Case, event: Event) -> str:
    """Carry a remedy out, the quarantine first, the journal last; return what the old one is called now."""
    remedy, salvage = case.remedy, case.salvage
    if remedy.taken:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event.at))
        quarantine.keep(folder, remedy.taken, when)
    for name, data in remedy.sources.items():
        path = case.sources.path(name)
        disk.make_folder(path.parent)
        disk.write_whole(path, data)
    for path, data in remedy.written.items():
        disk.write_whole(path, data)
    _tidy(remedy)
    number, text = case.free(_EVENTS), records.encode(event)
    if not remedy.rewrites:
        with closing(Journal(folder / JOURNAL, write=True)) as opened:
            opened.append([(_EVENTS, number, text)])
        return ""
    for table, one in remedy.removed:
        del salvage.tables[table][one]
    for (table, one), document in remedy.replaced.items():
        salvage.tables.setdefault(table, {})[one] = document
    salvage.tables.setdefault(_EVENTS, {})[number] = text
    return rewrite(folder / JOURNAL, salvage).name


def _tidy(remedy: Remedy) -> None:
    """Remove, cut and move files as a remedy says."""
    path = None
    try:
        for path in remedy.moved:
            path.replace(aside(path))
        for path, length in remedy.cuts:
            os.truncate(path, length)
        for path in remedy.unneeded:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in [*remedy.moved, *remedy.unneeded]}:
            disk.sync_folder(folder)
    except OSError as error:
        assert path is not None
        raise disk.refused(path, "not repaired", error) from error
