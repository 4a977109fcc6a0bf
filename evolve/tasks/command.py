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
from evolve.settings import Settings
from evolve.tasks import readers, workspace
from evolve.tasks.readers import Reader, ReaderError
from evolve.tasks.workspace import Shown
from population.variant import Direction

FILE = "{file}"
"""What stands for the variant's file in a command."""


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
    """

    name: ClassVar[str] = "command"
    trust: ClassVar[str] = "self-reported"

    command: tuple[str, ...]
    file: str
    reader: Reader
    direction: Direction
    also: tuple[str, ...]
    files: tuple[Shown, ...]
    digest: str
    seconds: float

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
        return (
            f"The program {self.file}, run as `{words}` in an empty folder of its own; beside it: {beside} "
            "(read-only).\n"
            f"Metric: {self.metric}: {self.reader.told()}. "
            f"{'Lower' if self.direction is Direction.MINIMIZE else 'Higher'} is better.{also}\n\n"
            f"What the program must keep: it runs to its end by itself, within {self.seconds:g} seconds, and "
            "exits with 0; it computes and reports its score as it does now, for that is what variants are "
            "compared by: a variant that changes how the score is computed, or prints one that it did not "
            "earn, is worth nothing. The seed of a run is in the environment variable EVOLVE_SEED. It runs "
            "confined: no network, no files but its own folder and what programs and libraries consist of."
        )

    def fingerprint(self) -> str:
        """Return the content hash of all that scores rest on: the files, the command, how it is read."""
        said = json.dumps([self.command, self.file, self.reader.told(), self.direction.value])
        return hashlib.sha256(f"{self.digest} {said}".encode()).hexdigest()

    def origin(self) -> str:
        """Name what scores rest on."""
        return "the command, and the files beside the program"


def is_python(file: str) -> bool:
    """Say whether a program is in Python, by the name of its file."""
    return file.endswith(".py")


def asked(settings: Settings) -> bool:
    """Say whether settings mean a user's own program, by any of its settings."""
    own = (settings.command, settings.metric, settings.metric_file, settings.metric_line)
    return any(one is not None for one in own)


def from_settings(settings: Settings, seconds: float) -> CommandTask:
    """Return the task that settings mean.

    Args:
        settings: with a command.
        seconds: after which it is ended.

    Raises:
        InputError: one sentence on what is missing or cannot be used.
    """
    if settings.command is None:
        raise InputError("a metric is given and no --command; give the command that prints it, with {file}")
    for name in ("data", "context", "windows", "burst_tokens"):
        if getattr(settings, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} is for the language task, not for a --command")
    if settings.rung or settings.early_stop:
        raise InputError(
            "--rung and --early-stop need bursts that can be cut short, which a --command cannot"
        )
    folder = settings.workspace or settings.seed_file.resolve().parent
    file = settings.variant_file or settings.seed_file.name
    try:
        reader = readers.reader_of(settings.metric, settings.metric_file, settings.metric_line)
    except ReaderError as error:
        raise InputError(str(error)) from error
    if settings.direction is None:
        raise InputError(f"is more {reader.name} better, or less? give --direction maximize or minimize")
    files = workspace.shown(folder, file, settings.copies)
    return CommandTask(
        command=_words(settings.command, folder),
        file=file,
        reader=reader,
        direction=Direction(settings.direction),
        also=settings.also,
        files=files,
        digest=workspace.digest(files),
        seconds=seconds,
    )


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
