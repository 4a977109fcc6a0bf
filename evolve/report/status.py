"""How a run stands: budgets, bursts, operators, LLM calls, and the champion against the seed."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from evolve.lessons import FILE as LESSONS
from evolve.lessons import LEARNED, Lessons
from evolve.progress import Budget
from evolve.report import choosing, figures
from evolve.report.front import fronts, fronts_data
from evolve.report.running import under_way
from evolve.report.standing import (
    Leader,
    contender,
    labelled,
    leader,
    metric,
    outcome,
    standing,
    standing_data,
    worth,
)
from evolve.report.stops import stops, stops_data, stops_line
from evolve.report.studies import studied, studies_line
from evolve.report.tables import columns, model_name, section
from evolve.report.terminal import plain_dict
from evolve.report.untrusted import one_line
from evolve.report.verified import verified_data, verified_line
from population.ledger import Call, Paid
from population.store import Population
from population.variant import Purpose

UNITS = {"evaluations": "bursts", "hours": "h", "dollars": "$"}


@dataclass(frozen=True, slots=True)
class ArmCount:
    """What came of one operator with one model: ``tried`` proposals, of which some failed or improved.

    ``dollars`` leaves out the calls of unknown price, of which there are ``unpriced``.
    """

    operator: str
    model: str
    tried: int
    refused: int
    failed: int
    improved: int
    dollars: float = 0.0
    unpriced: int = 0

    @property
    def dollars_per_gain(self) -> float | None:
        """What an improvement cost; None where there is none, or a price is not known."""
        return self.dollars / self.improved if self.improved and not self.unpriced else None


@dataclass(frozen=True, slots=True)
class CallCount:
    """LLM calls of one model with one outcome; ``dollars`` leaves out those of unknown price."""

    model: str
    outcome: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float
    unpriced: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything counted in a run; ``evaluations`` are its bursts, each by the share that ran."""

    purposes: Mapping[str, int]
    evaluations: float
    states: Mapping[str, int]
    failures: Mapping[str, int]
    refusals: Mapping[str, int]
    arms: Sequence[ArmCount]
    calls: Sequence[CallCount]
    dollars: float
    unpriced: int
    seconds: float

    @property
    def per_hour(self) -> float:
        """Bursts per hour of search; NaN before the clock has run."""
        return 3600 * self.evaluations / self.seconds if self.seconds > 0 else math.nan


def count(population: Population) -> Counts:
    """Count what is on record."""
    measured = [score for score in population.scores_in_order() if score.spent]
    failures = Counter(m.failure.kind.value for m in measured if m.failure)
    kinds = Counter(str(e.data.get("kind")) for e in population.events_of("refusal"))
    purposes = Counter(m.purpose for m in measured)
    return Counts(
        {purpose.value: purposes[purpose] for purpose in Purpose if purpose.searches},
        worth(measured),
        dict(Counter(outcome(population, name).state for name in population.variants)),
        dict(failures.most_common()),
        dict(kinds.most_common()),
        arm_counts(population),
        call_counts(population.calls),
        population.paid.dollars,
        population.paid.unpriced,
        float(population.meta("clock") or 0.0),
    )


def arm_counts(population: Population) -> list[ArmCount]:
    """Count per operator and model; the most tried first."""
    tried, refused, failed, improved = (Counter[tuple[str, str]]() for _ in range(4))
    made = {name: (v.operator, v.model) for name, v in population.variants.items() if v.parents}
    for name, arm in made.items():
        tried[arm] += 1
        failed[arm] += outcome(population, name).state == "failed"
    better = {str(e.data.get("variant")) for e in population.events if e.data.get("improved")}
    improved.update(made[name] for name in better if name in made)
    for event in population.events_of("refusal"):
        arm = (str(event.data.get("operator", "")), str(event.data.get("model", "")))
        tried[arm] += 1
        refused[arm] += 1
    calls: dict[tuple[str, str], Paid] = {}
    for call in population.calls:
        arm = (call.operator, call.model)
        calls[arm] = calls.get(arm, Paid()).plus(call)
    order = sorted(tried, key=lambda arm: (-tried[arm], arm))
    return [
        ArmCount(*arm, tried[arm], refused[arm], failed[arm], improved[arm], paid.dollars, paid.unpriced)
        for arm in order
        for paid in (calls.get(arm, Paid()),)
    ]


def call_counts(calls: Iterable[Call]) -> list[CallCount]:
    """Count LLM calls per model and outcome."""
    groups: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        groups.setdefault((call.model, call.outcome), []).append(call)
    return [
        CallCount(
            model,
            came_to,
            len(group),
            sum(call.prompt_tokens for call in group),
            sum(call.completion_tokens for call in group),
            Paid.of(group).dollars,
            Paid.of(group).unpriced,
            sum(call.seconds for call in group),
        )
        for (model, came_to), group in sorted(groups.items(), key=lambda g: (g[0][0], g[0][1] != "ok", g[0]))
    ]


def budgets(population: Population, counts: Counts) -> list[Budget]:
    """Return the budgets that are set, with their use."""
    used = {
        "evaluations": counts.evaluations,
        "hours": counts.seconds / 3600,
        "dollars": counts.dollars,
    }
    limits: Mapping[str, float | None] = population.meta("budgets") or {}
    return [
        Budget(name, used[name], float(limit), UNITS[name])
        for name, limit in limits.items()
        if limit is not None and name in used
    ]


def status(population: Population, running: bool) -> RenderableType:
    """Show how a run stands.

    Args:
        population: the run.
        running: whether a process searches in it now.
    """
    counts = count(population)
    return Group(
        _headline(population, running),
        *section("budgets", _budgets(population, counts)),
        *section(f"champion by {labelled(population)}", _champion(population)),
        *fronts(population),
        *(section("now", _now(population)) if running else []),
        *section("bursts", _bursts(population, counts)),
        *section("operators", _arms(counts.arms)),
        *choosing.shown(population),
        *section("LLM calls", _calls(counts)),
    )


def status_data(population: Population, running: bool) -> dict[str, Any]:
    """Return how a run stands as plain data."""
    counts = count(population)
    data: dict[str, Any] = {
        "running": running,
        "stopped": population.meta("stopped"),
        "task": population.meta("task"),
        "metric": metric(population),
        "direction": population.meta("direction"),
        "data": population.meta("data"),
        "target": (population.meta("budgets") or {}).get("target"),
        "budgets": [dataclasses.asdict(budget) for budget in budgets(population, counts)],
        "seconds": counts.seconds,
        "slots": population.meta("slots"),
        "now": [dataclasses.asdict(job) for job in under_way(population)] if running else [],
        "fronts": fronts_data(population),
        "evaluations": {"total": figures.whole(counts.evaluations), **counts.purposes},
        "stops": stops_data(population),
        "bursts_per_hour": counts.per_hour,
        "variants": {"total": len(population.variants), **counts.states},
        "failures": dict(counts.failures),
        "refusals": dict(counts.refusals),
        "studies": studied(population),
        "lessons": list(lessons_of(population)),
        "operators": [
            {**dataclasses.asdict(arm), "dollars_per_gain": arm.dollars_per_gain} for arm in counts.arms
        ],
        **choosing.data(population),
        "calls": [dataclasses.asdict(calls) for calls in counts.calls],
        "dollars": {"known": counts.dollars, "calls_of_unknown_price": counts.unpriced},
        "noise": population.noise(),
        "contender": contender(population),
        "held": held(population),
        "owner": population.meta("owner"),
        "leader": None if (ahead := leader(population)) is None else dataclasses.asdict(ahead),
        **standing_data(standing(population)),
        "verified": verified_data(population),
        "afterwards": afterwards(population),
    }
    return plain_dict(data)


def afterwards(population: Population) -> dict[str, int]:
    """Count the bursts that were no part of the search, by purpose; no budget counts them."""
    measured = population.scores_in_order()
    return dict(Counter(m.purpose.value for m in measured if not m.purpose.searches))


def _headline(population: Population, running: bool) -> Text:
    """Say whether the run goes on, or why it ended."""
    paused = running and (population.meta("steering") or {}).get("paused")
    going = Text("paused", style="bold yellow") if paused else Text("running now", style="bold green")
    text = going if running else Text("not running", style="bold")
    stopped = population.meta("stopped")
    if not running:
        text.append(f": {one_line(str(stopped))}" if stopped else ": it was interrupted", style="not bold")
    task, owner = (one_line(str(population.meta(key) or "")) for key in ("task", "owner"))
    for line in (task, f"responsible: {owner}" if owner else ""):
        if line:
            text.append(f"\n{line}", style="not bold dim")
    return text


def _budgets(population: Population, counts: Counts) -> RenderableType:
    """Return a bar for each budget, and the target."""
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(no_wrap=True)
    for budget in budgets(population, counts):
        table.add_row(budget.name, bar(budget), _used(budget))
    target = (population.meta("budgets") or {}).get("target")
    if target is not None:
        table.add_row("target", "", Text(f"{labelled(population)} {target:g}"))
    if not table.row_count:
        return Text(f"none: it runs until it is stopped; {figures.duration(counts.seconds)} so far")
    return table


def bar(budget: Budget) -> ProgressBar:
    """Return a progress bar of fixed width."""
    return ProgressBar(total=1.0, completed=budget.fraction, width=30, finished_style="bar.complete")


def _used(budget: Budget) -> str:
    """Say how much of a budget is used."""
    used, limit = (figures.budget(budget.name, amount) for amount in (budget.used, budget.limit))
    return f"{used} of {limit}"


def _champion(population: Population) -> RenderableType:
    """Compare the champion with the seed."""
    now = standing(population)
    decimals = figures.places(population.noise())
    if now.champion is None or now.best is None:
        return Text("none yet: no variant has a score")
    table = Table.grid(padding=(0, 2))
    table.add_row(
        Text(f"★ {now.champion.id}", style="bold yellow"),
        f"{figures.estimate(now.best, decimals)}  (n={now.best.n})",
        Text(one_line(now.champion.hypothesis), overflow="ellipsis", no_wrap=True),
    )
    if now.seed is not None and now.probability is not None:
        table.add_row("seed", f"{figures.estimate(now.seed, decimals)}  (n={now.seed.n})", "")
        table.add_row("gain", gained(now.gain, now.error, decimals), sure(now.probability, now.error))
    if (ahead := leader(population)) is not None:
        table.add_row("leader", *ahead_of(ahead, decimals))
    table.add_row("contender", *_contender(population, decimals))
    for name in held(population):
        table.add_row("has won", name, "waits for a person: approve, or ban")
    noise = population.noise()
    said = "unknown yet: no source was measured twice"
    table.add_row("noise", said if math.isnan(noise) else f"{noise:.{decimals}f} for one burst", "")
    proof = verified_line(population)
    return table if proof is None else Group(table, proof)


def ahead_of(ahead: Leader, decimals: int) -> tuple[str, str]:
    """Say who is probably better than the champion."""
    mean, deviation = figures.score(ahead.mean, decimals), figures.score(ahead.deviation, decimals)
    return (
        f"{ahead.variant}  {mean} ± {deviation}",
        "probably better, by its relatives; no proof yet",
    )


def held(population: Population) -> list[str]:
    """Return the variants that have won and wait for a person's approval."""
    return [str(one[0]) for one in ((population.meta("search") or {}).get("race") or {}).get("held", [])]


def _contender(population: Population, decimals: int) -> tuple[str, str]:
    """Say who is measured on fresh seeds against the champion now."""
    now = contender(population)
    fitness = None if now is None else population.fitness(now)
    if fitness is None:
        return "none now", ""
    return (
        f"{now}  {figures.estimate(fitness, decimals)}  (n={fitness.n})",
        "on fresh seeds against it",
    )


def gained(gain: float | None, error: float | None, decimals: int) -> Text:
    """Return a gain with its error."""
    if gain is None:
        return Text("unknown")
    text = Text(figures.gain(gain, decimals), style="green" if gain > 0 else "")
    if error is not None and not math.isnan(error):
        text.append(f" ± {figures.score(error, decimals)}")
    return text


def sure(probability: float, error: float | None) -> str:
    """Say how sure it is that the champion is better than the seed."""
    if error is None or math.isnan(error):
        return "P(better) unknown while the noise is"
    return f"P(better than the seed) {figures.probability(probability)}"


def _now(population: Population) -> RenderableType:
    """Say what is under way."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    jobs = under_way(population)
    slots = population.meta("slots")
    if slots is not None:
        busy = sum(job.state == "burst" for job in jobs)
        table.add_row("slots", f"{min(busy, slots)} of {slots} busy")
    for job in jobs:
        table.add_row(job.state, Text(job.what, no_wrap=True, overflow="ellipsis"))
    return table


def _bursts(population: Population, counts: Counts) -> RenderableType:
    """Count bursts, variants, failures and refusals."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    rate = "" if math.isnan(counts.per_hour) else f"; {counts.per_hour:,.0f} per hour"
    total = sum(counts.purposes.values())
    parts = "" if total == counts.evaluations else f", worth {figures.number(counts.evaluations)} full ones"
    table.add_row("bursts", f"{total}: {_listed(counts.purposes)}{parts}{rate}")
    if (now := stops(population)).all:
        table.add_row("stopped early", stops_line(now))
    if later := afterwards(population):
        table.add_row("afterwards", f"{sum(later.values())}: {_listed(later)}")
    table.add_row("variants", f"{len(population.variants)}: {_listed(counts.states)}")
    table.add_row("failed bursts", Text(_total(counts.failures), style="red" if counts.failures else ""))
    table.add_row("refusals", _total(counts.refusals))
    if (tuned := studies_line(population)) is not None:
        table.add_row("studies", tuned)
    if lessons := lessons_of(population):
        table.add_row("lessons", f"{len(lessons)} in {population.folder / LESSONS}")
    return table


def lessons_of(population: Population) -> tuple[str, ...]:
    """Return the lessons that hold now."""
    lessons = Lessons(population.folder)
    for event in population.events_of(LEARNED):
        lessons.heed(event)
    return lessons.lines()


def _total(counts: Mapping[str, int]) -> str:
    """Write a sum and its parts."""
    return f"{sum(counts.values())}: {_listed(counts)}" if counts else "none"


def _listed(counts: Mapping[str, int]) -> str:
    """Write counts in a row."""
    return ", ".join(f"{n} {one_line(name)}" for name, n in counts.items() if n) or "none"


def _arms(arms: Sequence[ArmCount]) -> RenderableType:
    """Return the operators and models with what came of them."""
    if not arms:
        return Text("none used yet")
    table = columns(("operator", "model"), ("tried", "refused", "failed", "improved", "share", "$ each"))
    for arm in arms:
        share = figures.share(arm.improved, arm.tried)
        table.add_row(
            Text(one_line(arm.operator)),
            model_name(arm.model),
            *map(str, (arm.tried, arm.refused, arm.failed, arm.improved)),
            Text(share, style="green" if arm.improved else "dim"),
            _each(arm),
        )
    return table


def _each(arm: ArmCount) -> Text:
    """Write what an improvement cost."""
    if not arm.model or not arm.improved:
        return Text("–", style="dim")  # noqa: RUF001
    each = arm.dollars_per_gain
    return Text("unknown" if each is None else figures.dollars(each, 0))


def _calls(counts: Counts) -> RenderableType:
    """Return the LLM calls by model and outcome."""
    if not counts.calls:
        return Text("none")
    table = columns(("model", "outcome"), ("calls", "prompt", "reply", "s/call", "dollars"))
    for row in counts.calls:
        table.add_row(
            model_name(row.model),
            Text(one_line(row.outcome), style="" if row.outcome == "ok" else "yellow"),
            str(row.calls),
            figures.tokens(row.prompt_tokens),
            figures.tokens(row.completion_tokens),
            f"{row.seconds / row.calls:.1f}",
            _price(row),
        )
    return Group(table, Text(f"together: {figures.dollars(counts.dollars, counts.unpriced)}", style="dim"))


def _price(row: CallCount) -> str:
    """Write what calls cost, as far as that is known."""
    if row.unpriced == row.calls:
        return "unknown"
    return figures.dollars(row.dollars, 0) + (f" + {row.unpriced} unknown" if row.unpriced else "")
