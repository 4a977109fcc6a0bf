"""What is on record of tunings: who was tuned, how often, and what was learnt."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any

from operators.proposal import Proposal
from population import genome
from population.errors import Corrupt
from population.store import Population
from population.structure import shared_values
from population.variant import Value, Variant

TUNINGS = "notes.tunings"
"""What is known of each tuned variant's tunings: how many, what they brought, and which numbers matter."""

NUMBERS = "tune"
"""Operator of a child that has its parent's structure and the numbers that a tuning found."""

_CLIMB = 8  # generations in which a tuned ancestor is looked for


def note_of(population: Population, name: str) -> Mapping[str, Any]:
    """Return what is kept of a variant's tunings."""
    found: Mapping[str, Any] = population.notes(TUNINGS).get(name, {})
    return found


def own_trials(population: Population, name: str) -> int:
    """Count the trials that a variant has had."""
    return sum(one.purpose.tries for one in population.scores(name))


def trial_noise(population: Population) -> float | None:
    """Return the standard deviation of a burst under the common seed of trials; None while it is unknown."""
    noise = population.spread()
    return noise.deviation * math.sqrt(1.0 - noise.shared) if noise.known else None


def tuned_ancestors(population: Population, name: str) -> list[str]:
    """Return the nearest ancestor on each parent's line that has been tuned; none is looked for far up."""
    found: dict[str, None] = {}
    for parent in population.variants[name].parents:
        one: str | None = parent
        for _ in range(_CLIMB):
            known = None if one is None else population.variants.get(one)
            if known is None:
                break
            if own_trials(population, known.id):
                found[known.id] = None
                break
            one = next(iter(known.parents), None)
    return [*found]


def newest_weights(population: Population, name: str) -> Mapping[str, Mapping[str, Any]]:
    """Return which numbers of a variant matter, as far as it or an ancestor was tuned; weightiest first."""
    for one in (name, *tuned_ancestors(population, name)):
        found: Mapping[str, Mapping[str, Any]] = note_of(population, one).get("weights", {})
        if found:
            return dict(sorted(found.items(), key=lambda pair: (-pair[1]["share"], pair[0])))
    return {}


def values_to_try(population: Population, name: str, digest: str) -> dict[str, Value]:
    """Return a variant's values with those of another source where it may have them; empty if none differ."""
    try:
        source = population.source(population.variants[name].digest)
        other = shared_values(source, population.source(digest))
        tunables = {one.name: one for one in genome.parse_tunables(source)}
    except (Corrupt, SyntaxError, genome.TuneError):
        return {}
    values = {one.name: one.value for one in tunables.values()}
    for changed, value in other.items():
        with contextlib.suppress(ValueError):  # not among its choices
            values[changed] = genome.rounded(tunables[changed], value)
    return values if any(values[one.name] != one.value for one in tunables.values()) else {}


def with_numbers(population: Population, parent: Variant, digest: str) -> Proposal | None:
    """Return a child that is its parent with the numbers of a source; None if that is gone."""
    try:
        source = population.source(digest)
        now = genome.values_of(population.source(parent.digest))
    except Corrupt:
        return None
    changed = {name: value for name, value in genome.values_of(source).items() if value != now.get(name)}
    told = ", ".join(f"{name} = {value} (was {now.get(name)})" for name, value in changed.items())
    return Proposal(source, f"numbers tuned: {told}", NUMBERS)
