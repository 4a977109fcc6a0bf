"""Where reports are written: a console that no odd character, closed pipe or full disk can bring down."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

_PLAIN = str.maketrans(
    dict(zip("★◆●○✗│├─└→·…×–—▁▂▃▄▅▆▇█", "*#o.x||-`>.~x--_.-~=+*#", strict=True))  # noqa: RUF001
)


class Forgiving(io.TextIOBase):
    """A text stream in front of another: writes what that one's encoding can hold, and never raises.

    Once the reader has gone (a closed pipe, a lost terminal, a full disk) it is silent: the run folder
    holds everything, and a search that costs money must not end because nobody looks.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream behind."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def gone(self) -> bool:
        """Say whether nobody reads any more."""
        return self._gone

    def writable(self) -> bool:
        """Say yes."""
        return True

    def isatty(self) -> bool:
        """Say whether a person looks at it."""
        return not self._gone and self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream behind."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write what can be written."""
        if not self._gone:
            try:
                self._stream.write(encodable(text, self.encoding))
            except (OSError, ValueError):  # ValueError: the stream was closed
                self._leave()
        return len(text)

    def flush(self) -> None:
        """Flush, unless nobody reads any more."""
        if not self._gone:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._leave()

    def _leave(self) -> None:
        """Send what is still buffered nowhere, so that Python's own flush at exit does not complain."""
        self._gone = True
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def encodable(text: str, encoding: str) -> str:
    """Return ``text`` as far as ``encoding`` can hold it, at the same width on the screen."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.replace("± ", "+-").translate(_PLAIN)
        return plain.encode(encoding, "replace").decode(encoding)
    return text


def forgiving(console: Console) -> Console:
    """Put a ``Forgiving`` stream under a console, unless it has one, and return the console."""
    if not isinstance(console.file, Forgiving):
        console.file = Forgiving(console.file)  # type: ignore[assignment, arg-type]
    return console


def open_console(stream: TextIO) -> Console:
    """Return a console on ``stream``; nothing is highlighted but what a report colours itself."""
    return Console(file=Forgiving(stream), highlight=False, markup=False, emoji=False)  # type: ignore[arg-type]


def invocation(*words: str) -> str:
    """Return a command of ours as it can be typed here, also when ``python`` is another one than ours."""
    ours, here = Path(sys.executable), Path.cwd()
    typed = "python"
    if shutil.which(typed) != str(ours):
        typed = str(ours.relative_to(here) if ours.is_relative_to(here) else ours)
    return shlex.join([typed, "-m", "evolve", *words])


class Commands:
    """Commands to type next, each on one line that is never cut, and what each is for where there is room.

    Print it with ``crop=False``, or Rich cuts the lines.
    """

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        self._rows = rows

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        width = max(len(command) for command, _ in self._rows)
        room = options.max_width >= width + 2 + max(len(why) for _, why in self._rows)
        for command, why in self._rows:
            line = Text(command, style="cyan", no_wrap=True, overflow="ignore")
            yield line.append(f"{'':{width + 2 - len(command)}}{why}", style="dim") if room else line


def to_json(data: Any, indent: int | None = None) -> str:
    """Write plain data as JSON, in ASCII; a number that is not finite becomes ``null``."""
    return json.dumps(plain(data), indent=indent, allow_nan=False)


def plain_dict(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report's data as ``json.dumps`` of any caller can write it (see ``plain``)."""
    return {key: plain(value) for key, value in data.items()}


def plain(data: Any) -> Any:
    """Return ``data`` as JSON knows it: no number that is not finite, lists for tuples, text for keys."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return data
