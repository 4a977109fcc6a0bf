"""What commands share: where they print, their usual arguments, how an error is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType

from evolve import finding
from evolve.errors import InputError
from evolve.report.terminal import to_json
from evolve.report.untrusted import one_line

console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="print JSON for machines")]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="the run folder", show_default=False)]
AnyRun = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="the run folder; default: the newest in runs/", show_default=False),
]


def chosen(folder: Path | None) -> Path:
    """Return the folder that is given, else the newest run, and say which that is.

    Raises:
        InputError: none is given, and there is no run.
    """
    if folder is not None:
        return folder
    newest = finding.newest()
    errors.print(str(newest), style="dim", markup=False, highlight=False, soft_wrap=True)
    return newest


def named(words: Sequence[str], *wanted: str) -> tuple[Path, tuple[str, ...]]:
    """Return the run and the variants that an argument ``[DIR] ID...`` names.

    Args:
        words: what is given.
        wanted: what each variant is called in the help.

    Raises:
        InputError: there are too few, or too many.
    """
    if len(words) == len(wanted) and not Path(words[0]).is_dir():
        return chosen(None), tuple(words)
    if len(words) == len(wanted) + 1:
        return Path(words[0]), tuple(words[1:])
    raise InputError(f"give {' and '.join(wanted)}, and before it the run folder unless it is the newest one")


def report(
    as_json: bool, data: Callable[[], Any], picture: Callable[[], RenderableType], crop: bool = True
) -> None:
    """Print a report, for a machine or for a person; some have lines longer than a screen is wide."""
    if as_json:
        print(to_json(data(), indent=2))
    else:
        console.print(picture(), crop=crop)


def write(file: Path, source: str) -> None:
    """Write a source to a file of the user's."""
    try:
        file.write_text(source, encoding="utf-8", errors="surrogatepass")
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error


def told(error: object, code: int) -> NoReturn:
    """Tell an error in one sentence, and exit."""
    errors.print(f"error: {one_line(str(error))}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
