"""A run as Markdown, for a pull request: what changed, what it is worth, and how that was found out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evolve import settings as settings_module
from evolve.errors import InputError
from evolve.finding import opened
from evolve.machine import MACHINE
from evolve.proof.ablation import Ablation, Effect
from evolve.proof.verification import BETTER, Verification, of_split
from evolve.report import ablation, figures, picture, verified
from evolve.report.diffs import between
from evolve.report.escaping import escaped, fenced, literal, table
from evolve.report.standing import (
    Standing,
    bursts,
    champion,
    gain_over,
    labelled,
    outcome,
    seed,
    standing,
    trust,
    worth,
)
from evolve.report.status import call_counts
from evolve.report.tree import result
from evolve.settings import FILE, Settings, differing
from population.disk import write_whole
from population.lineage import descent
from population.store import Population
from population.variant import Purpose

_OURS = ("program.md", "lessons.md")  # files of a run that end as a report does


def write_markdown(folder: Path, output: Path) -> None:
    """Write a report of a run, and its picture beside it.

    Args:
        folder: the run.
        output: the report's file; the picture has its name, and ends in ``.png``.

    Raises:
        InputError: the folder is no run, has no champion, a file cannot be one, or matplotlib is missing.
        PopulationError: the run is damaged, or the disk does not take a file.
    """
    if output.resolve().parent == folder.resolve() and output.name in _OURS:
        raise InputError(f"{output} belongs to the run itself; give another -o")
    picture.check()
    with opened(folder) as population:
        if champion(population) is None:
            raise InputError(f"{folder} has no champion yet: its seed has not been measured")
        beside = output.with_suffix(".png")
        text = markdown(population, settings_module.load(folder / FILE, {}), beside.name)
        drawn = picture.draw(population)
    for file in (output, beside):
        if file.is_dir():
            raise InputError(f"cannot write {file}: it is a folder")
    if not output.parent.is_dir():
        raise InputError(f"cannot write {output}: there is no folder {output.parent}")
    write_whole(beside, drawn)
    write_whole(output, text.encode("utf-8", "replace"))


def markdown(population: Population, settings: Settings, drawn: str) -> str:
    """Return the report.

    Args:
        population: the run; it has a champion.
        settings: its settings.
        drawn: the name of the picture's file.
    """
    now = standing(population)
    parts = [
        _title(population, now),
        _summary(population, now),
        f"![Score of the champion against bursts]({quote(drawn)})",
        *_line(population),
        *_ablation(population),
        *_change(population),
        *_cost(population),
        *_circumstances(population, settings),
        *_settings(settings),
    ]
    return "\n\n".join(parts) + "\n"


def _title(population: Population, now: Standing) -> str:
    """Say what was gained, in one line."""
    found, name = verified.recorded(population), escaped(labelled(population))
    if found is not None and found.verdict == BETTER and found.gain is not None:
        gain = figures.gain(found.gain, _decimals(found))
        return f"# {name} better by {gain}, verified"
    if now.gain is None or now.probability is None:
        return f"# {name}: the seed is still the best"
    gain = figures.gain(now.gain, figures.places(population.noise()))
    return f"# {name} better by {gain} in the search, not verified"


def _summary(population: Population, now: Standing) -> str:
    """Return the figures that decide, one a line."""
    decimals = figures.places(population.noise())
    assert now.champion is not None
    rows = [
        ("champion", f"{now.champion.id}: {literal(now.champion.hypothesis)}"),
        ("verified gain", _verified(population)),
    ]
    for name, fitness in (("its score", now.best), ("the seed's", now.seed)):
        if fitness is not None:
            rows.append((name, f"{figures.estimate(fitness, decimals)} (n={fitness.n})"))
    if now.gain is not None and now.probability is not None:
        error = "" if now.error is None else f" ± {figures.score(now.error, decimals)}"
        sure = figures.probability(now.probability).replace("<", "&lt;").replace(">", "&gt;")
        said = f"{figures.gain(now.gain, decimals)}{error}, P(better) {sure}"
        rows.append(("gain in the search", said))
    if trust(population):
        rows.append(("scores", f"{escaped(trust(population))}, not computed by the engine"))
    rows.append(("task", escaped(str(population.meta("task") or ""))))
    owner = population.meta("owner")
    rows.append(("person responsible", escaped(str(owner)) if owner else "none is named"))
    return table((escaped(labelled(population)), f"{_way(population)} is better"), rows)


def _way(population: Population) -> str:
    """Say which scores are better."""
    return "lower" if population.meta("direction") != "maximize" else "higher"


def _verified(population: Population) -> str:
    """Say what a verification came to."""
    found = verified.recorded(population)
    if found is None:
        return "not verified: `python -m evolve verify` measures it on seeds that no search saw"
    where = f"{of_split(found, 'on the ')}, {figures.counted(found.pairs, 'fresh seed')}".removeprefix(", ")
    if found.gain is None or found.low is None or found.high is None or found.p_value is None:
        return f"unknown ({found.verdict}) {where}"
    gain, low, high = (figures.gain(one, _decimals(found)) for one in (found.gain, found.low, found.high))
    p = verified.p_value(found.p_value).replace("<", "&lt;")
    return f"**{gain}** (95 % interval {low} to {high}; {p}), {where}: {found.verdict}"


def _decimals(found: Verification) -> int:
    return 4 if found.standard_error is None else figures.places(found.standard_error)


def _line(population: Population) -> Iterator[str]:
    """Yield the steps between the seed and the champion."""
    best = champion(population)
    line = descent(population.variants, best.id) if best else []
    if len(line) < 2:
        return
    decimals = figures.places(population.noise())
    rows = []
    for parent, name in itertools.pairwise(line):
        variant, gain = population.variants[name], gain_over(population, name, parent)
        rows.append(
            (
                name,
                "" if gain is None else figures.gain(gain, decimals),
                escaped(result(outcome(population, name), decimals).plain),
                escaped(variant.operator),
                escaped(variant.model) or "none",
                literal(variant.hypothesis),
            )
        )
    yield "## How it got there"
    yield table(("variant", "gain over its parent", "score", "operator", "model", "idea"), rows)


def _ablation(population: Population) -> Iterator[str]:
    """Yield what each part of the change is worth."""
    yield "## What each part of the change is worth"
    found = ablation.recorded(population)
    if found is None:
        yield "Not measured: `python -m evolve ablate` takes the change apart."
        return
    decimals = 4 if found.noise is None else figures.places(found.noise)
    rows = [
        (
            str(row.number),
            str(row.lines[0]) if row.lines[0] == row.lines[1] else f"{row.lines[0]}-{row.lines[1]}",
            literal(row.change),
            _effect(row.left_out, decimals),
            _effect(row.alone, decimals),
            row.verdict.value,
        )
        for row in found.rows
    ]
    yield table(("#", "lines", "change", "left out", "alone", "verdict"), rows)
    yield _how_ablated(found, decimals)


def _how_ablated(found: Ablation, decimals: int) -> str:
    """Say how the table is read, and what it rests on."""
    noise = "unknown" if found.noise is None else f"{figures.score(found.noise, decimals)} for one burst"
    return (
        f"All together: {_effect(found.whole, decimals)}. *Left out*: the champion against the champion "
        "without the part; *alone*: the seed with it against the seed; + is better with it, ± one standard "
        f"error. {figures.counted(found.programs, 'program')} on "
        f"{figures.counted(len(found.seeds), 'seed')} each, noise {noise}."
    )


def _effect(effect: Effect, decimals: int) -> str:
    """Write what something is worth, or how the program failed that should tell."""
    if effect.failure:
        return f"fails: {escaped(effect.failure.partition(':')[0])}"
    if effect.gain is None or effect.standard_error is None:
        return "unknown"
    return f"{figures.gain(effect.gain, decimals)} ± {figures.score(effect.standard_error, decimals)}"


def _change(population: Population) -> Iterator[str]:
    """Yield the champion's change to the seed."""
    best, first = champion(population), seed(population)
    assert best is not None
    assert first is not None
    changed = between(population, first.proposed, best.digest, "seed", best.id)
    yield "## The change"
    yield fenced(changed, "diff") if changed else "None: the champion is the seed."


def _cost(population: Population) -> Iterator[str]:
    """Yield what the search and the proof took."""
    yield "## Cost"
    measured = [m for name in population.variants for m in population.measurements(name)]
    rows = []
    for name, search in (("search", True), ("verification and ablation", False)):
        ours = [m for m in measured if m.purpose.searches is search]
        if ours:
            hours = sum(m.seconds for m in ours) / 3600
            rows.append((name, str(len(ours)), f"{hours:.3g} slot hours"))
    clock = figures.duration(float(population.meta("clock") or 0.0))
    done = figures.number(worth(bursts(population)))
    yield f"{done} full bursts of {figures.counted(len(population.variants), 'variant')} in {clock}."
    yield table(("for", "bursts", "time"), rows)
    calls = [
        (
            escaped(one.model),
            escaped(one.outcome),
            str(one.calls),
            figures.tokens(one.prompt_tokens),
            figures.tokens(one.completion_tokens),
            figures.dollars(one.dollars, one.unpriced),
        )
        for one in call_counts(population.calls)
    ]
    if not calls:
        yield "No LLM was asked."
        return
    yield table(("model", "outcome", "calls", "prompt tokens", "reply tokens", "cost"), calls)
    yield f"LLM calls together: {figures.dollars(population.paid.dollars, population.paid.unpriced)}."


def _circumstances(population: Population, settings: Settings) -> Iterator[str]:
    """Yield seeds, confinement, versions and hardware."""
    best, first = champion(population), seed(population)
    assert best is not None
    assert first is not None
    measured = [m for name in dict.fromkeys((first.id, best.id)) for m in population.measurements(name)]
    proof, parts = verified.recorded(population), ablation.recorded(population)
    replicates = dict.fromkeys(m.seed for m in measured if m.purpose is Purpose.REPLICATE)
    rows = [
        ("seed of the search", str(settings.seed)),
        ("seeds of replicates", _numbers(replicates)),
        ("seeds of the verification", _numbers(proof.seeds if proof else ())),
        ("seeds of the ablation", _numbers(parts.seeds if parts else ())),
        ("confinement", ", ".join(sorted({m.sandbox or "not recorded" for m in measured}))),
        ("device", ", ".join(sorted({escaped(m.device) for m in measured}))),
        ("data", escaped(str(population.meta("data") or "none"))),
        ("source", best.digest),
        *((escaped(name), escaped(" / ".join(values))) for name, values in _machines(population).items()),
    ]
    yield "## How it was measured"
    yield table(("what", "which"), rows)


def _machines(population: Population) -> dict[str, list[str]]:
    """Return versions and hardware of all sessions: each value once, in the order of their coming."""
    found: dict[str, dict[str, None]] = {}
    for event in population.events_of("started"):
        known: dict[str, Any] = event.data.get(MACHINE) or {}
        for name, value in known.items():
            found.setdefault(str(name), {})[str(value)] = None
    if not found:
        return {"versions and hardware": ["not recorded by this run"]}
    return {name: list(values) for name, values in found.items()}


def _numbers(numbers: Any) -> str:
    return ", ".join(map(str, numbers)) or "none"


def _settings(settings: Settings) -> Iterator[str]:
    """Yield the settings that are not the usual ones, or were chosen at the start."""
    rows = [(f"`{name}`", literal(value)) for name, value in differing(settings).items()]
    yield "## Settings that differ from the defaults"
    yield table(("setting", "value"), rows) if rows else "None."
