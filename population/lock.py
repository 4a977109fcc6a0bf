"""One writer per population: a lock that ends with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from population.errors import Locked, PopulationError


class Lock:
    """An exclusive ``flock`` on a file that names its holder.

    The kernel drops it when the holder ends, however it ends; a file left behind locks nothing. A
    program started by the holder does not inherit it, but a plain ``fork`` does: fork workers
    before taking it.

    Raises:
        Locked: another process (or another lock in this one) holds it.
        PopulationError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file: int | None = None
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise PopulationError(path, f"cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).strip()
            os.close(file)
            raise Locked(path, int(holder) if holder.isdigit() else None) from None
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)
        self._file = file

    def release(self) -> None:
        """Let another process have it; a second time does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def holder(path: Path) -> int | None:
    """Return the id of the process that holds the lock, None when nobody does."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(file, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(file)
    return None
