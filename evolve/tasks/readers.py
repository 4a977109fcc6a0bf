"""Reading a score out of what a program printed or wrote (pure). It is the program's own word."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import regex  # as re, but it can be told to give up

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

_MOST = 32  # numbers of an evaluator that are kept
_PATIENCE = 3.0  # seconds that a user's expression may take on what a variant printed


class ReaderError(ValueError):
    """A way to read a score that cannot be used."""


class Unread(Exception):
    """There is no score in what a program left.

    Args:
        reason: why, in a sentence for its author.
        said: what whoever looked for it said beside that.
    """

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said


@dataclass(frozen=True, slots=True)
class Left:
    """What a program left.

    Args:
        output: what it printed, on both streams.
        document: the text of the file that it was to write; None when that cannot be had.
        why: why not.
    """

    output: str
    document: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A score, and what was there beside it.

    Args:
        score: the score.
        also: further numbers, by their names.
        said: text for whoever writes the next program.
    """

    score: float
    also: Mapping[str, float] = field(default_factory=dict)
    said: str = ""


class Reader(Protocol):
    """Finds the score, and further numbers by their names."""

    @property
    def name(self) -> str:
        """What the score is called."""

    @property
    def file(self) -> str:
        """The file that the program has to write, relative to its folder; empty when it need not."""

    def told(self) -> str:
        """Say to a program's author how the score is found."""

    def read(self, left: Left, also: Iterable[str]) -> Found:
        """Return what is there.

        Raises:
            Unread: there is no score, or it is no number.
        """


@dataclass(frozen=True, slots=True)
class Pattern:
    """The score is the group of the last match of a regular expression in what is printed.

    Args:
        text: the expression, with one group; ``^`` and ``$`` match at the ends of lines.

    Raises:
        ReaderError: it is no expression, or has not one group.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            groups = regex.compile(self.text).groups
        except regex.error as error:
            raise ReaderError(f"{self.text!r} is no regular expression: {error}") from None
        if groups != 1:
            raise ReaderError(
                f"{self.text!r} has {groups or 'no'} group{'s' * (groups > 1)}; put the number, and nothing "
                "else, in parentheses, such as 'loss: ([0-9.]+)'"
            )

    file = ""

    @property
    def name(self) -> str:
        """The last word before the group."""
        words = re.findall(r"[A-Za-z_][\w./-]*\w", re.sub(r"\\[A-Za-z]", " ", self.text.partition("(")[0]))
        return words[-1] if words else "score"

    def told(self) -> str:
        """Say how the score is found."""
        return f"the group of the last match of the regular expression {self.text} in what it prints"

    def read(self, left: Left, also: Iterable[str]) -> Found:
        """Return the last match, and the last ``name: number`` of each further name."""
        try:
            every = regex.finditer(self.text, left.output, regex.MULTILINE, timeout=_PATIENCE)
            matches = deque(every, maxlen=1)
        except TimeoutError:
            raise Unread(f"{self.text!r} takes over {_PATIENCE:g} s on what it printed") from None
        if not matches:
            raise Unread(f"nothing that it printed matches {self.text!r}")
        return Found(_number(self.name, matches[0].group(1)), _named(left.output, also))


@dataclass(frozen=True, slots=True)
class Line:
    """The score stands under a key of the last line printed that is a JSON object."""

    key: str
    file = ""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    def told(self) -> str:
        """Say how the score is found."""
        return f"the number under {self.key!r} in the last line printed that is a JSON object"

    def read(self, left: Left, also: Iterable[str]) -> Found:
        """Return what stands in the last such line."""
        for line in reversed(left.output.splitlines()):
            if line.lstrip().startswith("{") and isinstance(found := _parsed(line), dict):
                return _of(found, self.key, also, "the last JSON line")
        raise Unread("no line that it printed is a JSON object")


@dataclass(frozen=True, slots=True)
class Document:
    """The score stands under a key of a JSON file that the program writes."""

    file: str
    key: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    def told(self) -> str:
        """Say how the score is found."""
        return f"the number under {self.key!r} in the JSON file {self.file} that it writes in its folder"

    def read(self, left: Left, also: Iterable[str]) -> Found:
        """Return what stands in the file."""
        if left.document is None:
            raise Unread(left.why or f"it wrote no file {self.file}")
        found = _parsed(left.document)
        if not isinstance(found, dict):
            raise Unread(f"{self.file} holds no JSON object")
        return _of(found, self.key, also, self.file)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The score is what an evaluator said of the program (see ``evaluating``), with all its other numbers."""

    objective: str
    file = ""  # it comes another way, which a variant does not have

    @property
    def name(self) -> str:
        """The number that counts."""
        return self.objective

    def told(self) -> str:
        """Say how the score is found."""
        return f"{self.objective!r} of what its evaluator returns"

    def read(self, left: Left, also: Iterable[str]) -> Found:
        """Return what the evaluator said; all its numbers are kept."""
        found = None if left.document is None else _parsed(left.document)
        if not isinstance(found, dict):
            raise Unread("its evaluator came to no end")
        said = str(found.get("said", ""))
        if "problem" in found:
            raise Unread(str(found["problem"]), said)
        score, metrics = _number(self.objective, found.get("score")), found.get("metrics")
        numbers = metrics.items() if isinstance(metrics, dict) else ()
        more = {str(k): float(v) for k, v in numbers if k != self.objective and _is_number(v)}
        return Found(score, dict([*more.items()][:_MOST]), said)


def reader_of(pattern: str | None, file: str | None, line: str | None) -> Reader:
    """Return the one way to read a score that is given.

    Args:
        pattern: a regular expression.
        file: ``FILE:KEY``, or ``FILE`` for the key ``score``.
        line: a key.

    Raises:
        ReaderError: none is given, or more than one, or it cannot be used.
    """
    given = [one for one in (pattern, file, line) if one is not None]
    if len(given) != 1:
        raise ReaderError(
            "give one of --metric REGEX, --metric-file FILE:KEY and --metric-line KEY"
            + ("" if not given else f", not {len(given)}: a score is read in one way")
        )
    if pattern is not None:
        return Pattern(pattern)
    if line is not None:
        return Line(line)
    name, _, key = str(file).partition(":")
    if not name or name.startswith(("/", "~")) or ".." in name.split("/"):
        raise ReaderError(f"--metric-file {file}: give FILE:KEY, with a file in the program's own folder")
    return Document(name, key or "score")


def _of(found: Mapping[str, Any], key: str, also: Iterable[str], where: str) -> Found:
    """Take numbers from a JSON object; a dotted key goes into inner objects."""
    score = _at(found, key)
    if score is None:
        known = ", ".join(map(repr, list(found)[:8]))
        raise Unread(f"there is no {key!r} in {where}, which has {known or 'nothing'}")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise Unread(f"{key!r} in {where} is {json.dumps(score)[:80]}, no number")
    more = {name: value for name in also if _is_number(value := _at(found, name))}
    return Found(_number(key, score), {name: float(value) for name, value in more.items()})


def _at(found: Any, key: str) -> Any:
    """Return what stands under a dotted key, None when nothing does."""
    if isinstance(found, dict) and key in found:
        return found[key]
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _parsed(text: str) -> Any:
    """Read JSON; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _number(name: str, value: Any) -> float:
    """Return a score.

    Raises:
        Unread: it is no number.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise Unread(f"{name} is {str(value)[:80]!r}, no number") from None


def _named(output: str, names: Iterable[str]) -> dict[str, float]:
    """Return the last ``name: number`` or ``name = number`` of each name."""
    found = {}
    for name in names:
        matches = re.findall(rf"(?<![\w.]){re.escape(name)}[\"']?\s*[:=]\s*({NUMBER})", output)
        if matches and math.isfinite(value := float(matches[-1])):
            found[name] = value
    return found
