"""The command that writes down what a run came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolve.commands.common import AnyRun, Json, chosen, console, write
from evolve.errors import InputError
from evolve.finding import opened
from evolve.page.frozen import frozen
from evolve.report.markdown import write_markdown
from evolve.report.terminal import to_json

app = typer.Typer()


@app.command()
def report(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="NAME.html: the page, in one file; NAME.md: for a pull request"),
    ],
    folder: AnyRun = None,
    as_json: Json = False,
) -> None:
    """Write what a run came to: the page as one file, or Markdown with a picture."""
    match output.suffix.lower():
        case ".html":
            folder = chosen(folder)
            with opened(folder) as population:
                write(output, frozen(population))
            files = [output]
        case ".md":
            write_markdown(chosen(folder), output)
            files = [output, output.with_suffix(".png")]
        case _:
            raise InputError(f"{output}: a report's name ends in .html or .md")
    if as_json:
        print(to_json({"files": [str(file) for file in files]}))
    else:
        for file in files:
            size = file.stat().st_size / 1e6
            console.print(f"{file} ({size:.1f} MB)", markup=False, highlight=False, soft_wrap=True)
