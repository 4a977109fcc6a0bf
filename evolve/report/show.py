"""Everything that is known of one variant."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evolve.report import ablation, exchanges, figures
from evolve.report.credits import credit_data, credit_text, credits_of, weights_text
from evolve.report.curves import finite, plot, sparkline
from evolve.report.diffs import between, painted
from evolve.report.shown import find
from evolve.report.standing import champion, gain_over, labelled, outcome
from evolve.report.studies import opening, study
from evolve.report.terminal import plain_dict
from evolve.report.tree import gain_text, result
from evolve.report.untrusted import lines, one_line
from evolve.report.verified import recorded, verified, verified_data
from evolve.tuned import newest_weights
from population.lineage import descent
from population.store import Population
from population.variant import Measurement, State, Value, Variant

TRACEBACK_LINES = 12


def show(population: Population, name: str, diff: bool = False, prompt: bool = False) -> RenderableType:
    """Show one variant.

    Args:
        population: the run.
        name: the variant's id, ``12`` for ``v12``.
        diff: whether also what changed in its source.
        prompt: whether also what a model was asked for it, and what it wrote.

    Raises:
        InputError: the run holds no such variant.
    """
    variant = find(population, name)
    measured = [m for m in population.measurements(variant.id) if m.purpose.searches]
    parts = [
        _facts(population, variant),
        _bursts(measured, figures.places(population.noise())),
        *_failures(measured),
        *_tried(measured),
        *_curve(measured),
        *_proof(population, variant),
    ]
    if diff:
        parts += _section(_diff_title(variant), _diff(population, variant))
    if prompt:
        parts += exchanges.shown(population, variant)
    return Group(*parts)


def show_data(population: Population, name: str, diff: bool = False, prompt: bool = False) -> dict[str, Any]:
    """Return one variant as plain data, its source included (arguments as of ``show``).

    Raises:
        InputError: the run holds no such variant.
    """
    variant = find(population, name)
    name = variant.id
    came_to = outcome(population, name)
    best = champion(population)
    data: dict[str, Any] = {
        **dataclasses.asdict(variant),
        "state": came_to.state,
        "fitness": dataclasses.asdict(came_to.fitness) if came_to.fitness else None,
        "gain": gain_over(population, name, variant.parents[0]) if variant.parents else None,
        "champion": best is not None and best.id == name,
        "verified": verified_data(population) if best is not None and best.id == name else None,
        "credit": credit_data(credits_of(population).get(name)),
        "study": None if (file := study(population, name)) is None else str(file),
        "numbers": newest_weights(population, name),
        "descent": descent(population.variants, name),
        "measurements": [
            {**dataclasses.asdict(m), "state": m.state.value} for m in population.measurements(name)
        ],
        "source": population.source(variant.digest),
    }
    if diff:
        data["diff"] = unified_diff(population, variant)
    if prompt:
        data["exchanges"] = exchanges.read(population, variant)
    return plain_dict(data)


def unified_diff(population: Population, variant: Variant) -> str:
    """Return what changed since the first parent; for a tuned seed, since it was proposed; maybe nothing."""
    if variant.parents and variant.parents[0] in population.variants:
        before, name = population.variants[variant.parents[0]].digest, variant.parents[0]
    else:
        before, name = variant.proposed, f"{variant.id} as proposed"
    return between(population, before, variant.digest, name, variant.id)


def _facts(population: Population, variant: Variant) -> Table:
    """Return who the variant is, as names and values."""
    decimals = figures.places(population.noise())
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    best = champion(population)
    name = Text(variant.id, style="bold")
    if best is not None and best.id == variant.id:
        name.append("  ★ champion", style="bold yellow")
    table.add_row("variant", name)
    table.add_row("hypothesis", Text(one_line(variant.hypothesis) or "–"))  # noqa: RUF001
    score = result(outcome(population, variant.id), decimals)
    fitness = population.fitness(variant.id)
    if fitness is not None:
        score.append(f"  from {figures.counted(fitness.n, 'burst')}", style="dim")
    table.add_row(Text(labelled(population)), score)
    for number, mean in also(population.measurements(variant.id)).items():
        table.add_row(Text(one_line(number)), Text(f"{mean:.6g}"))
    for parent in variant.parents:
        table.add_row("parent", _against(population, variant.id, parent, decimals))
    table.add_row("made by", _maker(variant))
    table.add_row("descent", Text(" → ".join(descent(population.variants, variant.id))))
    table.add_row("born", f"generation {variant.generation}, island {variant.island}")
    if variant.tuned:
        table.add_row("tuned", Text(one_line(figures.assignments(variant.tuned))))
    if (file := study(population, variant.id)) is not None:
        table.add_row("study", opening(file))
    if (weights := weights_text(population, variant.id)) is not None:
        table.add_row("numbers", weights)
    if (credit := credits_of(population).get(variant.id)) is not None:
        table.add_row("owed to", credit_text(credit, decimals))
    table.add_row("source", Text(variant.digest, style="dim"))
    return table


def _maker(variant: Variant) -> Text:
    """Say which operator, and which model, made a variant."""
    text = Text(one_line(variant.operator))
    return text.append(f", {one_line(variant.model)}") if variant.model else text


def _against(population: Population, name: str, parent: str, decimals: int) -> Text:
    """Compare a variant with one of its parents."""
    known = population.variants.get(parent)
    if known is None:
        return Text(f"{parent}, which this run does not hold")
    text = Text(f"{parent}  ").append_text(result(outcome(population, parent), decimals))
    gain = gain_over(population, name, parent)
    if gain is not None:
        text.append("  gain ").append_text(gain_text(gain, decimals))
    return text.append(f"  {one_line(known.hypothesis)}", style="dim")


def also(measured: Sequence[Measurement]) -> dict[str, float]:
    """Return the mean of each further number that came with scores."""
    names = dict.fromkeys(name for m in measured if m.score is not None for name in m.also)
    return {name: fmean(m.also[name] for m in measured if name in m.also) for name in names}


def _bursts(measured: Sequence[Measurement], decimals: int) -> RenderableType:
    """Return the variant's bursts, one line each."""
    if not measured:
        return Group(*_section("bursts", Text("none has ended yet")))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("#", "seed", "purpose", "result", "seconds", "tokens"):
        table.add_column(
            heading, no_wrap=True, justify="left" if heading in ("purpose", "result") else "right"
        )
    table.add_column("learning curve", no_wrap=True)
    for number, m in enumerate(measured, 1):
        purpose = m.purpose if m.trial is None else f"{m.purpose} {m.trial}"
        shown = (str(number), str(m.seed), purpose, _result(m, decimals), f"{m.seconds:.1f}")
        table.add_row(*shown, figures.tokens(m.tokens), Text(sparkline(m.curve, 16), style="cyan"))
    return Group(*_section("bursts", table))


def _result(m: Measurement, decimals: int) -> Text:
    """Return what one burst came to."""
    if m.score is not None:
        return Text(figures.score(m.score, decimals))
    return Text(m.failure.kind, style="red") if m.failure else Text("pruned", style="yellow")


def _failures(measured: Sequence[Measurement]) -> Iterator[RenderableType]:
    """Yield each different failure, with the last lines of its traceback."""
    seen: set[tuple[str, str]] = set()
    for number, m in enumerate(measured, 1):
        if m.failure is None or (m.failure.kind, m.failure.message) in seen:
            continue
        seen.add((m.failure.kind, m.failure.message))
        text = Text(one_line(m.failure.message), style="red")
        last = lines(m.failure.traceback.rstrip())[-TRACEBACK_LINES:]
        if last and one_line(last[-1]) == text.plain:
            del last[-1]  # a traceback ends in its message
        text.append("".join(f"\n{line}" for line in last), style="dim not bold")
        yield from _section(f"failure of burst {number}: {m.failure.kind}", text)


def _tried(measured: Sequence[Measurement]) -> Iterator[RenderableType]:
    """Yield the tunables' values: those of the first burst, then what each trial changed."""
    if not measured or not any(m.values for m in measured):
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    first = measured[0].values
    table.add_row("first burst", Text(one_line(figures.assignments(first))))
    for m in measured[1:]:
        changed = {name: v for name, v in m.values.items() if first.get(name) != v}
        if m.purpose.tries or changed:
            name = m.purpose if m.trial is None else f"{m.purpose} {m.trial}"
            table.add_row(name, _changes(changed, m.state))
    yield from _section("values", table)


def _changes(changed: dict[str, Value], state: State) -> Text:
    """Return what a trial changed, dim when nothing came of it."""
    style = "" if state is State.SCORED else "dim"
    return Text(one_line(figures.assignments(changed)) or "the same", style=style)


def _curve(measured: Sequence[Measurement]) -> Iterator[RenderableType]:
    """Yield the plot of the longest learning curve."""
    whole = [m for m in measured if m.purpose.whole] or measured
    curve = max((finite(m.curve) for m in whole), key=len, default=[])
    if len(curve) < 2:
        return
    losses = [loss for _, loss in curve]
    high, low = f"{max(losses):.3g}", f"{min(losses):.3g}"
    margin = max(len(high), len(low))
    rows = plot(curve, 60, 5)
    labels = [high, "", "", "", low]
    text = Text()
    for label, row in zip(labels, rows, strict=True):
        text.append(f"{label:>{margin}} ", style="dim").append(row + "\n", style="cyan")
    text.append(f"{'':{margin}} 0 %{'100 % of the budget':>57}", style="dim")
    yield from _section("learning curve: loss reported by the variant", text)


def _proof(population: Population, variant: Variant) -> Iterator[RenderableType]:
    """Yield what the champion's verification and ablation came to, where there are any."""
    best = champion(population)
    if best is None or best.id != variant.id:
        return
    if (found := recorded(population)) is not None:
        yield from _section("verified", verified(population, found))
    if (table := ablation.recorded(population)) is not None:
        yield from _section("ablated", ablation.ablated(table))


def _diff_title(variant: Variant) -> str:
    """Say what the diff compares."""
    return f"changes since {variant.parents[0]}" if variant.parents else "changes since it was proposed"


def _diff(population: Population, variant: Variant) -> RenderableType:
    """Return the coloured diff to the first parent."""
    return painted(unified_diff(population, variant), "none")


def _section(title: str, body: RenderableType) -> list[RenderableType]:
    """Return a titled part of the page."""
    return [Text(f"\n{title}", style="bold"), Padding(body, (0, 0, 0, 2))]
