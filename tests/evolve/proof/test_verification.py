"""The champion against the seed by the paired differences alone, as it is judged, kept and read again."""

from __future__ import annotations

import json

import pytest
from scipy import stats

from evolve.proof.verification import BETTER, FAILED, OPEN, WORSE, Side, from_data, judged, sentence, side
from population.variant import Direction, Failure, FailureKind

SEEDS = (11, 12, 13, 14, 15)
GOOD = (2.0, 2.1, 1.9, 2.05, 2.02)
BASE = (2.5, 2.7, 2.3, 2.5, 2.6)
MINIMIZE = Direction.MINIMIZE


def one(scores, *failures):
    return Side("v1", "a" * 32, tuple(scores), failures)


def test_the_figures_are_those_of_the_classic_paired_t_test():
    found = judged(one(GOOD), one(BASE), "test", SEEDS, MINIMIZE, 20.0)
    classic = stats.ttest_rel(BASE, GOOD, alternative="greater")
    assert found.p_value == pytest.approx(classic.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(stats.ttest_rel(BASE, GOOD).confidence_interval()))
    assert found.gain == pytest.approx(0.506)
    assert found.gain_per_second == pytest.approx(found.gain / 20)
    assert (found.pairs, found.verdict) == (5, BETTER)


def test_the_verdict_follows_the_interval():
    assert judged(one(BASE), one(GOOD), "test", SEEDS, MINIMIZE, 1.0).verdict == WORSE
    assert judged(one(BASE), one(GOOD), "test", SEEDS, Direction.MAXIMIZE, 1.0).verdict == BETTER
    mixed = (2.4, 2.8, 2.2, 2.6, 2.5)
    assert judged(one(mixed), one(BASE), "test", SEEDS, MINIMIZE, 1.0).verdict == OPEN


def test_a_champion_that_fails_once_is_not_verified_however_good_it_is_otherwise():
    found = judged(one((None, *GOOD[1:]), "seed 11: exception: no"), one(BASE), "test", SEEDS, MINIMIZE, 1.0)
    assert (found.verdict, found.pairs) == (FAILED, 4)
    assert found.gain is not None


def test_where_the_seed_fails_its_pair_is_left_out():
    found = judged(one(GOOD), one((*BASE[:4], None), "seed 15: timeout: late"), "test", SEEDS, MINIMIZE, 1.0)
    assert (found.verdict, found.pairs) == (BETTER, 4)


def test_with_fewer_than_two_pairs_there_are_no_figures():
    found = judged(one((2.0, None)), one((2.5, 2.5)), "test", SEEDS[:2], MINIMIZE, 1.0)
    assert (found.gain, found.p_value, found.gain_per_second, found.verdict) == (None, None, None, OPEN)
    assert sentence(found).endswith("1 seeds, test split: not told apart")


def test_it_is_read_again_as_it_was_written():
    found = judged(one(GOOD, "seed 3: killed: x"), one(BASE), "test", SEEDS, MINIMIZE, 1.0)
    assert from_data(json.loads(json.dumps(found.data()))) == found


def test_a_side_has_its_scores_in_the_order_of_the_seeds(champion):
    failure = Failure(FailureKind.TIMEOUT, "late")
    found = side(champion, "d" * 32, (5, 6, 7), {7: 1.5, 5: 2.5}, [(6, failure)])
    assert found.scores == (2.5, None, 1.5)
    assert found.failures == ("seed 6: timeout: late",)
