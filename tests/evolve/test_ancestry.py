from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolve.ancestry import STEPS, Ancestry
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose, Variant

SOURCE = """\
RATE = 0.1  # tune: 0..1


def train(burst):
    a = 1
    b = 2
    c = 3
    return a + b + c
"""
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")


class Family:
    """Variants that come of one another by edits, each with a score."""

    def __init__(
        self, population: Population, variant: Callable[..., Variant], burst: Callable[..., Measurement]
    ) -> None:
        self.population = population
        self._variant = variant
        self._burst = burst
        self.sources: dict[str, str] = {}

    def add(self, name: str, score: float | None, *parents: str, edit: tuple[str, str] = ("", "")) -> Variant:
        """Record a variant: its first parent with an edit."""
        source = self.sources[parents[0]].replace(*edit, 1) if parents else SOURCE
        self.sources[name] = source
        digest = self.population.keep_source(source)
        known = self.population.variants
        generation = 1 + max((known[one].generation for one in parents), default=-1)
        variant = self._variant(name, *parents, digest=digest, proposed=digest, generation=generation)
        failure = BROKEN if score is None else None
        self.population.commit(variant, self._burst(name, score, digest=digest, failure=failure))
        return variant

    def replicate(self, name: str, score: float, seed: int) -> None:
        digest = self.population.variants[name].digest
        self.population.commit(self._burst(name, score, seed=seed, digest=digest, purpose=Purpose.REPLICATE))


@pytest.fixture
def family(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> Iterator[Family]:
    with Population.create(tmp_path / "run") as population:
        family = Family(population, a_variant, a_measurement)
        family.add("v0", 3.0)
        for seed, score in enumerate((3.1, 2.9, 3.0), 1):
            family.replicate("v0", score, seed)
        yield family


def ancestry(family: Family) -> Ancestry:
    return Ancestry(family.population, Direction.MINIMIZE)


def test_each_change_has_the_gain_of_the_step_that_made_it(family: Family) -> None:
    family.add("v1", 2.5, "v0", edit=("a = 1", "a = 10"))
    family.add("v2", 2.7, "v1", edit=("c = 3", "c = 30"))
    family.add("v3", 2.9, "v0", edit=("0.1", "0.5"))
    above = ancestry(family).ancestor("v2", "v3")
    assert above is not None
    assert (above.variant, above.source) == ("v0", SOURCE)
    branch, other = above.branches
    assert [(one.start, one.end, one.at, one.stop) for one in branch.changes] == [(4, 5, 4, 5), (6, 7, 6, 7)]
    first, second = (branch.origins[one.origin] for one in branch.changes)
    assert (first.variants, first.idea) == (("v1",), "the idea of v1")
    assert first.gain == pytest.approx(0.5)
    assert second.gain == pytest.approx(-0.2)
    noise = family.population.noise()
    assert first.standard_error == pytest.approx(math.hypot(noise, noise / 2))
    assert second.standard_error == pytest.approx(noise * math.sqrt(2))
    assert other.changes == ()
    assert other.origins[other.values["RATE"]].gain == pytest.approx(0.1)


def test_what_several_steps_made_has_the_sum_of_their_gains(family: Family) -> None:
    family.add("v1", 2.5, "v0", edit=("a = 1", "a = 10"))
    family.add("v2", 2.9, "v1", edit=("b = 2", "b = 20"))
    family.add("v3", 2.2, "v2", edit=("a = 10", "a = f(10)"))
    family.add("v4", 2.9, "v0", edit=("c = 3", "c = 30"))
    above = ancestry(family).ancestor("v3", "v4")
    assert above is not None
    origins = {one.variants: one for one in above.branches[0].origins}
    assert origins.keys() == {("v1", "v3"), ("v2",)}
    both = origins[("v1", "v3")]
    assert both.gain == pytest.approx(0.5 + 0.7)
    assert both.idea == "the idea of v3; the idea of v1"
    noise = family.population.noise()
    assert both.standard_error == pytest.approx(noise * math.sqrt(3 + 1 / 4))


def test_a_failed_variant_between_two_steps_of_one_change_does_not_matter(family: Family) -> None:
    family.add("v1", None, "v0", edit=("a = 1", "a = f(1, 2)"))
    family.add("v2", 2.4, "v1", edit=("a = f(1, 2)", "a = f(1)"))
    family.add("v3", None, "v2", edit=("b = 2", "b = g(1)"))
    family.add("v4", 2.4, "v3", edit=("a = f(1)", "a = f(2)"))
    family.add("v5", 2.9, "v0", edit=("c = 3", "c = 30"))
    above = ancestry(family).ancestor("v2", "v5")
    assert above is not None
    (origin,) = above.branches[0].origins
    assert (origin.variants, origin.gain) == (("v1", "v2"), pytest.approx(0.6))
    above = ancestry(family).ancestor("v4", "v5")
    assert above is not None
    assert [one.gain for one in above.branches[0].origins] == [None, None]


def test_a_parent_that_the_other_descends_from_is_no_ancestor_beside_them(family: Family) -> None:
    family.add("v1", 2.5, "v0", edit=("a = 1", "a = 10"))
    family.add("v2", 2.7, "v1", edit=("c = 3", "c = 30"))
    assert ancestry(family).ancestor("v2", "v1") is None
    assert ancestry(family).ancestor("v0", "v2") is None
    assert ancestry(family).offers("v0", "v2") == 0


def test_an_ancestor_is_taken_as_it_was_proposed(family: Family, a_variant: Callable[..., Variant]) -> None:
    known = family.population
    tuned = known.keep_source(SOURCE.replace("0.1", "0.9"))
    family.add("v1", 2.5, "v0", edit=("a = 1", "a = 10"))
    family.add("v2", 2.7, "v0", edit=("c = 3", "c = 30"))
    before = known.variants["v0"]
    known.commit(a_variant("v0", digest=tuned, proposed=before.digest, generation=0))
    above = ancestry(family).ancestor("v1", "v2")
    assert above is not None
    assert (above.digest, above.source) == (before.digest, SOURCE)
    assert not above.branches[0].values


def test_an_ancestor_whose_source_is_gone_is_not_known(family: Family) -> None:
    family.add("v1", 2.5, "v0", edit=("a = 1", "a = 10"))
    family.add("v2", 2.7, "v0", edit=("c = 3", "c = 30"))
    digest = family.population.variants["v0"].digest
    (family.population.folder / "variants" / digest[:2] / f"{digest}.py").unlink()
    assert ancestry(family).ancestor("v1", "v2") is None


def test_a_long_lineage_is_told_by_its_latest_steps(family: Family) -> None:
    family.add("w0", 2.9, "v0", edit=("c = 3", "c = 30"))
    for number in range(1, STEPS + 20):
        edit = ("    return", f"    d{number} = {number}\n    return")
        family.add(f"v{number}", 3.0 - number / 100, f"v{number - 1}", edit=edit)
    above = ancestry(family).ancestor(f"v{STEPS + 19}", "w0")
    assert above is not None
    assert len(above.branches[0].origins) <= STEPS + 1


def test_what_a_second_parent_has_to_offer_is_what_is_in_no_conflict(family: Family) -> None:
    family.add("v1", 2.5, "v0", edit=("a = 1", "a = 10"))
    family.add("v2", 2.7, "v0", edit=("c = 3", "c = 30"))
    family.add("v3", 2.7, "v2", edit=("0.1", "0.5"))
    family.add("v4", 2.7, "v0", edit=("a = 1", "a = 11"))
    look = ancestry(family)
    assert [look.offers("v1", name) for name in ("v2", "v3", "v4")] == [1, 2, 0]
