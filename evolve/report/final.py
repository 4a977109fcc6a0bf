"""What a search says when it ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.report import figures
from evolve.report.credits import credit_data, credit_text, credits_of
from evolve.report.standing import (
    Standing,
    bursts,
    gain_over,
    leader,
    metric,
    outcome,
    standing,
    standing_data,
    worth,
)
from evolve.report.status import ahead_of, gained, sure
from evolve.report.stops import stops_data, stops_table
from evolve.report.terminal import Commands, invocation, plain_dict
from evolve.report.tree import gain_text, result
from evolve.report.untrusted import one_line
from evolve.report.verified import verified_data, verified_line
from population.lineage import descent
from population.store import Population


def final(population: Population, run: Path) -> RenderableType:
    """Show what a search came to, and what to type next.

    Args:
        population: the run.
        run: its folder, as the user would name it.
    """
    now = standing(population)
    decimals = figures.places(population.noise())
    return Group(
        _ended(population),
        Text(),
        _result(now, one_line(metric(population)), decimals),
        *_word(now),
        *_ahead(population, decimals),
        *_proof(population),
        *stops_table(population),
        *_line(population, now, decimals),
        Text(),
        _next(run, now),
    )


def final_data(population: Population) -> dict[str, Any]:
    """Return what a search came to as plain data; no clock times, so that equal runs compare equal."""
    paid = population.paid
    data: dict[str, Any] = {
        **standing_data(standing(population)),
        "metric": metric(population),
        "direction": population.meta("direction"),
        "variants": [_variant_data(population, name) for name in population.variants],
        "evaluations": figures.whole(worth(bursts(population))),
        "dollars": paid.dollars,
        "calls_of_unknown_price": paid.unpriced,
        "reason": population.meta("stopped"),
        "verified": verified_data(population),
        "stops": stops_data(population),
    }
    return plain_dict(data)


def _variant_data(population: Population, name: str) -> dict[str, Any]:
    """Return one variant without anything that depends on the hour."""
    variant, came_to = population.variants[name], outcome(population, name)
    return {
        "id": name,
        "operator": variant.operator,
        "model": variant.model,
        "parents": list(variant.parents),
        "hypothesis": variant.hypothesis,
        "digest": variant.digest,
        "score": came_to.fitness.mean if came_to.fitness else None,
        "n": came_to.fitness.n if came_to.fitness else 0,
        "failure": came_to.failure.kind.value if came_to.failure else None,
        "credit": credit_data(credits_of(population).get(name)),
    }


def _ended(population: Population) -> Text:
    """Say why the search ended and what it used."""
    text = Text(one_line(str(population.meta("stopped") or "the search has ended")))
    evaluations = worth(bursts(population))
    clock = figures.duration(float(population.meta("clock") or 0.0))
    calls = figures.counted(population.paid.calls, "LLM call")
    if population.calls and all(call.outcome != "ok" for call in population.calls):
        calls += ", none answered"
    spent = figures.dollars(population.paid.dollars, population.paid.unpriced)
    used = (
        f"{figures.counted(evaluations, 'burst')} of {figures.counted(len(population.variants), 'variant')}"
    )
    return text.append(f"\n{used}, {clock}, {calls}, {spent}", style="dim")


def _result(now: Standing, name: str, decimals: int) -> RenderableType:
    """Compare champion and seed."""
    if now.champion is None or now.best is None or now.seed is None:
        return Text("no champion: no variant has a score", style="yellow")
    table = Table.grid(padding=(0, 2))
    seed = f"{figures.estimate(now.seed, decimals)}  (n={now.seed.n})"
    if now.probability is None:
        table.add_row("seed", Text(f"{name} {seed}"), Text("is still the best", style="yellow"))
        return table
    best = f"{figures.estimate(now.best, decimals)}  (n={now.best.n})"
    table.add_row(Text(f"★ {now.champion.id}", style="bold yellow"), Text(f"{name} {best}", style="bold"), "")
    table.add_row("seed", Text(f"{name} {seed}"), "")
    gain = Text(" " * (len(name) + 1)).append_text(gained(now.gain, now.error, decimals))
    table.add_row("gain", gain, sure(now.probability, now.error))
    return table


def _word(now: Standing) -> Iterable[RenderableType]:
    """Yield whose word scores are, where it is not ours."""
    if now.trust:
        yield Text(f"scores are {now.trust}, not computed by this engine", style="yellow")


def _ahead(population: Population, decimals: int) -> Iterable[RenderableType]:
    """Yield who is probably better than the champion, if anybody is."""
    ahead = leader(population)
    if ahead is not None:
        yield Text("  ".join(("leader", *ahead_of(ahead, decimals))), style="dim")


def _proof(population: Population) -> Iterable[RenderableType]:
    """Yield what a verification of the champion came to, if there is one."""
    proof = verified_line(population)
    if proof is not None:
        yield proof


def _line(population: Population, now: Standing, decimals: int) -> Iterable[RenderableType]:
    """Yield the ideas between the seed and the champion, oldest first."""
    line = descent(population.variants, now.champion.id) if now.champion else []
    if len(line) < 2:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.columns[4].no_wrap = False
    credited = credits_of(population)
    for parent, name in itertools.pairwise(line):
        variant = population.variants[name]
        table.add_row(
            name,
            gain_text(gain_over(population, name, parent), decimals),
            result(outcome(population, name), decimals),
            Text(one_line(variant.operator), style="dim"),
            Text(one_line(variant.hypothesis), overflow="ellipsis", no_wrap=True),
        )
        if name in credited:
            owed = credit_text(credited[name], decimals)
            table.add_row("", "", "", Text("owed to", style="dim"), owed)
    yield Text("\nhow it got there, step by step from the seed", style="bold")
    yield table


def _next(run: Path, now: Standing) -> Commands:
    """List the commands that show more."""
    rows: list[tuple[tuple[str, ...], str]] = [
        (("serve", str(run)), "all of it, in a browser"),
        (("tree", str(run)), "the whole lineage"),
    ]
    if now.champion is not None:
        rows.append((("show", str(run), now.champion.id, "--diff"), "the champion in full"))
        rows.append((("best", str(run), "-o", "best.py"), "its source"))
    if now.probability is not None:
        rows.append((("verify", str(run)), "proof on unseen text"))
        rows.append((("ablate", str(run)), "which changes matter"))
    rows.append((("status", str(run)), "what was spent on what"))
    rows.append((("resume", str(run)), "go on; budgets may be raised"))
    return Commands([(invocation(*words), why) for words, why in rows])
