"""A task that is somebody's own program: it is run, and says its score itself."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evolve.errors import InputError
from evolve.settings import Settings, flag_of
from evolve.tasks import evaluating, layouts, limits, readers, workspace
from evolve.tasks.limits import Limit, LimitError
from evolve.tasks.readers import Evaluation, Reader, ReaderError
from evolve.tasks.workspace import Shown
from population.variant import Direction

FILE = "{file}"
"""What stands for the variant's file in a command."""

SELF_REPORTED = "self-reported"
BY_EVALUATOR = "said by its evaluator"
"""Whose word a score is: the program's, or that of an evaluator in whose process it may have run."""

STAGES = (0.5, 0.75, 0.9)
"""What the stages of an evaluator are passed by, where nothing else is said; as in OpenEvolve."""

VERDICT = 3
"""Number of the open file that an evaluator's verdict goes to; a program that it starts does not have it."""

_RUNNER = Path(evaluating.__file__)


@dataclass(frozen=True, slots=True)
class CommandTask:
    """A program in any language, and how its score is read.

    Args:
        command: words of the command, ``{file}`` in the place of the variant's file.
        file: name of that file, in a folder that each burst has for itself.
        reader: finds the score.
        direction: which way it is better.
        also: names of further numbers that are kept.
        files: what the program finds beside it.
        digest: content hash of these, in hex.
        seconds: after which it is ended.
        trust: whose word the score is.
        about: what it is for, in the user's words.
        limits: what its further numbers may be.
    """

    name: ClassVar[str] = "command"

    command: tuple[str, ...]
    file: str
    reader: Reader
    direction: Direction
    also: tuple[str, ...]
    files: tuple[Shown, ...]
    digest: str
    seconds: float
    trust: str = SELF_REPORTED
    about: str = ""
    limits: tuple[Limit, ...] = ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the further numbers that are looked for: those that are kept, and those with a limit."""
        return tuple(dict.fromkeys([*self.also, *(limit.name for limit in self.limits)]))

    @property
    def metric(self) -> str:
        """Name of the score."""
        return self.reader.name

    @property
    def entry(self) -> str | None:
        """Nothing that a Python program must define; None for a program in another language."""
        return "" if is_python(self.file) else None

    def describe(self) -> str:
        """Return what the program is, how it is run and scored, and what it must keep."""
        words = shlex.join(self.command).replace(shlex.quote(FILE), self.file)
        beside = ", ".join(one.name for one in self.files) or "nothing"
        also = f" {', '.join(self.also)} are recorded, too." if self.also else ""
        if self.limits:
            also += f" Whatever the score, a program fails unless {' and '.join(map(str, self.limits))}."
        run, keep = (
            (f"run as `{words}`", "it computes and reports its score as it does now")
            if self.trust == SELF_REPORTED
            else ("given to an evaluator", "it defines what the evaluator calls or reads, as it does now")
        )
        return (
            f"The program {self.file}, {run} in an empty folder of its own; beside it: {beside} "
            "(read-only).\n"
            f"{self.about.strip()}\n\n"
            f"Metric: {self.metric}: {self.reader.told()}. "
            f"{'Lower' if self.direction is Direction.MINIMIZE else 'Higher'} is better.{also}\n\n"
            f"What the program must keep: it comes to its end by itself, within {self.seconds:g} seconds; "
            f"{keep}, for that is what variants are compared by: a variant that changes how the score is "
            "computed, or states one that it did not earn, is worth nothing. The seed of a run is in the "
            "environment variable EVOLVE_SEED. It runs confined: no network, no files but its own folder and "
            "what programs and libraries consist of."
        ).replace("\n\n\n", "\n")

    def fingerprint(self) -> str:
        """Return the content hash of all that scores rest on: the files, the command, how it is read."""
        said = json.dumps(
            [self.command, self.file, self.reader.told(), self.direction.value, *map(str, self.limits)]
        )
        return hashlib.sha256(f"{self.digest} {said}".encode()).hexdigest()

    def origin(self) -> str:
        """Name what scores rest on."""
        return "the command, and the files beside the program"


def is_python(file: str) -> bool:
    """Say whether a program is in Python, by the name of its file."""
    return file.endswith(".py")


def asked(settings: Settings) -> bool:
    """Say whether settings mean a user's own program, by any of its settings."""
    own = ("command", "metric", "metric_file", "metric_line", "evaluator")
    return any(getattr(settings, name) is not None for name in own)


def from_settings(settings: Settings, seconds: float) -> CommandTask:
    """Return the task that settings mean.

    Args:
        settings: with a command, or with an evaluator.
        seconds: after which it is ended.

    Raises:
        InputError: one sentence on what is missing or cannot be used.
    """
    for name in ("data", "context", "windows", "burst_tokens"):
        if getattr(settings, name) is not None:
            raise InputError(f"{flag_of(name)} is for the language task, not for a program of yours")
    if settings.rung or settings.early_stop:
        raise InputError(
            "--rung and --early-stop need bursts that can be cut short, which a program of yours cannot"
        )
    folder = settings.workspace or settings.seed_file.resolve().parent
    file = settings.variant_file or settings.seed_file.name
    if "/" in file or file in (".", ".."):
        raise InputError(f"--variant-file {file}: give a name; the variant lies in the folder itself")
    ways = _by_command if settings.evaluator is None else _by_evaluator
    command, reader, direction, trust = ways(settings, folder)
    files = workspace.shown(folder, file, settings.copies)
    return CommandTask(
        command=command,
        file=file,
        reader=reader,
        direction=direction,
        also=settings.also,
        files=files,
        digest=workspace.digest(files),
        seconds=seconds,
        trust=trust,
        about=settings.about or "",
        limits=_limits(settings),
    )


def _limits(settings: Settings) -> tuple[Limit, ...]:
    """Read the limits (InputError when one cannot be read)."""
    try:
        return tuple(map(limits.parse, settings.limits))
    except LimitError as error:
        raise InputError(str(error)) from error


Way = tuple[tuple[str, ...], Reader, Direction, str]
"""How a program is run and its score read: the command, the reader, the direction, whose word it is."""


def _by_command(settings: Settings, folder: Path) -> Way:
    """Read the settings of a program that states its score."""
    if settings.command is None:
        raise InputError("a metric is given and no --command; give the command that prints it, with {file}")
    if settings.objective is not None or settings.stages is not None:
        raise InputError("--objective and --stages are for an --evaluator, not for a --command")
    try:
        reader = readers.reader_of(settings.metric, settings.metric_file, settings.metric_line)
    except ReaderError as error:
        raise InputError(str(error)) from error
    if settings.direction is None:
        raise InputError(f"is more {reader.name} better, or less? give --direction maximize or minimize")
    return _words(settings.command, folder), reader, Direction(settings.direction), SELF_REPORTED


def _by_evaluator(settings: Settings, folder: Path) -> Way:
    """Read the settings of a program with an evaluator."""
    given = {"--command": settings.command, "--metric": settings.metric}
    given |= {"--metric-file": settings.metric_file, "--metric-line": settings.metric_line}
    for flag, value in given.items():
        if value is not None:
            raise InputError(f"give --evaluator or {flag}, not both: a score is read in one way")
    evaluator = settings.evaluator
    assert evaluator is not None
    path = evaluator.resolve()
    if not path.is_file():
        raise InputError(f"--evaluator {evaluator}: there is no such file")
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"--evaluator {evaluator}: it must lie in the program's folder, {folder}")
    text = path.read_text(encoding="utf-8", errors="replace")
    name = str(path.relative_to(folder.resolve()))
    if "def evaluate" not in text and "__main__" not in text:
        raise InputError(f"{path} defines no evaluate(path), and is no program that writes metrics.json")
    stages = STAGES if settings.stages is None else settings.stages
    words = [layouts.python(folder), "-P", str(_RUNNER), name, FILE, str(VERDICT)]
    words += [word for one in stages for word in ("--threshold", f"{one!r}")]
    words += [] if settings.objective is None else ["--objective", settings.objective]
    reader = Evaluation(settings.objective or evaluating.COMBINED)
    return tuple(words), reader, Direction(settings.direction or "maximize"), BY_EVALUATOR


def _words(command: str, folder: Path) -> tuple[str, ...]:
    """Split a command into words, and look for its program.

    Raises:
        InputError: it cannot be split, names no file, or its program is not there.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"--command {command!r} cannot be read as a shell would: {error}") from error
    if not any(FILE in word for word in words):
        raise InputError(f"--command {command!r} does not say where the program's file goes: put {{file}}")
    program = words[0]
    if FILE not in program and not (folder / program).exists():
        found = shutil.which(program, path=searched())
        if found is None:
            raise InputError(f"--command: there is no program {program!r} here")
        words[0] = found
    return tuple(words)


def searched() -> str:
    """Return where programs are looked for: first beside the Python that runs us."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
