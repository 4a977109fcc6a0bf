"""Titled parts and tables that several pages are made of."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evolve.report.untrusted import one_line


def model_name(name: str) -> Text:
    """Return a model's name, which gives way when there is no room."""
    return Text(one_line(name) or "–", overflow="ellipsis", no_wrap=True)  # noqa: RUF001


def columns(left: Iterable[str], right: Iterable[str]) -> Table:
    """Return a table with names on the left and numbers on the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in left:
        table.add_column(heading, no_wrap=heading != "model")
    for heading in right:
        table.add_column(heading, no_wrap=True, justify="right")
    return table


def section(title: str, body: RenderableType) -> list[RenderableType]:
    """Return a titled part."""
    return [Text(f"\n{title}", style="bold"), Padding(body, (0, 0, 0, 2))]
