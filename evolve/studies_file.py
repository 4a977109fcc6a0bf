"""The file of an Optuna study: log lines, appended whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend, JournalFileBackend


class StudyFile(JournalFileBackend):
    """An Optuna journal of whole lines; other processes are kept out by the population's lock.

    Optuna's own would append to a line that a full disk cut short, and its locks are files that a kill leaves
    behind, to be waited for at the next start.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self._file = file

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines to the disk, whole or not at all.

        Raises:
            OSError: the disk did not take them; the file is as it was before.
        """
        self._cut_torn_tail()
        data = memoryview("".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode())
        with self._file.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                while data:
                    data = data[file.write(data) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    def _cut_torn_tail(self) -> None:
        """Cut a last line that was left unfinished: Optuna reads up to it, but not past it."""
        data = self._file.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            os.truncate(self._file, whole)


class Draft(BaseJournalBackend):
    """Log lines of a study that has no file yet."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """Return the lines from this number on."""
        return self.logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Keep lines."""
        self.logs += logs
