"""EVOLVE-BLOCK marks, as other systems have them: only what stands between them may change (pure)."""

from __future__ import annotations

START, END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"


def fixed(source: str) -> tuple[str, ...] | None:
    """Return what must stay: the text outside of each block, the lines with the marks included.

    None where there is no mark, so that everything may change. A block that is not closed reaches to the end.
    """
    if START not in source:
        return None
    parts, inside = [""], False
    for line in source.replace("\r\n", "\n").splitlines(keepends=True):
        if inside and END in line:
            inside = False
            parts.append("")
        if not inside:
            parts[-1] += line.rstrip() + "\n"
        inside = inside or START in line
    return tuple(parts)


def keeps(child: str, parent: str) -> bool:
    """Say whether a child changes its parent only where it may."""
    outside = fixed(parent)
    return outside is None or fixed(child) == outside
