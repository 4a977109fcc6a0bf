"""What a hunk is worth: by the pooled noise of the table, corrected for the number of hunks."""

from __future__ import annotations

import json

import pytest

from evolve.proof.ablation import (
    Ablation,
    Effect,
    Part,
    Reading,
    Verdict,
    effect,
    from_data,
    noise_of,
    rows_of,
    sentence,
    verdict,
)
from population.noise import Noise
from population.variant import Direction

MINIMIZE = Direction.MINIMIZE
NOISE = Noise(0.1, 20)


def program(name, mean, failure="", shifts=(-0.1, 0.0, 0.1)):
    return Reading(name, {seed: mean + shift for seed, shift in enumerate(shifts)}, failure)


BEST, BASE = program("best", 2.0), program("base", 3.0)


def table(*parts):
    made = [
        Part(number, (number, number), f"change {number}", without, only)
        for number, (without, only) in enumerate(parts, 1)
    ]
    return rows_of(made, BEST, BASE, MINIMIZE, NOISE)


def test_a_gain_is_positive_where_the_hunk_makes_the_program_better_in_both_columns():
    (row,) = table((program("a", 2.6), program("b", 2.5)))
    assert row.left_out.gain == pytest.approx(0.6)
    assert row.alone.gain == pytest.approx(0.5)
    assert row.left_out.low < 0.6 < row.left_out.high
    assert (row.verdict, row.without, row.only) == (Verdict.HELPS, "a", "b")


def test_a_champion_that_is_better_without_a_hunk_is_hurt_by_it():
    (row,) = table((program("a", 1.5), program("b", 2.5)))
    assert row.verdict is Verdict.HURTS


def test_a_champion_that_fails_without_a_hunk_needs_it():
    (row,) = table((program("a", 2.0, "exception: NameError"), program("b", 2.5)))
    assert row.verdict is Verdict.NEEDED
    assert row.left_out == Effect(failure="exception: NameError")


def test_a_hunk_that_only_the_seed_gains_by_helps_alone():
    (row,) = table((program("a", 2.0), program("b", 2.0)))
    assert row.verdict is Verdict.HELPS_ALONE
    assert row.verdict.keeps


def test_a_hunk_that_the_champion_does_not_miss_and_the_seed_cannot_bear_fails_alone():
    (row,) = table((program("a", 2.02), program("b", 2.0, "exception: x")))
    assert row.verdict is Verdict.FAILS_ALONE
    assert not row.verdict.keeps


def test_what_one_hunk_would_show_several_do_not():
    part = (program("a", 2.19), program("b", 3.0))
    (single,) = table(part)
    assert single.verdict is Verdict.HELPS
    rows = table(part, *[(program(f"c{n}", 2.0), program(f"d{n}", 3.0)) for n in range(9)])
    assert rows[0].verdict is Verdict.NOISE
    assert rows[0].left_out.p_value == pytest.approx(10 * single.left_out.p_value)
    assert (rows[0].left_out.low, rows[0].left_out.high) == (single.left_out.low, single.left_out.high)


def test_what_has_no_score_is_not_measured_and_not_kept():
    assert verdict(Effect(), Effect()) is Verdict.OPEN
    assert not Verdict.OPEN.keeps


def test_the_noise_is_pooled_over_all_programs_of_the_table_and_each_counts_once():
    noise = noise_of([BEST, BASE, BEST])
    assert noise.deviation == pytest.approx(0.1)
    assert noise.freedom == 4


def test_without_noise_there_is_no_effect():
    assert effect(BEST, BASE, MINIMIZE, Noise()) == Effect()


def test_the_table_is_read_again_as_it_was_written():
    rows = table((program("a", 2.6), program("b", 2.5)), (program("c", 1.0, "syntax: x"), program("d", 3.0)))
    found = Ablation(
        "v1", "best", "v0", "base", (1, 2, 3), effect(BEST, BASE, MINIMIZE, NOISE), rows, 1, 5, 0.1, 20, ()
    )
    assert from_data(json.loads(json.dumps(found.data()))) == found
    assert sentence(found) == "the change of v1 has 2 hunks: 1 helps, 1 needed"
