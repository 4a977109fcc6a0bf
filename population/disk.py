"""Files that a crash leaves whole or absent, and what it means when the disk refuses to take them."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from population.errors import StoreFailed, StoreFull

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an ``OSError`` says when there may be room later."""

TEMPORARY = ".tmp"
"""What the name of a file ends with while it is being written."""


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in place by temporary file, fsync and rename: after a crash it is whole or absent.

    Raises:
        StoreFull, StoreFailed: the disk did not take it.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            write_all(file, data, 0)
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise refused(path, "not written", error) from error


def open_file(path: Path, flags: int) -> int:
    """Open a file and return its number; what is no file is an OSError, and a pipe is not waited for."""
    file = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "it is no file", str(path))


def keep(path: Path, data: bytes) -> None:
    """Have a file hold this, and its folder with it; what is there already is not written again.

    Raises:
        StoreFull, StoreFailed: the disk did not take it.
    """
    if not (path.is_file() and path.read_bytes() == data):
        make_folder(path.parent)
        write_whole(path, data)
        return
    keep_name(path)  # a kill may have come before that


def keep_name(path: Path) -> None:
    """See to it that a power cut does not take back the name of a file.

    Raises:
        StoreFull, StoreFailed: the disk did not take it.
    """
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise refused(path, "its folder could not be written", error) from error


@contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """Make a folder whole or not at all: yield where to lay it down, then give it its name; OSErrors pass.

    Nothing stays where what is done inside raises, but for a kill: then a hidden draft lies beside it.
    """
    draft = folder.with_name(f".{folder.name}.{os.getpid()}{TEMPORARY}")
    try:
        yield draft
        draft.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that a crash does not take them back.

    Raises:
        StoreFull, StoreFailed: the disk did not take it.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise refused(folder, "cannot be made", error) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a crash."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def refused(path: Path, what: str, error: OSError) -> StoreFull | StoreFailed:
    """Return what to raise when the disk refuses something: whether there may be room later, or not."""
    kind = StoreFull if error.errno in NO_ROOM else StoreFailed
    return kind(path, f"{what}, the disk said: {error.strerror}")


def write_all(file: int, data: bytes, at: int) -> int:
    """Write at an offset, return the one behind; a disk that fills up in the middle is an OSError."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
    return at
