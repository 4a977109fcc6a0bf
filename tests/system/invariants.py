"""What must hold of a run folder whenever its engine is killed, and what a kill must not take away."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from population.errors import Corrupt
from population.store import Population
from population.variant import Measurement, Variant
from tests.system.command import Event

UNRECORDED = ("progress", "finished")
"""Kinds of the lines that tell of no event."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a run holds at one moment.

    Args:
        variants: by id.
        measurements: of each variant, in order.
        measured: ids of the variants that the store has measurements of.
        events: kind and text of each, with how often it is there.
        champion: its id, empty before there is one.
        crowned: who was crowned last, by the events.
        unreadable: sources that are missing or damaged.
        calls: LLM calls.
        dollars: what they cost.
    """

    variants: Mapping[str, Variant]
    measurements: Mapping[str, Sequence[Measurement]]
    measured: frozenset[str]
    events: Mapping[tuple[str, str], int]
    champion: str
    crowned: str
    unreadable: tuple[str, ...]
    calls: int
    dollars: float

    @property
    def evaluations(self) -> int:
        """Bursts of the search."""
        return sum(one.spent for several in self.measurements.values() for one in several)


def look(folder: Path) -> Look:
    """Read a run folder that nobody writes."""
    with Population.open(folder) as population:
        crowned = [event.data["variant"] for event in population.events if event.kind == "champion"]
        return Look(
            dict(population.variants),
            {name: tuple(population.measurements(name)) for name in population.variants},
            frozenset(row["variant"] for row in population.db.table("measurements")),
            Counter((event.kind, event.text) for event in population.events),
            population.meta("champion", ""),
            crowned[-1] if crowned else "",
            tuple(_unreadable(population)),
            len(population.calls),
            population.paid.dollars,
        )


def _unreadable(population: Population) -> Iterator[str]:
    """Name the sources of variants that cannot be had."""
    for one in population.variants.values():
        for digest in {one.digest, one.proposed}:
            try:
                population.source(digest)
            except Corrupt as error:
                yield f"{one.id}: {error}"


def broken(now: Look, told: Sequence[Event]) -> list[str]:
    """Return what is wrong with a run, and what it was told of (its JSON lines) and does not hold."""
    ids = [f"v{number}" for number in range(len(now.variants))]
    orphans = [
        f"{one.id} has the parents {one.parents}, which are not all there before it"
        for number, one in enumerate(now.variants.values())
        if not set(one.parents) <= set(ids[:number])
    ]
    return [
        *([] if list(now.variants) == ids else [f"ids are {list(now.variants)}, not v0 to v{len(ids) - 1}"]),
        *orphans,
        *now.unreadable,
        *(f"{name} was measured and is no variant" for name in sorted(now.measured - now.variants.keys())),
        *([] if now.champion == now.crowned else [f"champion {now.champion}, but {now.crowned} was crowned"]),
        *_untold(now, [event for event in told if event["event"] not in UNRECORDED]),
    ]


def _untold(now: Look, told: Sequence[Event]) -> Iterator[str]:
    """Say what was told and is not on record."""
    for event in told:
        if (event["event"], event["text"]) not in now.events:
            yield f"told, but no event: {event['event']} {event['text']}"
        variant = event["data"].get("variant", "v0")
        if variant not in now.variants:
            yield f"told of {variant}, which is no variant: {event['text']}"
    bursts = Counter(
        event["data"]["variant"] for event in told if event["event"] in ("measured", "replicated")
    )
    trials = Counter[str]()
    for event in told:
        if event["event"] == "tuned":
            trials[event["data"]["variant"]] += event["data"]["trials"]
    for name, number in (bursts + trials).items():
        held = len(now.measurements.get(name, ()))
        if held < number:
            yield f"{name}: told of {number} bursts, {held} are on record"
    if any(event["event"] == "champion" for event in told) and not now.champion:
        yield "told of a champion, and there is none"


def lost(before: Look, now: Look) -> list[str]:
    """Return what an earlier look at a run has seen and a later one has not."""
    gone = [name for name, one in before.variants.items() if not _same(one, now.variants.get(name))]
    shorter = [
        name
        for name, several in before.measurements.items()
        if tuple(now.measurements.get(name, ())[: len(several)]) != tuple(several)
    ]
    fewer = Counter(before.events) - Counter(now.events)
    figures = {
        "LLM calls": (before.calls, now.calls),
        "dollars": (before.dollars, now.dollars),
        "evaluations": (before.evaluations, now.evaluations),
    }
    return [
        *(f"{name} was another variant at the last look" for name in gone),
        *(f"{name} has lost measurements since the last look" for name in shorter),
        *(f"an event is gone since the last look: {kind} {text}" for kind, text in fewer),
        *(f"{was} {what} at the last look, now {is_}" for what, (was, is_) in figures.items() if is_ < was),
    ]


def _same(one: Variant, other: Variant | None) -> bool:
    """Say whether two records are of one variant; tuning may have changed its numbers."""
    return other is not None and (one.proposed, one.parents, one.operator, one.created) == (
        other.proposed,
        other.parents,
        other.operator,
        other.created,
    )


def unpaid(now: Look, answered: int, price: float) -> list[str]:
    """Return whether answers of an LLM, at a price each, are missing from the record."""
    due = answered * price
    if now.dollars >= due - 1e-9:
        return []
    return [
        f"{answered} answers for {due:.4f} dollars, and {now.dollars:.4f} for {now.calls} calls on record"
    ]


def wrongly_failed(now: Look, kills: int) -> list[str]:
    """Return the failures that the variants themselves are not to blame for, beyond bursts killed twice.

    Args:
        now: a run on ``bigram.py``, whose only fault is to have too many rows.
        kills: how many processes were killed; a burst is made again once.
    """
    failures = [
        (one.variant, one.failure)
        for several in now.measurements.values()
        for one in several
        if one.failure is not None and "rows do not fit" not in one.failure.message
    ]
    killed = [name for name, failure in failures if failure.kind == "killed"]
    others = [
        f"{name} failed: {failure.kind}: {failure.message}"
        for name, failure in failures
        if failure.kind != "killed"
    ]
    if len(killed) > kills // 2:
        others.append(f"{len(killed)} bursts failed as killed after {kills} kills: {json.dumps(killed)}")
    return others
