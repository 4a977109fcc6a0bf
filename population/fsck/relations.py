"""Whether variants, their sources, their parents and their measurements hold together."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from population.fsck.case import MEASUREMENTS, VARIANTS, Case, at, counted, listed
from population.fsck.findings import QUARANTINED, STAYS, Level
from population.lineage import children_index
from population.ranking import number_of
from population.variant import Variant


def check(case: Case) -> None:
    """Check them all; what nothing hangs on and what nobody can use is to be taken out."""
    _check_variants(case)
    _check_measurements(case)
    _check_ids(case)


def _check_variants(case: Case) -> None:
    """See that every variant has its sources and its parents."""
    variants = case.known.variants
    lost = {one.id: names for one in variants.values() if (names := _lost(case, one))}
    orphans = {
        one.id: names
        for one in variants.values()
        if (names := [parent for parent in one.parents if parent not in variants])
    }
    leaving = _leaving(case, lost, orphans)
    for name in [name for name in variants if name in lost or name in orphans]:
        number = case.known.numbers[VARIANTS, name]
        said = {
            "source": [f"the source {one} of {name} {case.sources.state(one)}" for one in lost.get(name, ())],
            "parent": [f"{name} is a child of {one}, which is no variant" for one in orphans.get(name, ())],
        }
        repair = f"{name} and its measurements {QUARANTINED}" if name in leaving else STAYS
        for kind, sentences in said.items():
            for what in sentences:
                case.find(Level.ERROR, kind, what, at(VARIANTS, number), repair)
        if name in leaving:
            why = "; ".join(what for sentences in said.values() for what in sentences)
            _drop_variant(case, name, why)


def _lost(case: Case, variant: Variant) -> list[str]:
    """Return the sources of a variant that cannot be had any more."""
    names = dict.fromkeys((variant.proposed, variant.digest))
    missing = [name for name in names if not case.has_source(variant, name)]
    return [name for name in missing if not case.has_source(variant, name)]  # the other may be back now


def _leaving(case: Case, lost: Collection[str], orphans: Collection[str]) -> set[str]:
    """Return the variants that go: no source, or neither parent nor measurement; and no child that stays.

    The seed variant never goes: without it nothing goes on.
    """
    variants = case.known.variants
    children = children_index(variants.values())
    leaving: set[str] = set()
    left = [name for name in variants if name in lost or name in orphans]
    while left:
        name = left.pop()
        useless = name in lost or (name in orphans and name not in case.known.measured)
        if name in leaving or not useless or not variants[name].parents:
            continue
        if not set(children.get(name, ())) - leaving:
            leaving.add(name)
            left += [parent for parent in variants[name].parents if parent in variants]
    return leaving


def _drop_variant(case: Case, name: str, why: str) -> None:
    del case.known.variants[name]
    case.drop(VARIANTS, case.known.numbers.pop((VARIANTS, name)), why)
    _drop_measurements(case, name, why)


def _check_measurements(case: Case) -> None:
    """See that every measurement is one of a variant."""
    for name in [name for name in case.known.measured if name not in case.known.variants]:
        what = f"{counted(len(case.known.measured[name]), 'measurement')} of {name}, which is no variant"
        case.find(Level.ERROR, "measurement", what, f"table {MEASUREMENTS}", QUARANTINED)
        _drop_measurements(case, name, f"it is of {name}, which is no variant")


def _drop_measurements(case: Case, name: str, why: str) -> None:
    for number in case.known.measured.pop(name, ()):
        case.drop(MEASUREMENTS, number, why)


def _check_ids(case: Case) -> None:
    """See that ids count up, and that parents come before their children, by one generation."""
    variants = case.known.variants
    for what in [*_odd_names(variants), *_odd_lines(variants)]:
        case.find(Level.WARNING, "ids", what, f"table {VARIANTS}")
    if not any(not one.parents for one in variants.values()):
        case.find(
            Level.ERROR, "seed", "the seed variant is not there: no search can go on", f"table {VARIANTS}"
        )


def _odd_names(variants: Collection[str]) -> list[str]:
    """Say which ids are no letter and number, and which numbers are left out."""
    numbers = {number for name in variants if (number := _number(name)) is not None}
    odd = [name for name in variants if _number(name) is None]
    holes = [f"v{number}" for number in range(max(numbers, default=0)) if number not in numbers]
    said = [f"no letter and number: {listed(odd)}"] if odd else []
    return said + ([f"left out, although later ones are there: {listed(holes)}"] if holes else [])


def _number(name: str) -> int | None:
    try:
        return number_of(name)
    except ValueError:
        return None


def _odd_lines(variants: Mapping[str, Variant]) -> list[str]:
    """Say which variants come before a parent, or are of another generation than their parents say."""
    order = {name: place for place, name in enumerate(variants)}
    said: list[str] = []
    for one in variants.values():
        known = [variants[parent] for parent in one.parents if parent in variants]
        if any(order[parent.id] >= order[one.id] for parent in known):
            said.append(f"{one.id} comes before a parent of its own")
        due = 1 + max((parent.generation for parent in known), default=-1)
        if len(known) == len(one.parents) and one.generation != due:
            said.append(f"{one.id} is of generation {one.generation}, by its parents it would be {due}")
    return said
