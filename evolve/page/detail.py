"""Everything that the page shows of one variant, text of variants and models made safe to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evolve.report import exchanges, figures
from evolve.report.credits import credit_text, credits_of, weights_text
from evolve.report.curves import finite
from evolve.report.show import also, unified_diff
from evolve.report.shown import find
from evolve.report.standing import champion, gain_over, labelled, outcome
from evolve.report.terminal import plain_dict
from evolve.report.tree import result
from evolve.report.untrusted import code, lines, one_line
from population.errors import Corrupt
from population.lineage import children_index, descent
from population.store import Population
from population.variant import Measurement, Value, Variant

_LONGEST = 100_000  # characters of a prompt, a reply or a source that the page shows


def detail(
    population: Population, name: str, children: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return what the page shows of a variant.

    Args:
        population: the run.
        name: the variant's id.
        children: ``children_index`` of the run, if it is at hand.

    Raises:
        InputError: the run holds no such variant.
    """
    variant = find(population, name)
    below = children_index(population.variants.values()) if children is None else children
    decimals = figures.places(population.noise())
    measured = population.measurements(variant.id)
    best = champion(population)
    fitness = population.fitness(variant.id)
    owed = credits_of(population).get(variant.id)
    weights = weights_text(population, variant.id)
    data = {
        "id": variant.id,
        "champion": best is not None and best.id == variant.id,
        "hypothesis": one_line(variant.hypothesis),
        "operator": one_line(variant.operator),
        "model": one_line(variant.model),
        "island": variant.island,
        "generation": variant.generation,
        "score": labelled(population),
        "state": outcome(population, variant.id).state,
        "result": result(outcome(population, variant.id), decimals).plain,
        "n": fitness.n if fitness else 0,
        "parents": [_against(population, variant.id, parent, decimals) for parent in variant.parents],
        "children": list(below.get(variant.id, ())),
        "descent": descent(population.variants, variant.id),
        "tuned": {one_line(key): figures.value(value) for key, value in variant.tuned.items()},
        "credit": one_line(credit_text(owed, decimals).plain) if owed is not None else "",
        "numbers": weights.plain if weights is not None else "",
        "also": {one_line(key): f"{mean:.6g}" for key, mean in also(measured).items()},
        "measurements": [_burst(m, decimals) for m in measured],
        "failures": list(_failures(measured)),
        "trials": _trials(measured),
        **_texts(population, variant),
        "exchanges": [_exchange(population, name) for name in variant.transcripts],
    }
    return plain_dict(data)


def _against(population: Population, name: str, parent: str, decimals: int) -> dict[str, Any]:
    if parent not in population.variants:
        return {"id": parent, "result": "not in this run", "gain": None, "helps": False}
    gain = gain_over(population, name, parent)
    return {
        "id": parent,
        "result": result(outcome(population, parent), decimals).plain,
        "gain": None if gain is None else figures.gain(gain, decimals),
        "helps": gain is not None and gain > 0,
    }


def _burst(m: Measurement, decimals: int) -> dict[str, Any]:
    return {
        "purpose": m.purpose.value if m.trial is None else f"{m.purpose.value} {m.trial}",
        "searches": m.purpose.searches,
        "seed": m.seed,
        "state": m.state.value,
        "result": figures.score(m.score, decimals)
        if m.score is not None
        else m.failure.kind
        if m.failure
        else "pruned",
        "share": m.share,
        "seconds": round(m.seconds, 1),
        "tokens": figures.tokens(m.tokens),
        "device": one_line(m.device),
        "sandbox": one_line(m.sandbox),
        "said": one_line(m.said),
        "curve": finite(m.curve),
    }


def _failures(measured: Sequence[Measurement]) -> Iterator[dict[str, Any]]:
    """Yield each different failure once."""
    seen: set[tuple[str, str]] = set()
    for m in measured:
        if m.failure is None or (m.failure.kind, m.failure.message) in seen:
            continue
        seen.add((m.failure.kind, m.failure.message))
        traceback = "\n".join(lines(m.failure.traceback.rstrip()))
        yield {"kind": m.failure.kind.value, "message": one_line(m.failure.message), "traceback": traceback}


def _trials(measured: Sequence[Measurement]) -> dict[str, Any]:
    """Return Optuna's trials as columns: a list of values for each number, and the scores."""
    tried = [m for m in measured if m.purpose.tries]
    names = list(dict.fromkeys(name for m in tried for name in m.values))
    return {
        "number": [m.trial for m in tried],
        "purpose": [m.purpose.value for m in tried],
        "state": [m.state.value for m in tried],
        "score": [m.score for m in tried],
        "values": {one_line(name): [_value(m.values.get(name)) for m in tried] for name in names},
    }


def _value(value: Value | None) -> Value | None:
    return one_line(value) if isinstance(value, str) else value


def _texts(population: Population, variant: Variant) -> dict[str, str]:
    """Return source and diff, or why they cannot be had."""
    try:
        return {
            "source": code(population.source(variant.digest))[:_LONGEST],
            "diff": code(unified_diff(population, variant))[:_LONGEST],
        }
    except Corrupt as error:
        return {"source": "", "diff": "", "missing": one_line(str(error))}


def _exchange(population: Population, name: str) -> dict[str, Any]:
    """Return what a model was asked, and what it wrote."""
    kept = exchanges.kept(population, name) or {}
    try:
        messages = kept["request"]["messages"]
        return {
            "name": one_line(name),
            "model": one_line(str(kept["model"])),
            "outcome": one_line(str(kept["outcome"])),
            "seconds": round(float(kept["seconds"]), 1),
            "dollars": "unknown" if kept["dollars"] is None else figures.dollars(float(kept["dollars"]), 0),
            "messages": [
                {"role": one_line(str(m["role"])), "text": code(str(m["content"]))[:_LONGEST]}
                for m in messages
            ],
            "reply": code(str(kept["response"] or kept["reason"]))[:_LONGEST],
        }
    except (ValueError, KeyError, TypeError):
        return {"name": one_line(name), "missing": "the transcript cannot be read"}
