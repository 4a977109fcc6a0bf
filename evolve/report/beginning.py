"""What two bursts of the seed variant say of a search that has not begun."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.beginning import BURSTS, CHILDREN, Outlook, Price
from evolve.report import figures
from evolve.report.terminal import Commands, invocation, plain_dict
from evolve.report.untrusted import one_line


def outlook(found: Outlook, written: Sequence[Path]) -> RenderableType:
    """Show what a search would take, what was written, and what to type next."""
    decimals = figures.places(found.noise)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    word = f" ({found.trust})" if found.trust else ""
    scores = " and ".join(figures.score(score, decimals) for score in found.scores)
    table.add_row("seed", Text(f"{one_line(found.metric)}{word} {scores}"))
    table.add_row("noise", _noise(found, decimals))
    took = " and ".join(f"{seconds:.1f} s" for seconds in found.seconds)
    slots = figures.counted(found.slots, "slot")
    pace = f"{_about(found.bursts_per_hour)} bursts and {_about(found.children_per_hour)} children an hour"
    table.add_row("pace", f"{took} a burst: {pace} on {slots}")
    for price in found.prices or [None]:
        table.add_row("LLM", _price(price, found))
    files = " and ".join(map(str, written))
    commands = Commands([(invocation("run"), "search as these say; Ctrl-C stops, nothing is lost")])
    notes = [Text(one_line(note), style="dim") for note in found.notes]
    return Group(*notes, table, Text(), Text(f"{files} written; change them as you like, then:"), commands)


def outlook_data(found: Outlook, written: Sequence[Path]) -> dict[str, Any]:
    """Return the same as plain data."""
    return plain_dict(
        {
            "metric": found.metric,
            "trust": found.trust,
            "scores": list(found.scores),
            "seconds": list(found.seconds),
            "noise": found.noise,
            "bursts_per_hour": found.bursts_per_hour,
            "children_per_hour": found.children_per_hour,
            "dollars_per_100_children": {price.model: price.dollars for price in found.prices},
            "written": [str(path) for path in written],
        }
    )


def _noise(found: Outlook, decimals: int) -> str:
    """Say what is known of the noise."""
    if found.noise == 0.0:
        return "none: both bursts came to the same score, so that one burst tells all"
    noise = figures.score(found.noise, decimals)
    return f"about {noise} for one burst, as far as {BURSTS} can tell; a search measures it anew"


def _price(price: Price | None, found: Outlook) -> str:
    """Say what asking a model costs."""
    if price is None:
        return "none is asked: children come from edits without an LLM"
    name = one_line(price.model)
    if price.dollars is None:
        return f"{name}: its price is not known; give it by --price {name}=INPUT,OUTPUT"
    each = f"{found.proposals:g} proposed for each that is measured"
    return f"{name}: about ${price.dollars:.2f} for {CHILDREN} children, {each}"


def _about(number: float) -> str:
    """Write a number by its first two digits."""
    if number < 100:
        return f"{number:.0f}"
    digits = len(str(int(number))) - 2
    return f"{round(number / 10**digits) * 10**digits:,}"
