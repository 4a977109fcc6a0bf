import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.noise import ENOUGH, Noise, Replicates

cells = st.dictionaries(
    st.tuples(st.integers(0, 8), st.integers(0, 6)), st.floats(-100, 100), min_size=1, max_size=50
)


def noise_of(table: dict[tuple[int, int], float]) -> Noise:
    replicates = Replicates()
    for (program, seed), score in table.items():
        replicates.add(f"p{program}", seed, score)
    return replicates.noise()


def fitted(table: dict[tuple[int, int], float], *, seeds: bool) -> tuple[float, int]:
    """Return residual sum of squares and degrees of freedom by numpy's least squares on the whole table."""
    design = np.zeros((len(table), 20))
    for row, (program, seed) in enumerate(table):
        design[row, program] = 1.0
        design[row, 10 + seed] = float(seeds)
    scores = np.array(list(table.values()))
    solution, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    return float(np.square(scores - design @ solution).sum()), len(table) - int(rank)


def test_without_replicates_the_noise_is_unknown():
    noise = noise_of({(0, 0): 1.0, (1, 0): 2.0})
    assert not noise.known
    assert math.isnan(noise.deviation)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6))
def test_the_noise_of_one_program_is_its_standard_deviation(scores):
    noise = noise_of({(0, seed): score for seed, score in enumerate(scores)})
    assert noise.deviation == pytest.approx(statistics.stdev(scores), abs=1e-6)
    assert noise.freedom == len(scores) - 1


@given(cells)
def test_kept_up_to_date_it_is_the_variance_within_programs(table):
    noise = noise_of(table)
    squares, freedom = fitted(table, seeds=False)
    if freedom:
        assert noise.deviation == pytest.approx(math.sqrt(squares / freedom), rel=1e-6, abs=1e-4)
    else:
        assert not noise.known


@settings(max_examples=60)
@given(cells)
def test_the_rest_is_that_of_least_squares_on_the_whole_table(table):
    noise = noise_of(table)
    together, between = fitted(table, seeds=False)
    rest, freedom = fitted(table, seeds=True)
    if freedom < ENOUGH or together < 1e-3:
        assert noise.shared == 0.0
        assert noise.freedom in (between, freedom)
    else:
        share = 1.0 - (rest / freedom) / (together / between)
        assert noise.freedom == freedom
        assert noise.shared == pytest.approx(min(0.99, max(0.0, share)), abs=1e-4)


def test_what_a_seed_does_to_all_is_told_from_the_rest():
    rng = np.random.default_rng(0)
    common = rng.normal(size=60)
    table = {(p, s): common[s] + 0.3 * rng.normal() for p in range(4) for s in range(60)}
    noise = noise_of(table)
    assert noise.shared == pytest.approx(1.0 / 1.09, abs=0.1)
    assert noise.deviation * math.sqrt(1.0 - noise.shared) == pytest.approx(0.3, rel=0.15)


def test_one_program_under_one_seed_says_nothing_of_the_noise():
    replicates = Replicates()
    replicates.add("p", 1, 1.0)
    replicates.add("p", 1, 2.0)
    assert not replicates.noise().known
