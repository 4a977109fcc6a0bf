"""What differs between two sources, and how that is shown."""

from __future__ import annotations

import difflib

from rich.console import RenderableType
from rich.syntax import Syntax
from rich.text import Text

from evolve.report.untrusted import code
from population.store import Population


def between(population: Population, old: str, new: str, before: str, after: str) -> str:
    """Return the unified diff of two sources, empty where there is none.

    Args:
        population: holds both.
        old: content hash of the first.
        new: content hash of the second.
        before: what the first is called.
        after: what the second is called.
    """
    one, other = population.source(old).splitlines(), population.source(new).splitlines()
    return "\n".join(difflib.unified_diff(one, other, before, after, lineterm=""))


def painted(diff: str, nothing: str) -> RenderableType:
    """Return a diff in colours, or what to say where there is none."""
    if not diff:
        return Text(nothing, style="dim")
    return Syntax(code(diff), "diff", theme="ansi_dark", background_color="default", word_wrap=True)
