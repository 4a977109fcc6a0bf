"""What is seen while a search runs: a live board, plain lines, or JSON lines."""

from __future__ import annotations

import dataclasses
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from evolve.progress import Snapshot
from evolve.report import figures
from evolve.report.board import Board
from evolve.report.terminal import Forgiving, forgiving, to_json
from evolve.report.untrusted import one_line
from population.ledger import Event

_SILENT = frozenset({"passed"})  # kinds of events that only programs are told of: there are too many of them
QUIET = 60.0  # seconds of search between two lines of progress where there is no board
STYLES = {
    "champion": "bold yellow",
    "contender": "magenta",
    "left": "dim",
    "refusal": "dim",
    "rung": "dim",
    "pruned": "yellow",
    "tuned": "cyan",
    "lessons": "cyan",
    "credit": "cyan",
    "stopped": "bold",
    "order": "blue",
    "directions": "blue",
    "held": "bold magenta",
    "torn": "red",
    "paused": "bold red",
    "continued": "green",
}


class Display(Protocol):
    """Shows a search to whoever looks. Never raises, whatever becomes of the output."""

    def event(self, event: Event) -> None:
        """Show that something happened."""

    def update(self, snapshot: Snapshot) -> None:
        """Show how the search stands; to be called a few times a second."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Stopwatch:
    """Times events from the first one on, or from a unix time."""

    def __init__(self, start: float | None = None) -> None:
        self._start = start

    def stamp(self, event: Event) -> str:
        """Return the time since the first event, six characters wide at least."""
        if self._start is None:
            self._start = event.at
        return f"{figures.duration(event.at - self._start):>6}"


class Unmanaged:
    """A display that needs no opening and no closing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class PlainDisplay(Unmanaged):
    """One line per event, as it happens, for pipes and logs; what is said again and again is counted."""

    def __init__(self, console: Console, start: float | None = None) -> None:
        self._console = forgiving(console)
        self._watch = Stopwatch(start)
        self._said = 0.0
        self._last = ("", "")
        self._again = 0

    def event(self, event: Event) -> None:
        """Print one line."""
        stamp, text = self._watch.stamp(event), sentence(event)
        if event.kind in _SILENT:
            return
        if (event.kind, text) == self._last:
            self._again += 1
            return
        self._line(stamp, event.kind, text)
        self._last = (event.kind, text)

    def update(self, snapshot: Snapshot) -> None:
        """Print a line of progress once in a while."""
        if snapshot.elapsed - self._said >= QUIET:
            self._said = snapshot.elapsed
            self._line(f"{figures.duration(snapshot.elapsed):>6}", "progress", one_line(progress(snapshot)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._counted()

    def _line(self, stamp: str, kind: str, text: str) -> None:
        self._counted()
        self._print(f"{stamp}  {one_line(kind):<10} {text}", STYLES.get(kind, ""))

    def _counted(self) -> None:
        """Say how often the last line was said again."""
        if self._again:
            self._print(f"{'':<19}the same {figures.counted(self._again, 'more time')}", "dim")
        self._again, self._last = 0, ("", "")

    def _print(self, line: str, style: str) -> None:
        self._console.print(Text(line, style=style), soft_wrap=True)
        self._console.file.flush()


class JsonDisplay(Unmanaged):
    """One JSON object per line: for other programs."""

    def __init__(self, stream: TextIO | Forgiving) -> None:
        self._stream = stream if isinstance(stream, Forgiving) else Forgiving(stream)
        self._said = 0.0

    def event(self, event: Event) -> None:
        """Write the event."""
        self._write(
            {"event": event.kind, "text": event.text, "at": event.at, "data": dict(event.data)},
        )

    def update(self, snapshot: Snapshot) -> None:
        """Write the snapshot once in a while."""
        if snapshot.elapsed - self._said >= QUIET:
            self._said = snapshot.elapsed
            self._write({"event": "progress", "data": dataclasses.asdict(snapshot)})

    def _write(self, data: object) -> None:
        self._stream.write(to_json(data) + "\n")
        self._stream.flush()


class LiveDisplay:
    """A board that is repainted in place; what should stay, such as new champions, is printed above it."""

    def __init__(self, console: Console) -> None:
        self._console = forgiving(console)
        self._watch = Stopwatch()
        self._board = Board()
        # no thread of its own: a search forks
        self._live = Live(self._board, console=self._console, auto_refresh=False, transient=True)

    def event(self, event: Event) -> None:
        """Note an idea on the board; print above it what should stay."""
        stamp = self._watch.stamp(event)
        self._board.note(event)
        if event.kind in ("started", "champion", "torn", "stopped"):
            self._console.print(
                Text(f"{stamp}  {one_line(event.text)}", style=STYLES.get(event.kind, "")), highlight=False
            )
        self._live.refresh()

    def update(self, snapshot: Snapshot) -> None:
        """Repaint the board."""
        self._board.snapshot = snapshot
        self._live.refresh()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def choose_display(json: bool, console: Console) -> Display:
    """Choose how to show a search: JSON lines when asked for, a board on a terminal, else plain lines."""
    forgiving(console)
    if json:
        return JsonDisplay(console.file)  # type: ignore[arg-type]
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveDisplay(console)
    return PlainDisplay(console)


def sentence(event: Event) -> str:
    """Say what happened in one line, with the idea behind it where that is known."""
    operator, hypothesis = (one_line(str(event.data.get(key) or "")) for key in ("operator", "hypothesis"))
    idea = f"  [{operator}] {hypothesis}" if hypothesis and hypothesis not in event.text else ""
    return one_line(event.text) + idea


def progress(snapshot: Snapshot) -> str:
    """Say in one line how a search stands."""
    parts = [
        f"{b.name} {figures.budget(b.name, b.used)} of {figures.budget(b.name, b.limit)}"
        for b in snapshot.budgets
    ] or [figures.counted(snapshot.evaluations, "burst")]
    if snapshot.best is not None:
        best = figures.estimate(snapshot.best, figures.places_of(snapshot.best))
        parts.append(f"best {snapshot.metric} {best} ({snapshot.champion})")
    parts.append(f"{snapshot.running} of {snapshot.slots} slots busy")
    if snapshot.asking:
        parts.append(f"{figures.counted(snapshot.asking, 'LLM call')} under way")
    if snapshot.dollars or snapshot.unpriced:
        parts.append(figures.dollars(snapshot.dollars, snapshot.unpriced))
    if snapshot.remaining is not None:
        parts.append(f"about {figures.duration(snapshot.remaining)} left")
    return ", ".join(parts)
