import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.comparison import Difference, compare, paired
from population.noise import Noise
from population.variant import Direction

scores = st.dictionaries(st.integers(0, 9), st.floats(-10, 10), min_size=1, max_size=8)
noises = st.builds(Noise, st.floats(0.1, 5), st.integers(1, 50), st.floats(0, 0.99))
DOWN = Direction.MINIMIZE


@given(scores, scores, noises)
def test_it_is_generalised_least_squares(one, other, noise):
    """The same by the covariance of all scores written out."""
    rows = [(0, seed, score) for seed, score in one.items()] + [
        (1, seed, score) for seed, score in other.items()
    ]
    covariance = np.array(
        [[1.0 if a == b else noise.shared if a[1] == b[1] else 0.0 for b in rows] for a in rows]
    )
    design = np.array([[1.0 - which, float(which)] for which, _, _ in rows])
    inverse = np.linalg.inv(covariance)
    spread = np.linalg.inv(design.T @ inverse @ design)
    means = spread @ design.T @ inverse @ np.array([score for *_, score in rows])
    found = compare(one, other, DOWN, noise)
    assert found is not None
    assert found.gain == pytest.approx(means[1] - means[0], abs=1e-6)
    want = noise.deviation * math.sqrt(max(0.0, spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]))
    assert found.standard_error == pytest.approx(want, rel=1e-5)


@given(scores, scores, noises)
def test_one_gains_what_the_other_loses(one, other, noise):
    there, back = compare(one, other, DOWN, noise), compare(other, one, DOWN, noise)
    assert there is not None
    assert back is not None
    assert there.gain == pytest.approx(-back.gain, abs=1e-9)
    assert there.p_value + back.p_value == pytest.approx(1.0)
    assert there.probability == pytest.approx(1.0 - there.p_value)


def test_what_a_seed_does_to_both_cancels():
    one, other = {1: 1.0, 2: 5.0, 3: 9.0}, {1: 2.0, 2: 6.0, 3: 10.0}
    careful = compare(one, other, DOWN, Noise(4.0, 20))
    sharp = compare(one, other, DOWN, Noise(4.0, 20, shared=0.99))
    assert careful is not None
    assert sharp is not None
    assert careful.gain == pytest.approx(1.0)
    assert sharp.gain == pytest.approx(1.0)
    assert sharp.standard_error == pytest.approx(careful.standard_error / 10)


def test_without_a_score_or_a_noise_nothing_is_compared():
    assert compare({}, {1: 1.0}, DOWN, Noise(1.0, 5)) is None
    assert compare({1: 1.0}, {1: 1.0}, DOWN, Noise()) is None


def test_the_paired_test_is_student_s():
    """Sleep data of Student 1908: ten patients, two drugs; t = 4.0621 on 9 degrees of freedom."""
    one = dict(enumerate([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
    other = dict(enumerate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))
    found = paired(other, one, Direction.MAXIMIZE)
    assert found is not None
    assert found.t == pytest.approx(4.0621, abs=1e-4)
    assert 2 * found.p_value == pytest.approx(0.002833, abs=1e-6)
    assert found.interval() == pytest.approx((0.7001142, 2.4598858), abs=1e-6)


def test_one_pair_is_no_test():
    assert paired({1: 1.0, 2: 2.0}, {2: 1.0, 3: 4.0}, DOWN) is None


def test_without_any_noise_the_better_one_is_certain():
    assert Difference(0.1, 0.0, 3, 2).probability == 1.0
    assert Difference(-0.1, 0.0, 3, 2).probability == 0.0
    assert Difference(0.0, 0.0, 3, 2).probability == 0.5
