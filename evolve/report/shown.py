"""Which variants of a lineage are shown, and when a time span given by a person began."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from evolve.errors import InputError
from evolve.report.choosing import lineage_counts
from evolve.report.standing import outcome
from evolve.report.untrusted import one_line
from population.lineage import descent
from population.store import Population
from population.variant import State, Variant

_SPAN = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person wants to see of a lineage.

    Args:
        depth: generations below the seed, None for all.
        alive: only scored variants in lineages that are alive.
        failed: only variants that failed.
        since: only variants of the last ``2h``, ``30m`` or ``1d`` of the search, or from ``v12`` on.
    """

    depth: int | None = None
    alive: bool = False
    failed: bool = False
    since: str | None = None

    @property
    def all(self) -> bool:
        """Say whether everything is shown."""
        return self == Choice()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The variants that are shown.

    Args:
        wanted: those that were asked for.
        shown: these and all on the way to them from the seed, in the order of their birth.
    """

    wanted: Collection[str]
    shown: tuple[Variant, ...]


def choose(population: Population, choice: Choice) -> Chosen:
    """Return the variants to be shown.

    Raises:
        InputError: ``since`` is neither a time nor a variant.
    """
    variants = population.variants
    if choice.all:
        return Chosen(variants.keys(), tuple(variants.values()))
    begun = 0.0 if choice.since is None else _begun(population, choice.since)
    living = {one.island for one in lineage_counts(population)}

    def wanted(variant: Variant) -> bool:
        state = outcome(population, variant.id).state
        return (
            (choice.depth is None or variant.generation <= choice.depth)
            and (not choice.alive or (state == State.SCORED and variant.island in living))
            and (not choice.failed or state == State.FAILED)
            and variant.created >= begun
        )

    found = {name for name, variant in variants.items() if wanted(variant)}
    way = {one for name in found for one in descent(variants, name)}
    return Chosen(found, tuple(variant for name, variant in variants.items() if name in way))


def find(population: Population, name: str) -> Variant:
    """Return a variant by its id, ``12`` for ``v12``.

    Raises:
        InputError: the run holds no such variant.
    """
    variant = population.variants.get(name) or population.variants.get(f"v{name}")
    if variant is None:
        known = list(population.variants)
        have = f"it has {known[0]} to {known[-1]}" if known else "it has none yet"
        raise InputError(f"no variant {one_line(name)!r} in this run; {have}")
    return variant


def _begun(population: Population, since: str) -> float:
    """Return the unix time from which on variants are shown."""
    span = _SPAN.fullmatch(since.strip())
    if span is not None:
        last = max((variant.created for variant in population.variants.values()), default=0.0)
        return last - float(span["number"]) * _SECONDS[span["unit"]]
    if not re.fullmatch(r"v?\d+", since.strip()):
        raise InputError(f"--since {since!r}: give a time such as 30m, 2h or 1d, or a variant such as v12")
    return find(population, since.strip()).created
