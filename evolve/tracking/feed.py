"""Tell trackers what a display is shown.

Each has a process of its own, so that none can stop, slow down or crash a search, however it fails or hangs.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from evolve.progress import Snapshot
from evolve.report.live import Display, Unmanaged
from evolve.report.untrusted import one_line
from evolve.settings import Settings, differing
from evolve.tracking.tracker import Told
from operators.transcripts import SECRET_NAMES
from population.errors import PopulationError
from population.ledger import Event
from population.store import Population
from population.variant import Direction

KEY = "tracking"
"""Under which the population keeps the id that trackers know the search by."""

PATIENCE = 30.0  # seconds that a tracker has at the end of a search
_POLL = 0.05
_CHUNK = 1 << 16
_MEASURED = frozenset({"measured", "replicated", "tuned"})
_OWN = ("WANDB_", "MLFLOW_", "AWS_", "DATABRICKS_")  # what trackers and their stores are reached by


class Feed:
    """The process of one tracker, and what it has not read yet.

    Args:
        name: of the tracker.
        told: what it is told first.
    """

    def __init__(self, name: str, told: Told) -> None:
        self.name = name
        self._log = Path(told.folder) / "logs" / f"{name}.log"
        self._log.parent.mkdir(exist_ok=True)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "evolve.tracking", name],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment(),
                start_new_session=True,  # Ctrl-C is not for it: what was told is to be kept
            )
        assert self.process.stdin is not None
        self._pipe = self.process.stdin.fileno()
        os.set_blocking(self._pipe, False)
        self._waiting = bytearray()
        self.over = False
        self.send(dataclasses.asdict(told))

    def send(self, message: object) -> None:
        """Tell it something, as soon as it listens."""
        if not self.over:
            self._waiting += json.dumps(message).encode() + b"\n"
            self._push()

    def failure(self) -> str | None:
        """Say how it failed, once; None while it has not."""
        if self.over:
            return None
        self._push()
        return None if self.process.poll() is None else self._ended()

    def close(self, patience: float = PATIENCE) -> str | None:
        """Let it finish, and end it if it does not; say how it failed, None if it did not."""
        if self.over:
            return None
        give_up = time.monotonic() + patience
        while self._waiting and self.process.poll() is None and time.monotonic() < give_up:
            time.sleep(_POLL)
            self._push()
        self._hang_up()
        try:
            self.process.wait(max(0.0, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()
            self.over = True
            return f"{self.name} did not finish in {patience:g} s, and was ended; see {self._log}"
        if self.process.returncode:
            return self._ended()
        self.over = True
        return None

    def kill(self) -> None:
        """End it at once."""
        self._hang_up()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # it leads a group, with what it has started
            self.process.wait()

    def _hang_up(self) -> None:
        """Say that nothing more comes."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()

    def _push(self) -> None:
        """Write what the pipe takes now."""
        with suppress(BlockingIOError, BrokenPipeError):  # a broken one: the process is over, and found so
            while self._waiting:
                del self._waiting[: os.write(self._pipe, self._waiting[:_CHUNK])]

    def _ended(self) -> str:
        """Say in one sentence how it ended; nothing more is sent."""
        self.over = True
        self._waiting.clear()
        self._hang_up()
        said: list[str] = []
        with suppress(OSError):
            said = self._log.read_text("utf-8", "replace").strip().splitlines()
        why = one_line(said[-1]) if said else f"exit code {self.process.returncode}"
        return f"{self.name} is told nothing more, the search goes on: {why} (see {self._log})"


class Tracked(Unmanaged):
    """A display in front of another, which tells trackers what that is shown.

    Args:
        display: the other.
        population: open; of the search.
        feeds: the trackers.
    """

    def __init__(self, display: Display, population: Population, feeds: Sequence[Feed]) -> None:
        self._display = display
        self._population = population
        self._feeds = feeds
        self._evaluations = 0.0
        self._last: tuple[float, dict[str, float]] | None = None

    def event(self, event: Event) -> None:
        """Show it; tell of a score, and of a new champion's source."""
        self._display.event(event)
        variant = self._population.variants.get(str(event.data.get("variant")))
        if variant is not None and event.kind in _MEASURED:
            fitness = self._population.fitness(variant.id)
            if fitness is not None:
                self._send("numbers", self._evaluations, {"score": fitness.mean})
        elif variant is not None and event.kind == "champion":
            with suppress(PopulationError):  # `fsck` says more of it
                source = self._population.source(variant.digest).encode("utf-8", "replace").decode()
                self._send("champion", self._evaluations, variant.id, source, one_line(variant.hypothesis))
        self.complain()

    def update(self, snapshot: Snapshot) -> None:
        """Show it; tell of its numbers when they have changed."""
        self._display.update(snapshot)
        self._evaluations = snapshot.evaluations
        now = (snapshot.evaluations, numbers(snapshot))
        if now != self._last:
            self._last = now
            self._send("numbers", now[0], {**now[1], "hours": snapshot.elapsed / 3600})
        self.complain()

    def complain(self) -> None:
        """Say which tracker has failed: each once."""
        for feed in self._feeds:
            if (why := feed.failure()) is not None:
                self.note(why)

    def note(self, text: str) -> None:
        """Show a sentence."""
        self._display.event(Event("note", text, round(time.time(), 3)))

    def _send(self, *message: object) -> None:
        method, *given = message
        for feed in self._feeds:
            feed.send([method, given])


@contextmanager
def tracked(display: Display, settings: Settings, population: Population) -> Iterator[Display]:
    """Tell the trackers of the settings what a display is shown, if there are any.

    Args:
        display: that.
        settings: of the search.
        population: open for writing.
    """
    if not settings.track:
        yield display
        return
    if population.meta(KEY) is None:
        population.set_meta(**{KEY: secrets.token_hex(8)})
    told = Told(
        str(population.meta(KEY)),
        str(population.folder),
        str(population.meta("metric")),
        Direction(population.meta("direction")).value,
        differing(settings),
    )
    with ExitStack() as stack:
        feeds: list[Feed] = []
        found = Tracked(display, population, feeds)
        for name in dict.fromkeys(settings.track):
            try:
                feeds.append(Feed(name, told))
                stack.callback(feeds[-1].kill)
            except OSError as error:
                found.note(f"{name} cannot be told, the search goes on: {error.strerror or error}")
        try:
            yield found
        finally:
            for feed in feeds:
                if (why := feed.close()) is not None:
                    found.note(why)


def numbers(snapshot: Snapshot) -> dict[str, float]:
    """Return the numbers of a snapshot that charts are drawn of; none that is unknown."""
    values: dict[str, float] = {
        "dollars": snapshot.dollars,
        "variants": snapshot.variants,
        "failed": snapshot.failed,
        "refused": snapshot.refused,
    }
    if snapshot.best is not None:
        values |= {"best": snapshot.best.mean, "best_error": snapshot.best.standard_error}
    if snapshot.seed is not None:
        values |= {"seed": snapshot.seed.mean}
    if snapshot.best is not None and snapshot.seed is not None:
        values["gain"] = Direction(snapshot.direction).gain(snapshot.best.mean, over=snapshot.seed.mean)
    return {
        name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)
    }


def environment() -> Mapping[str, str]:
    """Return our environment without the keys of models, with this package in reach."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_OWN) or not name.endswith(SECRET_NAMES)
    }
    paths = [str(Path(__file__).resolve().parents[2]), kept.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
