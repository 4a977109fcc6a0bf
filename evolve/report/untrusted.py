"""Text that a variant or a model wrote, made safe to print: it may not repaint the terminal (pure)."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor, clearing (ECMA-48, 5.4)
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # strings: titles, links
    r"|\x1b[ -/]*[0-~]"
)
_SILENT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that show nothing and may steer a terminal: controls, bidi and zero-width marks, surrogates."""

_MARKS = 2  # combining marks on one letter; towers of them paint over the lines above


def one_line(text: str) -> str:
    """Return ``text`` as one line of visible characters: escapes, controls and bidi marks left out."""
    words = _ESCAPES.sub("", text).split()
    return _few_marks("".join(c for c in " ".join(words) if unicodedata.category(c) not in _SILENT)).strip()


def lines(text: str) -> list[str]:
    """Return the lines of a traceback or a log, indentation kept, nothing invisible in them."""
    return [_visible_line(_ESCAPES.sub("", line), "") for line in text.splitlines()]


def code(source: str) -> str:
    """Return source text with every invisible character spelled out as Python would in a string.

    In source they must not vanish: a reader has to see what the program holds (Boucher & Anderson 2021,
    "Trojan Source", arXiv 2111.00169).
    """
    return "\n".join(_visible_line(line, "spell") for line in source.split("\n"))


def _visible_line(line: str, invisible: str) -> str:
    """Return one line with tabs expanded, its invisible characters spelled out or left out."""
    shown = (
        _spelled(c) * bool(invisible) if unicodedata.category(c) in _SILENT else c for c in line.expandtabs(4)
    )
    return _few_marks("".join(shown)).rstrip()


def _spelled(character: str) -> str:
    """Spell a character as Python would in a string."""
    return character.encode("unicode_escape").decode("ascii")


def _few_marks(text: str) -> str:
    """Drop combining marks past the second on one letter."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _MARKS:
            kept.append(character)
    return "".join(kept)
