"""The lineage as columns, small enough that ten thousand variants are one short download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evolve.report.credits import credits_of
from evolve.report.standing import Outcome, direction, outcome
from evolve.report.tree import champion_line
from evolve.report.untrusted import one_line
from population.store import Population
from population.variant import Variant

_DIGITS = 6  # significant ones of a score in the graph: what is told in words comes from ``figures``


@dataclass(slots=True)
class _Words:
    """Texts that come again and again, each kept once."""

    known: dict[str, int] = field(default_factory=dict)

    def place(self, word: str) -> int:
        """Return the place of a text."""
        return self.known.setdefault(word, len(self.known))

    def list(self) -> list[str]:
        """Return the texts as they may be shown, in the order of their places."""
        return [one_line(word) for word in self.known]


def columns(population: Population) -> dict[str, Any]:
    """Return the variants as columns, in the order of birth.

    ``parents`` holds places in the columns, the first parent first; ``operator``, ``model``, ``state`` and
    ``failure`` hold places in the lists of ``words``; a ``failure`` of -1 is none. ``lane`` is where one is
    drawn (see ``lanes``), 0 for the champion's descent.
    """
    variants = list(population.variants.values())
    line = champion_line(population)
    places = {variant.id: place for place, variant in enumerate(variants)}
    outcomes = [outcome(population, variant.id) for variant in variants]
    words = {name: _Words() for name in ("operator", "model", "state", "failure")}
    kinds = ["" if one.failure is None else one.failure.kind.value for one in outcomes]
    owed = credits_of(population)
    return {
        "id": [variant.id for variant in variants],
        "parents": [[places[one] for one in v.parents if one in places] for v in variants],
        "lane": lanes(variants, line),
        "line": [places[name] for name in line],
        "operator": [words["operator"].place(variant.operator) for variant in variants],
        "model": [words["model"].place(variant.model) for variant in variants],
        "state": [words["state"].place(one.state) for one in outcomes],
        "failure": [words["failure"].place(kind) if kind else -1 for kind in kinds],
        "island": [variant.island for variant in variants],
        "generation": [variant.generation for variant in variants],
        "hypothesis": [one_line(variant.hypothesis) for variant in variants],
        **_scores(population, variants, outcomes),
        "trials": _trials(population, variants),
        "credited": sorted(places[name] for name in owed if name in places),
        "words": {name: known.list() for name, known in words.items()},
    }


def lanes(variants: Sequence[Variant], line: Sequence[str]) -> list[int]:
    """Return a lane for each variant, given in the order of birth; the champion's descent has lane 0.

    The lineage is cut into branches: each goes on with the child that has the most descendants. A branch gets
    the lane nearest to its parent's that is free from the birth of its first variant on: what is drawn stays
    narrow, and a branch that grows moves nobody born before it.
    """
    places = {variant.id: place for place, variant in enumerate(variants)}
    first_parent = [next((places[p] for p in variant.parents if p in places), -1) for variant in variants]
    champions = {places[name] for name in line}
    trunk = _trunks(first_parent, champions)
    found = [0] * len(variants)
    lane_ends: dict[int, int] = {}
    for place, parent in enumerate(first_parent):
        if place in champions:
            continue
        if parent >= 0 and parent not in champions and trunk[parent] == place:
            found[place] = found[parent]
            continue
        end = place
        while trunk[end] >= 0:
            end = trunk[end]
        lane = _free(lane_ends, found[parent] if parent >= 0 else 0, place)
        found[place], lane_ends[lane] = lane, end
    return found


def _trunks(first_parent: Sequence[int], line: set[int]) -> list[int]:
    """Return the child that each variant's branch goes on with, -1 where it ends."""
    sizes = [1] * len(first_parent)
    trunk = [-1] * len(first_parent)
    for place in range(len(first_parent) - 1, -1, -1):
        parent = first_parent[place]
        if not 0 <= parent < place:
            continue
        sizes[parent] += sizes[place]
        rival = trunk[parent]
        if rival < 0 or (place in line, sizes[place]) >= (rival in line, sizes[rival]):
            trunk[parent] = place
    return trunk


def _free(lane_ends: Mapping[int, int], beside: int, start: int) -> int:
    """Return the lane nearest to another one in which nothing is drawn from ``start`` on."""
    away = 1
    while True:
        for lane in (beside + away, beside - away):
            if lane != 0 and lane_ends.get(lane, -1) < start:
                return lane
        away += 1


def _scores(
    population: Population, variants: Sequence[Variant], outcomes: Sequence[Outcome]
) -> dict[str, list[Any]]:
    """Return the estimate of each variant, its error, how many bursts it is from, and its gain."""
    way = direction(population)
    means = {v.id: o.fitness.mean for v, o in zip(variants, outcomes, strict=True) if o.fitness}
    gains = [
        way.gain(means[v.id], over=means[v.parents[0]])
        if v.parents and v.id in means and v.parents[0] in means
        else None
        for v in variants
    ]
    fitnesses = [one.fitness for one in outcomes]
    return {
        "score": [None if one is None else _rounded(one.mean) for one in fitnesses],
        "error": [None if one is None else _rounded(one.standard_error) for one in fitnesses],
        "n": [0 if one is None else one.n for one in fitnesses],
        "gain": [None if gain is None else _rounded(gain) for gain in gains],
    }


def _trials(population: Population, variants: Sequence[Variant]) -> list[int]:
    return [sum(score.purpose.tries for score in population.scores(variant.id)) for variant in variants]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
