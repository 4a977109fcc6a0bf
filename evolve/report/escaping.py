"""Text that a variant or a model wrote, made safe to stand in Markdown: it stays text (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from evolve.report.untrusted import code, one_line

_SIGNS = re.compile(r"[&<|`*\[\]\\~#@$]|(?<![^\W_])_|_(?![^\W_])|:(?! |$)|(?<=www)\.", re.IGNORECASE)
_RUNS = re.compile(r"`+")


def escaped(text: str) -> str:
    """Return ``text`` as one line in which nothing is Markdown, HTML or a link; such signs are entities."""
    return _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", one_line(text))


def literal(text: str) -> str:
    """Return ``text`` as code in one line; no site looks for names or issues in it. A dash if it is empty."""
    inside = escaped(text)
    return f"<code>{inside}</code>" if inside else "–"  # noqa: RUF001


def fenced(text: str, language: str = "") -> str:
    """Return lines as a block of code that they cannot end; what is invisible in them is spelled out."""
    shown = code("\n".join(text.splitlines()))
    longest = max((len(run) for run in _RUNS.findall(shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; its cells are Markdown, so what stands in them must have been made safe."""
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
