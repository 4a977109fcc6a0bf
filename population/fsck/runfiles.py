"""The files of a run beside its journal: sources, studies, transcripts, what a crash left half-written."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from population.disk import TEMPORARY
from population.fsck.bookkeeping import Mentions
from population.fsck.case import Case, counted, listed
from population.fsck.findings import QUARANTINED, STAYS, Conventions, Level
from population.fsck.salvage import Damage, aside
from population.fsck.sources import FOLDER, SEED_FILE
from population.layout import lines
from population.store import JOURNAL

STUDIES, TRANSCRIPTS = "studies", "transcripts"
_LEFT = (
    f"{JOURNAL}{TEMPORARY}",
    f"evolve.toml{TEMPORARY}",
    f"{SEED_FILE}{TEMPORARY}",
    f"lessons.md{TEMPORARY}",
    f"data/*{TEMPORARY}",
    f"{FOLDER}/**/*{TEMPORARY}",
    f"{STUDIES}/*{TEMPORARY}",
    f"{TRANSCRIPTS}/.draft-*",
)


def check(case: Case, conventions: Conventions, mentions: Mentions, folder: Path, writer: int | None) -> None:
    """Check them all.

    Args:
        case: the run, its records checked already.
        conventions: say which files a search needs.
        mentions: what its notes speak of.
        folder: where it lies.
        writer: id of the process that writes it now; what it has begun is no fault.
    """
    _check_needed(case, conventions, folder)
    _check_sources(case, mentions)
    for path in sorted((folder / STUDIES).glob("*.log")):
        _check_study(case, folder, path, writer)
    _check_transcripts(case, folder)
    if writer is None:
        _check_leftovers(case, folder)


def _check_needed(case: Case, conventions: Conventions, folder: Path) -> None:
    """See that the files are there that no search can go on without; the seed is on record too."""
    for name, read in conventions.files.items():
        path = folder / name
        try:
            read(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            what = f"no search can go on: {reason}"
            seed = _seed(case) if name == SEED_FILE and (path.is_file() or not path.exists()) else None
            case.remedy.find(Level.ERROR, "file", what, name, STAYS if seed is None else "written anew")
            if seed is None:
                continue
            if path.is_file():
                case.take(name, what, path.read_bytes, {})
            case.remedy.written[path] = seed


def _seed(case: Case) -> bytes | None:
    """Return the source of the seed variant as it was given, None if it is lost."""
    given = next((one.proposed for one in case.known.variants.values() if not one.parents), None)
    text = None if given is None else case.sources.text(given)
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _check_sources(case: Case, mentions: Mentions) -> None:
    """See that every source is what its name says, also where nobody asks for it."""
    needed = {name for one in case.known.variants.values() for name in (one.digest, one.proposed)}
    needed |= {
        name for key, one in mentions.items() if key in case.known.notes for _, name in one.sources if name
    }
    for name in sorted(case.sources.changed - needed - case.remedy.sources.keys()):
        where, what = case.sources.where(name), "the source has been changed, and nobody needs it"
        case.remedy.find(Level.WARNING, "source", what, where, QUARANTINED)
        case.take(where, what, case.sources.path(name).read_bytes, {})
        case.remedy.unneeded.append(case.sources.path(name))
    unused = len(case.sources.whole - needed - case.known.digests)
    if unused:
        what = f"{counted(unused, 'source')} of no variant and no measurement"
        case.remedy.find(Level.INFO, "source", what, FOLDER)


def _check_study(case: Case, folder: Path, path: Path, writer: int | None) -> None:
    """See that every line of an Optuna journal can be read; with a damaged one inside it Optuna cannot."""
    where, find = str(path.relative_to(folder)), case.remedy.find
    try:
        damages, followed = _damaged_lines(path)
    except OSError as error:
        find(Level.ERROR, "study", f"it cannot be read: {error.strerror}", where)
        return
    if damages and not followed and writer is not None:
        find(Level.INFO, "torn tail", f"line {damages[0].line} is being written", where)
        return
    repair = f"moved to {aside(path).name}; a search makes it anew" if followed else QUARANTINED
    kind, said = ("study", "is no line of a study") if followed else ("torn tail", "was cut short by a crash")
    for one in damages:
        find(Level.ERROR, kind, f"line {one.line} ({counted(one.length, 'byte')}) {said}", where, repair)
        case.take(where, f"line {one.line} {said}", partial(_part, path, one), one.place)
    if followed:
        case.remedy.moved.append(path)
    elif damages:
        case.remedy.cuts.append((path, damages[0].offset))


def _damaged_lines(path: Path) -> tuple[list[Damage], bool]:
    """Return the lines of a study's file that cannot be read, and whether one that can follows them."""
    damages: list[Damage] = []
    followed = False
    with path.open("rb") as file:
        for line in lines(file, path.stat().st_size):
            if _is_log(line.data):
                followed = bool(damages)
            else:
                damages.append(Damage(line.number, line.offset, len(line.data)))
    return damages, followed


def _is_log(line: bytes) -> bool:
    """Say whether this is a line of an Optuna journal (its numbers may be infinite: no strict JSON)."""
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _part(path: Path, damage: Damage) -> bytes:
    """Return the bytes of a damaged line."""
    with path.open("rb") as file:
        file.seek(damage.offset)
        return file.read(damage.length)


def _check_transcripts(case: Case, folder: Path) -> None:
    """See that what was said in each call can be read."""
    missing = [name for name in case.known.transcripts if not (folder / TRANSCRIPTS / name).is_file()]
    if missing:
        what = f"{counted(len(missing), 'transcript')} of calls missing: {listed(missing)}"
        case.remedy.find(Level.WARNING, "transcript", what, TRANSCRIPTS)


def _check_leftovers(case: Case, folder: Path) -> None:
    """Look for files that were being written when somebody was killed; nothing refers to them."""
    for path in sorted(path for pattern in _LEFT for path in folder.glob(pattern) if path.is_file()):
        what = "it was being written when its writer was killed"
        case.remedy.find(Level.WARNING, "leftover", what, str(path.relative_to(folder)), "removed")
        case.remedy.unneeded.append(path)
