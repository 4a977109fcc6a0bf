"""One process of a search, listened to while it runs."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.system.command import Event, started

PATIENCE = 180.0  # seconds that a search may be silent


class Sitting:
    """A search's process: the JSON lines that it has printed so far, and its end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told: list[Event] = []
        self.errors = ""
        self.own = psutil.Process(process.pid)
        self._more = threading.Condition()
        self._readers = [threading.Thread(target=one, daemon=True) for one in (self._listen, self._heed)]
        self._ended = False
        for reader in self._readers:
            reader.start()

    @property
    def runs(self) -> bool:
        """Say whether it has not ended."""
        return self.process.poll() is None

    def until(self, enough: Callable[[], bool]) -> bool:
        """Wait until it has told enough; False when it ends before.

        Raises:
            TimeoutError: it does neither.
        """
        with self._more:
            while not enough() and not self._ended:
                if not self._more.wait(PATIENCE):
                    raise TimeoutError(f"it hangs; its last line: {self.told[-1:]}")
            return enough()

    def count(self, *kinds: str) -> int:
        """Count the events of some kinds that it has told of."""
        return sum(event["event"] in kinds for event in [*self.told])

    def killed(self) -> bool:
        """Kill the engine alone; False when it had ended by itself. Then take its last words."""
        self.process.kill()
        return self.end() == -9

    def end(self) -> int:
        """Wait for its end, and take its last words; return its exit code."""
        deadline = time.monotonic() + PATIENCE
        for reader in self._readers:
            reader.join(max(0.0, deadline - time.monotonic()))
        return self.process.wait(max(0.0, deadline - time.monotonic()))

    def _listen(self) -> None:
        """Take its lines; one that a kill cut short does not count."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                with self._more:
                    self.told.append(json.loads(line))
                    self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def _heed(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()


@contextmanager
def sitting(*arguments: object, cwd: Path, **extra: str) -> Iterator[Sitting]:
    """Start the command line with ``--json`` and listen to it; it ends here at the latest."""
    with started(*arguments, "--json", cwd=cwd, **extra) as process:
        one = Sitting(process)
        try:
            yield one
        finally:
            process.kill()
            one.end()
