"""What an export wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from evolve.report.figures import counted
from evolve.report.untrusted import one_line


def exported(tables: Mapping[str, int], target: Path | None) -> Iterator[RenderableType]:
    """Say in one line what was written, and how it is opened; nothing where there is no file."""
    if target is None:
        return
    counts = ", ".join(f"{count:,} {one_line(name)}" for name, count in tables.items())
    documents = counted(sum(tables.values()), "document")
    opened = f"tinydb.TinyDB({str(target)!r})"
    said = f"{documents} ({counts or 'no table'}); open them by {opened}"
    yield Group(Text(said, no_wrap=True, overflow="ignore"))  # a bare text would be wrapped


def exported_data(tables: Mapping[str, int], target: Path | None) -> dict[str, Any]:
    """Return the same as plain data."""
    return {} if target is None else {"file": str(target), "tables": dict(tables)}
