from __future__ import annotations

import pytest

from evolve.errors import InputError
from evolve.proof.bench import Sheet, chosen
from evolve.seeds import ABLATION, FRESH, VERIFY, Seeds
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose

KILLED = Failure(FailureKind.KILLED, "lost")
LATE = Failure(FailureKind.TIMEOUT, "late")


def burst(seed, score, failure=None, purpose=Purpose.VERIFY):
    return Measurement("v1", "d" * 32, seed, purpose, score, failure, seconds=1.0)


@pytest.fixture
def sheet(tmp_path, champion):
    with Population.create(tmp_path / "run") as population:
        population.commit(
            champion.__class__("v0", "a" * 32, "a" * 32, "f", (), "seed", "the seed", island=0, generation=0),
            champion,
            burst(1, 2.0),
            burst(2, None, KILLED),
            burst(3, None, LATE),
            burst(4, 9.0, purpose=Purpose.REPLICATE),
        )
        return Sheet(population, Purpose.VERIFY)


def test_only_bursts_of_its_purpose_are_on_a_sheet(sheet):
    assert sheet.scores("d" * 32, [1, 2, 3, 4]) == {1: 2.0}
    assert not sheet.has("d" * 32, 4)


def test_a_burst_that_was_cut_short_is_made_again_and_one_that_failed_is_not(sheet):
    assert [sheet.has("d" * 32, seed) for seed in (1, 2, 3)] == [True, False, True]
    sheet.add(burst(2, 2.5))
    sheet.add(burst(1, 7.0))
    sheet.add(burst(3, 7.0))
    assert sheet.scores("d" * 32, [1, 2, 3]) == {1: 2.0, 2: 2.5}
    assert sheet.failures("d" * 32, [1, 2, 3]) == [(3, LATE)]


@pytest.mark.parametrize("count", [-1, 0, 1, 1001])
def test_a_number_of_seeds_that_tells_nothing_is_refused(count):
    with pytest.raises(InputError, match=f"--seeds {count}: give 2 to 1000"):
        chosen(VERIFY, count)


def test_what_is_measured_afterwards_shares_no_seed_with_the_search():
    seeds = Seeds(1)
    search = {seeds(number) for number in range(FRESH + 1000)}
    later = [seeds(number) for first in (VERIFY, ABLATION) for number in chosen(first, 100)]
    assert search.isdisjoint(later)
    assert len(set(later)) == 200
