"""The champion against the seed variant on seeds and text that the search never saw."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.proof.verification import (
    BETTER,
    FAILED,
    KIND,
    OPEN,
    WORSE,
    Side,
    Verification,
    from_data,
    of_split,
)
from evolve.report import figures
from evolve.report.standing import champion, direction, labelled, seed
from evolve.report.terminal import plain_dict
from evolve.report.untrusted import one_line
from population.store import Population

SAID = {
    BETTER: ("is better than the seed, on seeds%s that the search never saw", "bold green"),
    WORSE: ("is worse than the seed, on seeds%s that the search never saw", "bold red"),
    OPEN: ("cannot be told apart from the seed, on seeds%s that the search never saw", "yellow"),
    FAILED: ("fails on a seed that the search never saw: it is not verified", "bold red"),
}


def recorded(population: Population) -> Verification | None:
    """Return the verification of the champion as it stands; None for that of an earlier one."""
    data, best, base = population.meta(KIND), champion(population), seed(population)
    if data is None or best is None or base is None:
        return None
    found = from_data(data)
    same = (found.champion.digest, found.seed.digest) == (best.digest, base.proposed)
    return found if same else None


def verified(population: Population, found: Verification) -> RenderableType:
    """Show a verification in full: each seed, the gain, and what it means."""
    decimals = _decimals(found)
    name = f"{labelled(population).removeprefix('val_')}{of_split(found, ' on the ')}"
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("burst seed", f"★ {found.champion.variant}", found.seed.variant, "gain"):
        table.add_column(heading, no_wrap=True, justify="right")
    way = direction(population)
    for number, one, other in zip(found.seeds, found.champion.scores, found.seed.scores, strict=True):
        gain = None if one is None or other is None else way.gain(one, over=other)
        table.add_row(
            str(number),
            _score(one, decimals),
            _score(other, decimals),
            "" if gain is None else figures.gain(gain, decimals),
        )
    said, style = SAID[found.verdict]
    said = said.replace("%s", " and text" if found.split else "")
    return Group(
        Text(name, style="bold"),
        table,
        Text(),
        _figures(found),
        *_failures(found.champion, found.seed),
        Text(f"{found.champion.variant} {said}", style=style),
    )


def verified_line(population: Population) -> Text | None:
    """Return one line on the champion's verification, None while there is none."""
    found = recorded(population)
    if found is None:
        return None
    said = "verified" if found.verdict == BETTER else f"not verified ({found.verdict})"
    where = f"{of_split(found, ' on the ')}, {_seeds(found)}"
    text = Text(f"{said}{where}", style=SAID[found.verdict][1])
    interval = _interval(found)
    return text.append(f": {interval}", style="not bold") if interval else text


def verified_data(population: Population) -> dict[str, Any] | None:
    """Return the champion's verification as plain data, None while there is none."""
    found = recorded(population)
    return None if found is None else plain_dict(found.data())


def _figures(found: Verification) -> Table:
    """Return the gain and what it is per second."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("gain", _interval(found) or f"unknown: {_seeds(found)} with both scores")
    if found.gain_per_second is not None:
        per_second = f"{found.gain_per_second:+.3g} for each of the {found.burst_seconds:g} s of a burst"
        table.add_row("per second", per_second)
    return table


def _interval(found: Verification) -> str:
    """Write the gain with its interval and its p-value; empty while there is none."""
    if found.gain is None or found.low is None or found.high is None or found.p_value is None:
        return ""
    gain, low, high = (figures.gain(value, _decimals(found)) for value in (found.gain, found.low, found.high))
    return f"{gain}  (95 % interval {low} to {high}; {p_value(found.p_value)})"


def p_value(p: float) -> str:
    """Write a p-value."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def _seeds(found: Verification) -> str:
    return figures.counted(found.pairs, "seed")


def _decimals(found: Verification) -> int:
    """Return how many decimals the gain is worth: two digits of its error."""
    return 4 if found.standard_error is None else figures.places(found.standard_error)


def _score(score: float | None, decimals: int) -> Text:
    return Text("failed", style="red") if score is None else Text(figures.score(score, decimals))


def _failures(*sides: Side) -> list[Text]:
    """Say how either of the two failed."""
    return [
        Text(f"{one.variant}, {one_line(failure)}", style="red") for one in sides for failure in one.failures
    ]
