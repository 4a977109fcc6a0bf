"""What a search has seen, in a few thousand characters, for a model that looks back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evolve.chronicle import Chronicle
from operators.edits import one_line
from population.edit import places
from population.errors import Corrupt
from population.ideas import Outcome
from population.store import Population

_BEST = 15
_PLACES = 20
_IDEA = 180  # characters


def condensed(population: Population, chronicle: Chronicle, lessons: Sequence[str]) -> str:
    """Return what a search has seen: its standing, ideas and failures, and the lessons so far.

    Args:
        population: what is known.
        chronicle: the running account of it.
        lessons: the present ones.
    """
    sections = (
        ("Standing", _standing(population, chronicle)),
        ("Best ideas, with their gain", _told(population, chronicle, chronicle.best(_BEST), best=True)),
        ("Latest children, oldest first", _told(population, chronicle, chronicle.latest)),
        ("Came again and again", (f"{one.times} times: {one.what}" for one in chronicle.recurring())),
        ("Where changes were made: children, those better than their parent", _places(chronicle)),
        ("Parts of the champion that no child has changed", _untouched(population, chronicle)),
        ("Present lessons", lessons),
    )
    return "\n\n".join("\n".join([f"{title}:", *(_listed(lines))]) for title, lines in sections)


def _standing(population: Population, chronicle: Chronicle) -> Iterator[str]:
    """Say how far the search has come."""
    for name, who in (("v0", "the seed"), (population.meta("champion"), "the champion")):
        if name in population.variants:
            yield f"{who} {name}: {population.fitness(name)}"
    yield f"children measured: {chronicle.measured}, better than their parent: {chronicle.improved}"
    for what, counts in (("failed", chronicle.failures), ("refused before a burst", chronicle.refusals)):
        if counts:
            kinds = ", ".join(f"{kind} {number}" for kind, number in counts.most_common())
            yield f"{what}: {counts.total()} ({kinds})"


def _told(
    population: Population, chronicle: Chronicle, names: Iterable[str], best: bool = False
) -> Iterator[str]:
    """Tell of variants: the idea and what came of it; as the best, only of gains."""
    for name in names:
        variant, outcome = population.variants.get(name), chronicle.ideas.outcome(name)
        if variant is not None and outcome is not None and (outcome.worked or not best):
            yield f"{name} {said(outcome)}: {one_line(variant.hypothesis)[:_IDEA]}"


def said(outcome: Outcome) -> str:
    """Say in a few words what came of a variant."""
    if outcome.failure:
        return f"failed ({outcome.failure})"
    return "ran" if outcome.gain is None else f"{outcome.gain}"


def _places(chronicle: Chronicle) -> Iterator[str]:
    for place, number in chronicle.places.most_common(_PLACES):
        yield f"{place or 'the top level'}: {number}, {chronicle.fruitful[place]}"


def _untouched(population: Population, chronicle: Chronicle) -> Sequence[str]:
    """Return the definitions of the champion that no edit was made in."""
    champion = population.variants.get(population.meta("champion", ""))
    if champion is None:
        return ()
    try:
        held = places(population.source(champion.digest))
    except Corrupt:
        return ()
    return [place for place in held if place and place not in chronicle.places][:_PLACES]


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines] or ["- none"]
