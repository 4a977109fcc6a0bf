"""What gives a program away that states a score which it did not earn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolve.suspicion import constant, leap

scores = st.dictionaries(st.integers(), st.sampled_from([0.1, 0.2]), max_size=4)


@given(scores, scores)
def test_only_a_score_that_no_seed_changes_where_the_seed_variants_is_changed_is_stated(
    own: dict[int, float], seed: dict[int, float]
) -> None:
    stated = len(own) >= 2 and len(set(own.values())) == 1 and len(set(seed.values())) == 2
    assert bool(constant(own, seed)) == stated


def test_a_leap_is_more_than_half_of_the_seeds_score_and_than_any_noise() -> None:
    assert "gains 0.9 over the champion" in leap(0.9, seed=1.0, noise=0.01)
    assert leap(0.9, seed=-1.0, noise=float("nan"))
    assert not leap(0.4, seed=1.0, noise=0.01)
    assert not leap(0.9, seed=1.0, noise=0.2)
    assert not leap(-3.0, seed=1.0, noise=0.01)
