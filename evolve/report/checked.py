"""What a check of a run found, and what a repair did about it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from evolve.report.figures import counted
from evolve.report.untrusted import one_line
from population.fsck import Examination, Repair
from population.fsck.findings import Finding, Level
from population.fsck.quarantine import FILE

STYLES = {Level.ERROR: "red", Level.WARNING: "yellow", Level.INFO: "dim"}
_COUNTED = {"commits": "commit", "variants": "variant", "measurements": "measurement", "calls": "LLM call"}


def examined(found: Examination, again: str) -> RenderableType:
    """Show what was found, one line each, and what to do about it; print it with ``crop=False``.

    Args:
        found: what a check found.
        again: the command that repairs.
    """
    lines = [_line(one, f"--repair: {one.repair}") for one in found.findings]
    advice: list[str] = []
    mended = sum(bool(one.repair) for one in found.findings)
    if mended and found.writer is None:
        advice = [f"`{again}` puts {mended} of these right; what it takes out is kept in {FILE}"]
    if found.writer is not None:
        advice = [f"process {found.writer} writes this run now, so that it cannot be repaired"]
    return Group(*lines, _verdict(found), *map(_text, advice))


def repaired(done: Repair) -> RenderableType:
    """Show what was found and done, and what is found now; print it with ``crop=False``."""
    lines = [_line(one, one.repair) for one in done.before.findings]
    new = [_line(one, one.repair) for one in done.after.findings if one not in done.before.findings]
    said: list[str] = []
    if done.event is not None:
        said.append(done.event.text)
    if done.kept:
        said.append(f"the journal as it was is kept as {done.kept}")
    return Group(*lines, *map(_text, said), *new, _verdict(done.after))


def examined_data(found: Examination) -> dict[str, Any]:
    """Return what was found as plain data."""
    return {
        "whole": found.whole,
        "writer": found.writer,
        "counts": dict(found.counts),
        "findings": [_data(one) for one in found.findings],
    }


def repaired_data(done: Repair) -> dict[str, Any]:
    """Return what was found and done as plain data; the findings are those before the repair."""
    return {
        **examined_data(done.after),
        "findings": [_data(one) for one in done.before.findings],
        "left": [_data(one) for one in done.after.findings],
        "repaired": None if done.event is None else dict(done.event.data),
        "kept": done.kept or None,
    }


def _line(finding: Finding, repair: str) -> Text:
    """Write a finding on one line."""
    text = Text(no_wrap=True, overflow="ignore")
    text.append(f"{finding.level:<8}", style=STYLES[finding.level])
    text.append(f"{finding.kind:<12}")
    text.append(one_line(f"{finding.where}: {finding.what}"))
    if finding.repair:
        text.append(f" → {one_line(repair)}", style="dim")
    elif finding.level is Level.ERROR:
        text.append(" → cannot be repaired", style="dim")
    return text


def _verdict(found: Examination) -> Text:
    """Say in one line whether the run is whole, and what there is of it."""
    levels = Counter(one.level for one in found.findings)
    counts = [counted(found.counts.get(name, 0), noun) for name, noun in _COUNTED.items()]
    odd = [
        counted(levels[level], level.value) for level in STYLES if levels[level] and level is not Level.INFO
    ]
    state, style = ("whole", "bold green") if found.whole else ("not whole", "bold red")
    said = f" ({', '.join(odd)})" if odd else ""
    return Text.assemble((state, style), f"{said}: {', '.join(counts)}", no_wrap=True, overflow="ignore")


def _text(line: str) -> Text:
    return Text(line, no_wrap=True, overflow="ignore")


def _data(finding: Finding) -> dict[str, str | None]:
    return {
        "level": finding.level.value,
        "kind": finding.kind,
        "what": finding.what,
        "where": finding.where,
        "repair": finding.repair or None,
    }
