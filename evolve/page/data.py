"""Everything that the page shows of a run but single variants: plain data, safe to show, figures in words.

Nothing is estimated here: each figure is the engine's own, as ``status``, ``tree`` and ``verify`` print it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evolve.page.course import course
from evolve.page.graph import columns
from evolve.proof.ablation import Verdict
from evolve.proof.verification import BETTER
from evolve.report import ablation, choosing, figures
from evolve.report.credits import credit_text, credits_of
from evolve.report.front import fronts_data, names
from evolve.report.running import under_way
from evolve.report.standing import (
    Standing,
    contender,
    gain_over,
    labelled,
    leader,
    outcome,
    seed,
    standing,
)
from evolve.report.status import (
    Counts,
    afterwards,
    ahead_of,
    budgets,
    count,
    gained,
    held,
    lessons_of,
    sure,
)
from evolve.report.stops import stops, stops_line
from evolve.report.tree import champion_line, result
from evolve.report.untrusted import one_line
from evolve.report.verified import recorded, verified_line
from population.fitness import Fitness
from population.store import Population
from population.variant import State

_EXAMPLES = 5  # variants that are named for each kind of failure
_REASONS = 3  # texts that are told for each kind of refusal


def overview(population: Population, running: bool) -> dict[str, Any]:
    """Return what the page shows of a run.

    Args:
        population: the run.
        running: whether a process searches in it now.
    """
    counts = count(population)
    decimals = figures.places(population.noise())
    now = standing(population)
    return {
        "name": population.folder.resolve().name,
        "running": running,
        "ended": _ended(population, running),
        "task": one_line(str(population.meta("task") or "")),
        "score": labelled(population),
        "trust": now.trust,
        "direction": str(population.meta("direction") or "minimize"),
        "decimals": decimals,
        "champion": _champion(population, now, decimals),
        "real": _real(population, now),
        "steps": _steps(population, decimals),
        "ablation": _ablation(population),
        "cost": _cost(population, counts),
        "operators": _operators(population, counts),
        "calls": _calls(counts),
        "failures": _failures(population, counts),
        "refusals": _refusals(population, counts),
        "lineages": _lineages(population, decimals),
        "fronts": _fronts(population),
        "lessons": [one_line(line) for line in lessons_of(population)],
        "now": [asdict(job) for job in under_way(population)],
        "paused": running and bool((population.meta("steering") or {}).get("paused")),
        "held": held(population),
        "owner": one_line(str(population.meta("owner") or "")),
        "course": course(population),
        "graph": columns(population),
    }


def _ended(population: Population, running: bool) -> str:
    if running:
        return ""
    return one_line(str(population.meta("stopped") or "it was interrupted"))


def _estimate(fitness: Fitness | None, decimals: int) -> dict[str, Any] | None:
    return None if fitness is None else {"text": figures.estimate(fitness, decimals), "n": fitness.n}


def _champion(population: Population, now: Standing, decimals: int) -> dict[str, Any] | None:
    if now.champion is None:
        return None
    first = seed(population)
    contends = contender(population)
    ahead = leader(population)
    return {
        "id": now.champion.id,
        "hypothesis": one_line(now.champion.hypothesis),
        "operator": one_line(now.champion.operator),
        "model": one_line(now.champion.model),
        "score": _estimate(now.best, decimals),
        "seed": {"id": first.id if first else "", "score": _estimate(now.seed, decimals)},
        "gain": None if now.probability is None else gained(now.gain, now.error, decimals).plain,
        "helps": now.gain is not None and now.gain > 0,
        "contender": contends
        and {"id": contends, "score": _estimate(population.fitness(contends), decimals)},
        "leader": ahead
        and {
            "id": ahead.variant,
            "text": "; ".join(ahead_of(ahead, decimals)).removeprefix(ahead.variant).strip(),
        },
    }


def _real(population: Population, now: Standing) -> dict[str, str]:
    """Say whether the champion's gain is real, by the best evidence there is.

    ``level`` is ``proved`` or ``refuted`` by a verification, ``likely`` by the search alone, or ``open``.
    """
    found, line = recorded(population), verified_line(population)
    if found is not None and line is not None:
        return {"level": "proved" if found.verdict == BETTER else "refuted", "text": line.plain}
    if now.probability is None:
        return {"level": "open", "text": "the seed is the champion: nothing was gained yet"}
    said = sure(now.probability, now.error)
    level = "likely" if now.probability > 0.95 and "unknown" not in said else "open"
    return {
        "level": level,
        "text": f"{said}, by the search's own bursts; not verified",
    }


def _steps(population: Population, decimals: int) -> list[dict[str, Any]]:
    """Return the steps from the seed to the champion, each with its gain."""
    owed = credits_of(population)
    return [
        {
            "id": name,
            "parent": parent,
            "operator": one_line(population.variants[name].operator),
            "model": one_line(population.variants[name].model),
            "hypothesis": one_line(population.variants[name].hypothesis),
            "score": result(outcome(population, name), decimals).plain,
            "value": (gain := gain_over(population, name, parent)),
            "gain": None if gain is None else _step_gain(population, name, parent, gain, decimals),
            "credit": one_line(credit_text(owed[name], decimals).plain) if name in owed else "",
        }
        for parent, name in itertools.pairwise(champion_line(population))
    ]


def _step_gain(population: Population, name: str, parent: str, gain: float, decimals: int) -> str:
    own, other = population.fitness(name), population.fitness(parent)
    error = None if own is None or other is None else figures.gain_error(own, other)
    return gained(gain, error, decimals).plain


def _ablation(population: Population) -> dict[str, Any] | None:
    """Return what each part of the champion's change is worth, None before somebody measured it."""
    found = ablation.recorded(population)
    if found is None:
        return None
    return {
        "rows": [
            {
                "change": one_line(row.change),
                "left_out": ablation.effect_text(row.left_out, found).plain,
                "alone": ablation.effect_text(row.alone, found).plain,
                "verdict": row.verdict.value,
                "needed": row.verdict in (Verdict.NEEDED, Verdict.HELPS),
                "helps": row.verdict in (Verdict.NEEDED, Verdict.HELPS, Verdict.HELPS_ALONE),
            }
            for row in found.rows
        ],
        "whole": ablation.effect_text(found.whole, found).plain,
        "said": ablation.account(found),
    }


def _cost(population: Population, counts: Counts) -> dict[str, Any]:
    stopped = stops(population)
    return {
        "evaluations": figures.number(counts.evaluations),
        "purposes": {name: n for name, n in counts.purposes.items() if n},
        "afterwards": afterwards(population),
        "time": figures.duration(counts.seconds),
        "dollars": figures.dollars(counts.dollars, counts.unpriced),
        "calls": sum(row.calls for row in counts.calls),
        "per_hour": None if counts.seconds <= 0 else figures.number(round(counts.per_hour)),
        "variants": {"total": len(population.variants), **counts.states},
        "stopped": stops_line(stopped) if stopped.all else "",
        "budgets": [
            {
                "name": one.name,
                "used": figures.budget(one.name, one.used),
                "limit": figures.budget(one.name, one.limit),
                "fraction": one.fraction,
            }
            for one in budgets(population, counts)
        ],
        "target": (population.meta("budgets") or {}).get("target"),
    }


def _operators(population: Population, counts: Counts) -> list[dict[str, Any]]:
    """Return the operators, those first of which the search expects most for a burst."""
    rates: dict[tuple[str, str], float] = {}
    for rate in choosing.arm_rates(population):
        if rate.gain_per_burst is not None:
            key = (rate.operator, rate.model)
            rates[key] = max(rate.gain_per_burst, rates.get(key, rate.gain_per_burst))
    found = [
        {
            "operator": one_line(arm.operator),
            "model": one_line(arm.model),
            "tried": arm.tried,
            "refused": arm.refused,
            "failed": arm.failed,
            "improved": arm.improved,
            "share": figures.share(arm.improved, arm.tried),
            "rate": rates.get((arm.operator, arm.model)),
        }
        for arm in counts.arms
    ]
    return sorted(found, key=lambda one: -(one["rate"] or 0.0))


def _calls(counts: Counts) -> list[dict[str, Any]]:
    return [
        {
            "model": one_line(row.model),
            "outcome": one_line(row.outcome),
            "calls": row.calls,
            "prompt": figures.tokens(row.prompt_tokens),
            "reply": figures.tokens(row.completion_tokens),
            "seconds": f"{row.seconds / row.calls:.1f}",
            "dollars": figures.dollars(row.dollars, row.unpriced),
        }
        for row in counts.calls
    ]


def _failures(population: Population, counts: Counts) -> list[dict[str, Any]]:
    """Return the failed bursts by kind: how many, of whom, and what the last one said."""
    whose: dict[str, dict[str, None]] = {}
    for score in population.scores_in_order():
        if score.failure is not None and score.spent:
            whose.setdefault(score.failure.kind.value, {})[score.variant] = None
    found = []
    for kind, bursts in counts.failures.items():
        failed = list(whose.get(kind, ()))
        found.append(
            {
                "kind": kind,
                "bursts": bursts,
                "variants": len(failed),
                "examples": failed[-_EXAMPLES:],
                "said": _last_words(population, failed[-1], kind) if failed else "",
            }
        )
    return found


def _last_words(population: Population, name: str, kind: str) -> str:
    said = [
        m.failure.message
        for m in population.measurements(name)
        if m.state is State.FAILED and m.failure is not None and m.failure.kind.value == kind
    ]
    return one_line(said[-1]) if said else ""


def _refusals(population: Population, counts: Counts) -> list[dict[str, Any]]:
    texts: dict[str, Counter[str]] = {}
    for event in population.events_of("refusal"):
        texts.setdefault(str(event.data.get("kind")), Counter())[one_line(event.text)] += 1
    return [
        {
            "kind": one_line(kind),
            "proposals": n,
            "said": [text for text, _ in texts[kind].most_common(_REASONS)],
        }
        for kind, n in counts.refusals.items()
    ]


def _lineages(population: Population, decimals: int) -> list[dict[str, Any]]:
    return [
        {
            "island": one.island,
            "best": one_line(one.best),
            "score": _estimate(population.fitness(one.best), decimals)
            if one.best in population.variants
            else None,
            "children": one.children,
            "barren": one.barren,
        }
        for one in choosing.lineage_counts(population)
    ]


def _fronts(population: Population) -> list[dict[str, Any]]:
    less: Mapping[str, bool] = names(population)
    return [
        {
            "name": one_line(name),
            "less": less[name],
            "points": [{"variant": p["variant"], "score": p["score"], "value": p[name]} for p in points],
        }
        for name, points in fronts_data(population).items()
    ]


def folder_name(folder: Path) -> str:
    """Return the name of a run, safe to show."""
    return one_line(folder.resolve().name)
