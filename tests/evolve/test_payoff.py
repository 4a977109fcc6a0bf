from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evolve.policies import Name
from evolve.proof.payoff import ENOUGH, Result, Verdict, against, mean, pays, sentence

EVOLVE, GREEDY, RANDOM = Name.EVOLVE, Name.GREEDY, Name.RANDOM
GAINS = [0.21, 0.34, 0.18, 0.4, 0.29, 0.25]


def results(policy: Name, gains: list[float]) -> list[Result]:
    """Return one run for each gain, under seeds 1, 2, ..."""
    one = Result(policy, 0, "v1", 0.0, 40, 3, 0.01, 0, 60.0, 0.02)
    return [replace(one, seed=seed, gain=gain) for seed, gain in enumerate(gains, 1)]


def told(ours: list[float], **others: list[float]) -> str:
    runs = results(EVOLVE, ours)
    for name, gains in others.items():
        runs += results(Name(name), gains)
    return sentence(against(runs, tuple(Name)))


def test_the_interval_of_normal_values_covers_their_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        found = mean([*rng.normal(size=6)])
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 0.0 <= found.high
    assert 0.9 < inside / 300 < 0.99


def test_equal_values_get_equal_intervals_and_one_value_gets_none() -> None:
    assert mean(GAINS) == mean(GAINS)
    assert mean([0.5]).low is mean([0.5]).high is None
    assert (mean([0.0] * 6).low, mean([0.0] * 6).high) == (0.0, 0.0)


def test_differences_are_taken_under_common_seeds_alone() -> None:
    ours = results(EVOLVE, GAINS)
    theirs = [replace(r, gain=r.gain - 0.1, seed=r.seed + 2) for r in results(GREEDY, GAINS)]
    (found,) = against(ours + theirs, (EVOLVE, GREEDY))
    assert found.seeds == (3, 4, 5, 6)
    assert found.difference.value == pytest.approx(np.mean(GAINS[2:]) - np.mean(GAINS[:4]) + 0.1)


def test_what_two_policies_owe_to_the_seed_cancels() -> None:
    theirs = [gain - 0.05 + 0.001 * number for number, gain in enumerate(GAINS)]
    (found,) = against(results(EVOLVE, GAINS) + results(GREEDY, theirs), (EVOLVE, GREEDY))
    assert found.verdict is Verdict.BETTER
    assert found.difference.low is not None
    assert 0.04 < found.difference.low < found.difference.value < 0.05


def test_evolution_pays_where_it_beats_every_baseline() -> None:
    said = told(GAINS, greedy=[0.05] * 6, random=[0.0] * 6)
    assert said == "evolution pays here, as far as 6 seeds tell: evolve beats greedy and random"


def test_evolution_does_not_pay_where_one_baseline_beats_it() -> None:
    ours, better = [0.1, 0.12, 0.09, 0.1, 0.11, 0.13], {"best-of-n": GAINS}
    said = told(ours, random=[0.0] * 6, **better)
    assert said.startswith("evolution does not pay here, as far as 6 seeds tell: best-of-n beats evolve; ")
    assert said.endswith("evolve beats random")


def test_what_cannot_be_told_apart_is_said_so() -> None:
    said = told(GAINS, greedy=[gain + (-1) ** n * 0.1 for n, gain in enumerate(GAINS)], random=[0.0] * 6)
    assert said == (
        "whether evolution pays here cannot be told from 6 seeds: evolve beats random; evolve cannot be told "
        "apart from greedy"
    )


def test_few_seeds_are_no_ground_for_a_statement_however_clear_they_look() -> None:
    for n in range(2, ENOUGH):
        (found,) = against(
            results(EVOLVE, [1.0 + k for k in range(n)]) + results(RANDOM, [0.0] * n), tuple(Name)
        )
        assert found.verdict is Verdict.FEW
        assert pays([found]) is None
    assert told([0.2], greedy=[0.3], random=[0.1]).startswith(
        "1 seed is too few to tell whether evolution pays here: so far evolve is ahead of random, is behind "
        "greedy"
    )
    assert 2 / 2**ENOUGH < 0.05 < 2 / 2 ** (ENOUGH - 1)


def test_without_a_pair_of_runs_nothing_is_said() -> None:
    assert against(results(GREEDY, GAINS) + results(RANDOM, GAINS), tuple(Name)) == []
    assert "without runs of evolve and of a baseline" in told(GAINS)
    assert not math.isnan(mean(GAINS).value)
