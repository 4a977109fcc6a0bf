"""Prefixes are spread evenly and tell a model that sees ahead from one that does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.tasks import prefixes


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 300), st.integers(8, 300), st.integers(1, 40), st.integers(1, 5), st.integers(0, 99))
def test_lengths_rise_through_the_whole_context_and_windows_take_turns(windows, context, lengths, rows, seed):
    cuts = prefixes.draw(windows, context, lengths, rows, np.random.default_rng(seed))
    drawn = np.concatenate([cut.rows for cut in cuts])
    found = [cut.length for cut in cuts]
    assert len(found) == lengths
    assert found == sorted(found)
    assert 1 <= found[0] <= found[-1] <= context
    assert len(drawn) == lengths * rows
    assert np.bincount(drawn, minlength=windows).max() == -(-len(drawn) // windows)


def test_the_same_generator_draws_the_same_prefixes():
    one, other = (prefixes.draw(50, 64, 8, 2, np.random.default_rng(3)) for _ in range(2))
    assert [(a.length, *a.rows) for a in one] == [(b.length, *b.rows) for b in other]


def test_lengths_are_as_often_short_as_long():
    found = [cut.length for n in range(200) for cut in prefixes.draw(50, 64, 8, 2, np.random.default_rng(n))]
    assert np.mean(found) == pytest.approx(32.5, abs=0.5)


def surprises(rng: np.random.Generator, gain: float) -> tuple[np.ndarray, np.ndarray]:
    windows = rng.gamma(1.3, 1.5, (128, 256)) * rng.gamma(16, 1 / 16, (128, 1))
    return rng.gamma(1.3, 1.5, 256) * rng.gamma(16, 1 / 16, 256), windows - gain


@pytest.mark.slow
def test_chance_stays_within_what_standard_errors_say():
    rng = np.random.default_rng(0)
    found = np.array([prefixes.excess(*surprises(rng, 0.0)) for _ in range(3000)])
    assert np.mean(found) == pytest.approx(0.0, abs=0.1)
    assert np.std(found) == pytest.approx(1.0, abs=0.1)
    assert found.max() < 5.0


def test_a_gain_of_a_bit_is_seen():
    rng = np.random.default_rng(0)
    assert np.mean([prefixes.excess(*surprises(rng, np.log(2))) > 5.0 for _ in range(200)]) > 0.7


def test_without_any_difference_there_is_no_excess():
    assert prefixes.excess(np.ones(40), np.ones((8, 16))) == 0.0
