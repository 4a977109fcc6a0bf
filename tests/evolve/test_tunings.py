"""Tunings and their credit in the loop itself, on a known landscape."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from numpy.random import Generator

from benchmarks.landscape import Sloped, Tunable, gain_of, search, wired
from evolve.budget import Counts, Limits
from evolve.crediting import CREDIT
from evolve.docket import Docket
from evolve.policy import Policy
from evolve.race import Race
from evolve.rewards import Prices
from evolve.seeds import Seeds
from evolve.tuned import NUMBERS, newest_weights, note_of, own_trials
from evolve.tunings import TUNED, Tunings
from evolve.wishes import Next, Wish
from operators.proposal import Context, Proposal, Refusal
from population.genome import values_of
from population.ledger import Event
from population.store import Population
from population.structure import same_structure
from population.variant import Direction, Purpose

PRICES = Prices(1.0, 2.0, timed=False)
LINES = "X = 1.0  # tune: 0..2\nK = 2  # tune: int 1..9\n"


@dataclass(frozen=True)
class Both(Tunable):
    """Makes children with numbers to tune, now and then with a better structure."""

    numbers: str = LINES
    step: float = 3.0

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        made = await super().propose(context, rng)
        assert isinstance(made, Proposal)
        if rng.random() >= 0.3:
            return made
        gain = f"GAIN = {gain_of(made.source) + self.step!r}"
        return Proposal(re.sub(r"GAIN = .*", gain, made.source), "another structure", self.name)


def searched(folder: Path, evaluations: int = 90, noise: float = 0.0, **given: Any) -> Population:
    """Search to the end; return what is known, to be closed by the caller."""
    fields: dict[str, Any] = {"proposer": Both(), "trials": 4, "seed": 1, **given}
    one, population = search(folder, executor=Sloped(noise, 0.3, 2), evaluations=evaluations, **fields)
    asyncio.run(one.run())
    return population


def told(population: Population, kind: str) -> list[Mapping[str, Any]]:
    return [event.data for event in population.events_of(kind)]


def bursts(population: Population, *purposes: Purpose) -> int:
    return sum(
        m.spent and m.purpose in purposes for name in population.variants for m in population.scores(name)
    )


# tunings


def test_without_noise_a_trial_needs_no_other_burst_to_be_adopted(tmp_path: Path) -> None:
    with closing(searched(tmp_path / "run")) as population:
        adopted = [one for one in population.variants.values() if one.tuned]
        assert adopted
        assert bursts(population, Purpose.CONFIRM) == 0
        assert bursts(population, *Purpose) == 90
        for one in adopted:
            fitness = population.fitness(one.id)
            assert fitness is not None
            assert fitness.mean == pytest.approx(
                -5.0 * float(one.tuned["X"]) - gain_of(population.source(one.digest))
            )


def test_with_noise_a_trial_is_adopted_only_when_it_held_another_seed(tmp_path: Path) -> None:
    with closing(searched(tmp_path / "run", 150, noise=1.0)) as population:
        adopted = [one for one in population.variants.values() if one.tuned]
        assert adopted
        for one in adopted:
            assert {m.digest for m in population.measurements(one.id) if m.purpose is Purpose.CONFIRM} >= {
                one.digest,
                one.proposed,
            }


def test_a_variant_that_is_tuned_again_goes_on_with_its_study(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with closing(searched(folder)) as population:
        tuned = [
            one for one in population.variants.values() if one.tuned and one.id != population.meta("champion")
        ]
        name = tuned[0].id
        before = own_trials(population, name)
        Docket(population).wish(Next(Wish.TUNE, name))
        population.flush()
    with closing(resumed(folder, 110)) as population:
        trials = [m.trial for m in population.measurements(name) if m.trial is not None]
        assert len(trials) > before
        assert trials == sorted(set(trials))
        assert note_of(population, name)["tunings"] >= 2
        assert len({m.digest for m in population.measurements(name) if m.trial is not None}) == len(trials)


def resumed(folder: Path, evaluations: int, **given: Any) -> Population:
    """Go on with a search without noise to its end."""
    population = Population.open(folder, write=True)
    fields: dict[str, Any] = {"proposer": Both(), "trials": 4, "seed": 1, **given}
    one = wired(population, folder, executor=Sloped(0.0, 0.3, 2), evaluations=evaluations, **fields)
    asyncio.run(one.run())
    return population


def test_a_champion_that_is_tuned_stays_as_it_is_and_has_a_child_with_the_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    fixed = Both(LINES, step=0.0)
    with closing(searched(folder, 30, proposer=fixed, trials=0)) as population:
        champion = population.variants[population.meta("champion")]
        assert values_of(population.source(champion.digest))["X"] == 1.0
        Docket(population).wish(Next(Wish.TUNE, champion.id))
        population.flush()
    with closing(resumed(folder, 60, proposer=fixed)) as population:
        assert population.variants[champion.id] == champion
        (child, *_) = [one for one in population.variants.values() if one.operator == NUMBERS]
        assert child.parents == (champion.id,)
        assert child.hypothesis.startswith("numbers tuned: ")
        sources = [population.source(one.digest) for one in (child, champion)]
        assert same_structure(*sources)
        assert values_of(sources[0])["X"] > 1.0
        crowned = [one for one in told(population, CREDIT) if one["variant"] == child.id]
        if crowned:
            assert crowned[0]["structure"] == 0.0
            assert crowned[0]["numbers"] == crowned[0]["gain"] > 0.0


def test_without_trials_nothing_is_tuned_and_no_control_is_made(tmp_path: Path) -> None:
    with closing(searched(tmp_path / "run", trials=0, control=0.5)) as population:
        assert bursts(population, Purpose.TRIAL, Purpose.CONTROL, Purpose.CONFIRM, Purpose.CREDIT) == 0
        assert not told(population, TUNED)


def test_which_numbers_matter_is_on_record_and_goes_to_the_children(tmp_path: Path) -> None:
    with closing(searched(tmp_path / "run", 150, trials=10)) as population:
        weights = [data["weights"] for data in told(population, TUNED) if data["weights"]]
        assert weights
        assert all(next(iter(one)) == "X" and one["X"]["matters"] for one in weights)
        children = [one for one in population.variants.values() if own_trials(population, one.id) == 0]
        assert any(newest_weights(population, one.id) for one in children)


def test_an_elite_is_chosen_by_what_its_tuning_brings_against_what_a_burst_brings_elsewhere(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    with closing(searched(folder)), closing(Population.open(folder)) as population:
        policy = Policy(Direction.MINIMIZE, Limits(), PRICES, "train", 4, 1, True, 4, 10, 0.2, 0.95)
        race = Race(policy, population, Counts(), Seeds(1))
        tunings = Tunings(policy, population, None, Counts(), race, lambda *_: None)  # type: ignore[arg-type]
        tunings.restore({**population.meta("search")["tunings"], "busy": {}}, ())
        names = [*population.variants][-8:]
        best = tunings.elite(names, 0.0)
        assert best in names
        assert tunings.elite(names, 1e9) is None
        assert tunings.elite([], 0.0) is None
        tunings.begin(str(best))
        assert tunings.candidate(str(best)) is None
        assert tunings.elite(names, 0.0) != best
        assert tunings.elite(["v0"], 0.0) is None  # it has no numbers


# credit


@dataclass(frozen=True)
class Misled(Tunable):
    """Makes a structure with numbers, then a worse one with better numbers."""

    numbers: str = LINES

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        source = context.parents[0].source
        made = await super().propose(context, rng)
        assert isinstance(made, Proposal)
        if "X = 1.0" not in source or gain_of(source) < 0.0:
            return made
        worse = made.source.replace("GAIN = 0.0", "GAIN = -1.0").replace("X = 1.0", "X = 1.9")
        return Proposal(worse, "a worse structure", self.name)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_champion_whose_structure_is_worse_owes_its_gain_to_its_numbers_and_the_parent_gets_them(
    noise: float, tmp_path: Path
) -> None:
    given = {"proposer": Misled(), "trials": 1, "control": 0.3, "seed": 5, "seed_replicates": 10}
    with closing(searched(tmp_path / "run", 110, noise=noise, **given)) as population:
        misled = [one for one in told(population, CREDIT) if one["structure"] < 0.0]
        assert misled
        for one in misled:
            assert one["structure"] == pytest.approx(-1.0, abs=4 * noise + 1e-6)
            assert one["numbers"] > 4.0
        (child, *_) = [one for one in population.variants.values() if one.operator == NUMBERS]
        assert child.parents[0] in {one["parent"] for one in misled}
        assert gain_of(population.source(child.digest)) == 0.0
        assert float(values_of(population.source(child.digest))["X"]) >= 1.9
        champion = population.variants[population.meta("champion")]
        assert gain_of(population.source(champion.digest)) == 0.0


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_the_parts_of_a_gain_make_the_whole(noise: float, tmp_path: Path) -> None:
    with closing(searched(tmp_path / "run", 150, noise=noise, control=0.3)) as population:
        credited = told(population, CREDIT)
        assert len(credited) >= 3
        for one in credited:
            if one["numbers"]:
                assert one["structure"] + one["numbers"] == pytest.approx(one["gain"], abs=noise + 1e-9)


def test_controls_keep_within_their_share(tmp_path: Path) -> None:
    with closing(searched(tmp_path / "run", 150, noise=0.5, control=0.1)) as population:
        assert bursts(population, Purpose.CONTROL, Purpose.CREDIT) <= 15
    with closing(searched(tmp_path / "none", 150, noise=0.5, control=0.0)) as population:
        assert bursts(population, Purpose.CONTROL, Purpose.CREDIT) == 0


def test_an_event_of_credit_says_it_in_words(tmp_path: Path) -> None:
    with closing(searched(tmp_path / "run")) as population:
        event: Event = next(iter(population.events_of(CREDIT)))
        assert re.fullmatch(
            r"v\d+ over v\d+: [+-][\d.]+: structure [+-][\d.]+ ± [\d.]+, numbers [+-][\d.]+ ± [\d.]+",
            event.text,
        )
