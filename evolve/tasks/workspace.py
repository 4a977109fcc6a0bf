"""The files that a user's program finds beside it: chosen, hashed, and looked at again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.errors import InputError

_WHOLE = 64 << 20  # bytes up to which a file is hashed by its content, and not by size and time
_MOST = 20_000  # files that are looked at
_LEFT_OUT = {"__pycache__", "node_modules", "runs"}
_MARKS = ("pyvenv.cfg", "population.journal", "comparison.json")  # of environments, of runs, of several runs


@dataclass(frozen=True, slots=True)
class Shown:
    """A file or folder that a program may read.

    Args:
        name: where the program finds it, relative to its own folder; an absolute path stays where it is.
        source: where it lies.
    """

    name: str
    source: Path


def shown(folder: Path, seed: str, wanted: Sequence[str] | None) -> tuple[Shown, ...]:
    """Return what a program finds beside it.

    Args:
        folder: where the seed lies.
        seed: its file name there, in whose place the variant stands.
        wanted: files and folders relative to that one, or under ``~``, or absolute; None for all that lies
            in the folder but what is hidden, virtual environments, caches and runs.

    Raises:
        InputError: one is not there, or cannot be shown.
    """
    if wanted is None:
        entries = sorted(folder.iterdir())
        return tuple(Shown(one.name, one) for one in entries if one.name != seed and _usual(one))
    found: list[Shown] = []
    for text in wanted:
        one = _found(folder, seed, text)
        inside = next((other for other in found if _nested(one.name, other.name)), None)
        if inside is not None:
            raise InputError(f"--copy {text}: {one.name} and {inside.name} would lie in one another")
        found.append(one)
    return tuple(found)


def _nested(one: str, other: str) -> bool:
    """Say whether one path is another, or lies in it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _usual(entry: Path) -> bool:
    """Say whether something in a folder is likely to be of use to the program."""
    hidden = entry.name.startswith(".") or entry.name in _LEFT_OUT
    return not hidden and entry.exists() and not any((entry / name).exists() for name in _MARKS)


def _found(folder: Path, seed: str, text: str) -> Shown:
    """Find what the user names."""
    path = Path(text).expanduser()
    source = folder / path
    if not source.exists():
        raise InputError(f"--copy {text}: there is no {source}")
    if path.is_absolute() and not text.startswith("~/"):
        return Shown(str(path), source)
    name = os.path.normpath(text.removeprefix("~/"))
    if name == "." or name.startswith(".."):
        raise InputError(f"--copy {text}: give files and folders beside the program, or absolute paths")
    if name == seed:
        raise InputError(f"--copy {text}: that is the program itself, of which each variant has its own")
    return Shown(name, source)


def digest(files: Sequence[Shown]) -> str:
    """Return the hash of all that is shown, in hex: by content, very large files by size and time.

    Raises:
        InputError: one cannot be read, or there are too many.
    """
    total = hashlib.sha256()
    for name, path in _every(files):
        try:
            status = path.stat()
            if status.st_size <= _WHOLE:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                content = f"{status.st_size} {status.st_mtime_ns}"
        except OSError as error:
            raise InputError(
                f"{path} lies beside the program and cannot be read: {error.strerror}"
            ) from error
        total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()


def stamps(files: Sequence[Shown]) -> Mapping[str, tuple[int, ...]]:
    """Return size, times of change and number of each file: cheap to look at after every burst."""
    found = {}
    for name, path in _every(files):
        try:
            status = path.stat()
        except OSError:
            continue
        found[name] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return found


def _every(files: Sequence[Shown]) -> Iterator[tuple[str, Path]]:
    """Return each file, by the name that it is shown under, in an order of its own."""
    count = 0
    for one in sorted(files, key=lambda one: one.name):
        inside = [one.source] if one.source.is_file() else _files_in(one.source)
        for path in inside:
            count += 1
            if count > _MOST:
                raise InputError(
                    f"more than {_MOST} files lie beside the program; name those that it needs by --copy"
                )
            yield str(Path(one.name) / path.relative_to(one.source)), path


def _files_in(folder: Path) -> Iterator[Path]:
    """Return the files in a folder and below, in order."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(root, name)).is_file())
