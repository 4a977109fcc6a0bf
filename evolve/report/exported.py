"""What an export wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from evolve.report.figures import counted
from evolve.report.untrusted import one_line


def exported(tables: Mapping[str, int], target: Path) -> RenderableType:
    """Say in one line what was written, and how it is opened."""
    counts = ", ".join(f"{count:,} {one_line(name)}" for name, count in tables.items())
    documents = counted(sum(tables.values()), "document")
    opened = f"tinydb.TinyDB({str(target)!r})"
    said = f"{documents} ({counts or 'no table'}); open them by {opened}"
    return Group(Text(said, no_wrap=True, overflow="ignore"))  # a bare text would be wrapped
