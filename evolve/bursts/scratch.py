"""A burst's working directory: emptied and weighed by those who do not trust what lies in it.

Everything here goes by the folder's descriptor and follows no link, so that a folder which a variant has
replaced by a link to yours is never entered. Nothing in it is ever opened as a file: a FIFO would block.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

_MOST_ENTRIES = 5_000
_DEEPEST = 50
_BLOCK = 512  # bytes that st_blocks counts in, whatever the file system


def opened(folder: Path) -> int:
    """Return a descriptor of a folder, which must be one itself and no link to one.

    Raises:
        OSError: it is not there, or is no folder.
    """
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that goes; one that is not there is fine."""
    with contextlib.suppress(OSError):
        inside = opened(folder)
        try:
            empty(inside)
        finally:
            os.close(inside)
        folder.rmdir()


def empty(folder: int) -> None:
    """Remove everything in a folder, as far as that goes; nobody may be writing to it any more.

    What lies in inner folders is moved up first: neither their depth nor their modes stop it.
    """
    steps = 0
    unused = f".{os.urandom(8).hex()}"
    while names := os.listdir(folder):
        before = steps
        for name in names:
            with contextlib.suppress(OSError):
                steps = _remove(folder, name, unused, steps)
        if steps == before:
            return


def _remove(folder: int, name: str, unused: str, steps: int) -> int:
    """Remove one entry, a folder after its entries were moved up beside it; return the steps so far."""
    if not _is_folder(name, folder):
        os.unlink(name, dir_fd=folder)
        return steps + 1
    os.chmod(name, 0o700, dir_fd=folder)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        for entry in os.listdir(inner):  # noqa: PTH208 - by its descriptor
            steps += 1
            if _is_folder(entry, inner):
                os.chmod(entry, 0o700, dir_fd=inner)  # one that nobody may write to cannot be moved
            os.rename(entry, f"{unused}.{steps}", src_dir_fd=inner, dst_dir_fd=folder)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=folder)
    return steps + 1


def _is_folder(name: str, folder: int) -> bool:
    """Say whether an entry is a folder; a link to one is not."""
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def used_of_mount(folder: int, most: int) -> int:
    """Return the bytes used in the file system that a folder is the root of; too many, if files are."""
    found = os.fstatvfs(folder)
    taken = (found.f_blocks - found.f_bfree) * found.f_frsize
    return taken if found.f_files - found.f_ffree <= _MOST_ENTRIES else max(taken, most + 1)


def used(folder: int, most: int) -> int:
    """Return the bytes that files in a folder take; more than ``most`` when they cannot all be counted."""
    total, entries = 0, 0
    queue = [(".", 0)]
    while queue:
        path, depth = queue.pop()
        try:
            inner = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):  # gone since it was listed
            continue
        except OSError:  # closed to us, or too deep to be named
            return most + 1
        try:
            for name in os.listdir(inner):  # noqa: PTH208 - by its descriptor
                entries += 1
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=inner, follow_symlinks=False)
                    total += status.st_blocks * _BLOCK
                    if stat.S_ISDIR(status.st_mode):
                        queue.append((f"{path}/{name}", depth + 1))
        finally:
            os.close(inner)
        if total > most or entries > _MOST_ENTRIES or depth > _DEEPEST:
            return max(total, most + 1)
    return total


def used_unlinked(pids: Iterable[int]) -> int:
    """Return the bytes of files that these processes hold open and that have no name any more."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        found[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
    return sum(found.values())
