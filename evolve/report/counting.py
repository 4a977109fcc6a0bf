"""What is seen while bursts are counted down: a bar, plain lines, or nothing."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from evolve.report import figures
from evolve.report.terminal import forgiving
from evolve.report.untrusted import one_line


class Counter(Protocol):
    """Counts the bursts of one task down. Never raises, whatever becomes of the output."""

    def begin(self, text: str, bursts: int) -> None:
        """Say what is about to be measured, in so many bursts."""

    def ended(self, text: str) -> None:
        """Say that one more burst has ended, and what it came to."""

    def tick(self) -> None:
        """Show the time that passes."""

    def close(self) -> None:
        """Leave the screen as it was."""


class Silent:
    """Shows nothing: for machines, which read the result."""

    def begin(self, text: str, bursts: int) -> None:
        """Show nothing."""

    def ended(self, text: str) -> None:
        """Show nothing."""

    def tick(self) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


class Lines:
    """One line a burst: for pipes, logs and dumb terminals."""

    def __init__(self, console: Console) -> None:
        self._console = forgiving(console)
        self._start = self._bursts = self._ended = 0

    def begin(self, text: str, bursts: int) -> None:
        """Print what is about to be measured."""
        self._start, self._bursts, self._ended = round(time.monotonic()), bursts, 0
        self._print(one_line(text))

    def ended(self, text: str) -> None:
        """Print what a burst came to."""
        self._ended += 1
        stamp = figures.duration(time.monotonic() - self._start)
        self._print(f"{stamp:>6}  {self._ended} of {self._bursts}  {one_line(text)}")

    def tick(self) -> None:
        """Print nothing."""

    def close(self) -> None:
        """Print nothing."""

    def _print(self, text: str) -> None:
        self._console.print(Text(text), highlight=False, soft_wrap=True)


class Bar:
    """A bar that is repainted in place, under what is measured; gone at the end."""

    def __init__(self, console: Console) -> None:
        self._console = forgiving(console)
        self._progress = self._anew()

    def begin(self, text: str, bursts: int) -> None:
        """Print what is about to be measured, and draw the bar when that takes any burst."""
        self._console.print(Text(one_line(text)), highlight=False)
        if bursts:
            self._progress = self._anew()
            self._progress.add_task("", total=bursts)
            self._progress.start()

    def ended(self, text: str) -> None:
        """Move the bar on, with what the last burst came to."""
        for task in self._progress.task_ids:
            self._progress.update(task, advance=1, description=one_line(text))
        self._progress.refresh()

    def tick(self) -> None:
        """Repaint the bar."""
        self._progress.refresh()

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()

    def _anew(self) -> Progress:
        """Return a bar that has not begun; no thread of its own repaints it."""
        return Progress(
            BarColumn(30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False, style="dim"),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )


def choose_counter(json: bool, console: Console) -> Counter:
    """Choose how to count: not at all for a machine, a bar on a terminal, else plain lines."""
    forgiving(console)
    if json:
        return Silent()
    if console.is_terminal and not console.is_dumb_terminal:
        return Bar(console)
    return Lines(console)
