"""Policies beside each other: what each came to on equal budgets, and whether evolution pays."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.policies import Name
from evolve.proof import payoff
from evolve.proof.payoff import Against, Mean, Result, Verdict
from evolve.report import figures
from evolve.report.standing import bursts, labelled, standing
from evolve.report.terminal import plain_dict
from population.store import Population

STYLES = {
    Verdict.BETTER: "bold green",
    Verdict.WORSE: "bold red",
    Verdict.OPEN: "yellow",
    Verdict.FEW: "yellow",
}
_PAYS = {True: "bold green", False: "bold red", None: "yellow"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a comparison came to.

    Args:
        policies: that are compared.
        results: of the runs that have ended.
        waiting: how many have not.
        metric: that gains are in.
    """

    policies: tuple[Name, ...]
    results: tuple[Result, ...]
    waiting: int
    metric: str


def result_of(population: Population, policy: Name, seed: int) -> Result | None:
    """Return what a run came to; None while its seed variant has no score."""
    now, paid = standing(population), population.paid
    if now.champion is None or now.gain is None:
        return None
    return Result(
        policy=policy,
        seed=seed,
        champion=now.champion.id,
        gain=0.0 if now.probability is None else now.gain,
        bursts=sum(1 for _ in bursts(population)),
        calls=paid.calls,
        dollars=paid.dollars,
        unpriced=paid.unpriced,
        seconds=float(population.meta("clock") or 0.0),
        noise=population.noise(),
    )


def result_line(result: Result) -> str:
    """Say in one line what a run came to."""
    gain = figures.gain(result.gain, figures.places(result.noise))
    count, time = figures.counted(result.bursts, "burst"), figures.duration(result.seconds)
    return f"{result.policy}, seed {result.seed}: {gain}, {count} in {time}"


def metric_of(population: Population) -> str:
    """Return the name of a run's metric, safe to print."""
    return labelled(population)


def compared(outcome: Outcome) -> RenderableType:
    """Show what each policy came to, evolution against each baseline, and what that says."""
    decimals = _decimals(outcome.results)
    found = payoff.against(outcome.results, outcome.policies)
    parts: list[RenderableType] = [_policies(outcome, decimals)]
    if found:
        parts += [Text(), _differences(found, decimals)]
    parts += [Text(), Text(_legend(outcome), style="dim")]
    if outcome.waiting:
        left = figures.counted(outcome.waiting, "run has", "runs have")
        parts.append(Text(f"{left} not ended and {_are(outcome.waiting)} left out", style="yellow"))
    parts.append(Text(payoff.sentence(found), style=_PAYS[payoff.pays(found)]))
    return Group(*parts)


def compared_data(outcome: Outcome) -> dict[str, Any]:
    """Return it as plain data."""
    found = payoff.against(outcome.results, outcome.policies)
    grouped = payoff.by_policy(outcome.results, outcome.policies)
    return plain_dict(
        {
            "metric": outcome.metric,
            "waiting": outcome.waiting,
            "policies": {name.value: asdict(_mean(own)) for name, own in grouped.items()},
            "runs": [asdict(result) for own in grouped.values() for result in own],
            "differences": [asdict(one) for one in found],
            "pays": payoff.pays(found),
            "said": payoff.sentence(found),
        }
    )


def _policies(outcome: Outcome, decimals: int) -> Table:
    """Return one row for each policy."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("policy", no_wrap=True)
    for heading in ("seeds", "gain", "95 % interval", "bursts", "LLM calls", "dollars", "time"):
        table.add_column(heading, no_wrap=True, justify="right")
    for name, own in payoff.by_policy(outcome.results, outcome.policies).items():
        gain = _mean(own)
        known, unpriced = statistics.fmean(r.dollars for r in own), sum(r.unpriced for r in own)
        table.add_row(
            Text(name.value, style="bold" if name is Name.EVOLVE else ""),
            str(gain.n),
            figures.gain(gain.value, decimals),
            _interval(gain, decimals),
            f"{statistics.fmean(r.bursts for r in own):,.0f}",
            f"{statistics.fmean(r.calls for r in own):,.0f}",
            figures.dollars(known, 0) if not unpriced else "unknown",
            figures.duration(statistics.fmean(r.seconds for r in own)),
        )
    return table


def _differences(found: Sequence[Against], decimals: int) -> Table:
    """Return one row for each baseline."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("evolve against", no_wrap=True)
    for heading in ("seeds", "difference", "95 % interval"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("evolve is", no_wrap=True)
    for one in found:
        table.add_row(
            one.baseline.value,
            str(one.difference.n),
            figures.gain(one.difference.value, decimals),
            _interval(one.difference, decimals),
            Text(one.verdict.value, style=STYLES[one.verdict]),
        )
    return table


def _mean(own: Sequence[Result]) -> Mean:
    return payoff.mean([result.gain for result in own])


def _interval(one: Mean, decimals: int) -> str:
    """Write an interval; with one seed there is none."""
    if one.low is None or one.high is None:
        return "unknown"
    return f"{figures.gain(one.low, decimals)} to {figures.gain(one.high, decimals)}"


def _legend(outcome: Outcome) -> str:
    """Say what the figures are."""
    return (
        f"means over seeds; gain: the champion against the seed variant in {outcome.metric}, + is better; "
        "intervals by bootstrap over seeds"
    )


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _decimals(results: Sequence[Result]) -> int:
    """Return how many decimals a gain is worth."""
    known = [result.noise for result in results if not math.isnan(result.noise)]
    return figures.places(statistics.fmean(known)) if known else 4
