import pytest

from benchmarks.engine import rate
from benchmarks.utilisation import busy


def test_both_are_busy_where_two_evaluations_overlap():
    both, one = busy([(0.0, 1.0), (0.5, 1.5), (1.5, 2.0)], 0.0, 2.0)
    assert both == pytest.approx(0.25)
    assert one == pytest.approx(0.625)


def test_what_ran_outside_the_time_does_not_count():
    both, one = busy([(-1.0, 0.5), (0.0, 3.0), (5.0, 6.0)], 0.0, 1.0)
    assert both == pytest.approx(0.5)
    assert one == pytest.approx(0.75)


def test_evaluations_that_follow_each_other_do_not_overlap():
    assert busy([(0.0, 1.0), (1.0, 2.0)], 0.0, 2.0)[0] == pytest.approx(0.0)


def test_a_rate_is_candidates_over_seconds():
    assert rate([float(n) / 4 for n in range(20)], 2, 8) == pytest.approx(4.0)
