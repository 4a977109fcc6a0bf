"""What each part of the champion's change is worth."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.proof.ablation import KIND, LEVEL, Ablation, Effect, Smallest, Verdict, from_data
from evolve.report import figures
from evolve.report.standing import champion, seed
from evolve.report.terminal import plain_dict
from evolve.report.untrusted import one_line
from population.store import Population

STYLES = {
    Verdict.NEEDED: "bold green",
    Verdict.HELPS: "bold green",
    Verdict.HELPS_ALONE: "green",
    Verdict.HURTS: "bold red",
    Verdict.FAILS_ALONE: "yellow",
    Verdict.NOISE: "dim",
    Verdict.OPEN: "yellow",
}
LEGEND = (
    "left out: the champion against the champion without the hunk; alone: the seed with it against the seed\n"
    "+ is better with it, ± one standard error"
)


def recorded(population: Population) -> Ablation | None:
    """Return the table of the champion as it stands; None for that of an earlier one."""
    data, best, base = population.meta(KIND), champion(population), seed(population)
    if data is None or best is None or base is None:
        return None
    found = from_data(data)
    return found if (found.digest, found.base) == (best.digest, base.proposed) else None


def ablated(found: Ablation) -> RenderableType:
    """Show the table, what all hunks are worth together, and how to read it."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("#", "lines"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("change", min_width=12)  # gives way: its texts are cut, not the others
    for heading in ("left out", "alone"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("verdict", no_wrap=True)
    for row in found.rows:
        first, last = row.lines
        table.add_row(
            str(row.number),
            str(first) if first == last else f"{first}-{last}",
            Text(one_line(row.change), overflow="ellipsis", no_wrap=True),
            effect_text(row.left_out, found),
            effect_text(row.alone, found),
            Text(row.verdict.value, style=STYLES[row.verdict]),
        )
    whole = Text("all together ").append_text(effect_text(found.whole, found))
    failures = [Text(one_line(failure), style="red") for failure in found.failures]
    return Group(table, Text(), whole, *failures, Text(account(found), style="dim"))


def ablated_data(found: Ablation) -> dict[str, Any]:
    """Return the table as plain data."""
    return plain_dict(found.data())


def smallest(found: Ablation, small: Smallest, file: str) -> Text:
    """Say how the champion with nothing but the hunks that count compares, and whether it was written.

    Args:
        found: the table that the hunks were chosen by.
        small: what it came to; unless it is as good, it is not written.
        file: where it was to be written, as the user named it.
    """
    effect, not_written = small.effect, f"{file} is not written"
    what = f"{found.champion} with {len(small.kept)} of its {figures.counted(len(found.rows), 'hunk')}"
    if effect.failure:
        return Text(f"{what} fails ({one_line(effect.failure)}): {not_written}", style="red")
    if effect.gain is None or effect.low is None or effect.high is None:
        return Text(f"{what} could not be measured: {not_written}", style="red")
    decimals = _decimals(found)
    low, high = (figures.gain(value, decimals) for value in (effect.low, effect.high))
    against = f"{_gain(effect, decimals)} against {found.champion} (95 % interval {low} to {high})"
    if not small.as_good:
        return Text(f"{what} is worse than {found.champion}: {against}; {not_written}", style="red")
    how = (
        f"is better than {found.champion}" if effect.sure and effect.gain > 0 else "is as good, within noise"
    )
    return Text(f"{what} {how}: {against}; written to {file}", style="green")


def smallest_data(small: Smallest) -> dict[str, Any]:
    """Return how the champion with nothing but the hunks that count compares, as plain data."""
    return plain_dict(dataclasses.asdict(small))


def account(found: Ablation) -> str:
    """Say how the table came about, and how to read it."""
    decimals = _decimals(found)
    noise = "unknown" if found.noise is None else f"{figures.score(found.noise, decimals)} for one burst"
    seeds = figures.counted(len(found.seeds), "seed")
    freedom = f"{figures.counted(found.freedom, 'degree')} of freedom"
    parts = [
        f"{figures.counted(found.programs, 'program')} on {seeds} each, noise {noise} ({freedom})",
        LEGEND,
        f"verdicts at {100 - 100 * LEVEL:.0f} % for all hunks together (Holm)",
    ]
    if found.cosmetic:
        changes = figures.counted(found.cosmetic, "further change")
        parts.append(f"{changes} in comments and whitespace alone left the program as it is")
    return "\n".join(parts)


def effect_text(effect: Effect, found: Ablation) -> Text:
    """Write what something is worth, or how the program failed that should tell."""
    if effect.failure:
        return Text(f"fails: {one_line(effect.failure).partition(':')[0]}", style="red")
    if effect.gain is None:
        return Text("unknown", style="dim")
    style = "" if not effect.sure else "green" if effect.gain > 0 else "red"
    return Text(_gain(effect, _decimals(found)), style=style)


def _gain(effect: Effect, decimals: int) -> str:
    """Write a gain with its error."""
    if effect.gain is None or effect.standard_error is None:
        return "unknown"
    return f"{figures.gain(effect.gain, decimals)} ± {figures.score(effect.standard_error, decimals)}"


def _decimals(found: Ablation) -> int:
    """Return how many decimals a gain is worth."""
    return 4 if found.noise is None else figures.places(found.noise)
