from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.report.curves import plot, sparkline


def test_a_falling_loss_falls() -> None:
    assert sparkline([(0.0, 8.0), (0.25, 4.0), (0.5, 2.0), (0.75, 1.0)], 4) == "█▄▂▁"


def test_losses_that_are_not_finite_are_left_out() -> None:
    assert sparkline([(0.1, math.nan), (0.2, math.inf)], 8) == ""


def test_a_short_curve_is_not_stretched() -> None:
    assert len(sparkline([(0.1, 2.0), (0.9, 1.0)], 16)) == 2


def test_a_gap_repeats_the_loss_before_it() -> None:
    assert plot([(0.0, 2.0), (0.99, 1.0)], 4) == ["███▁"]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(), st.floats())), st.integers(1, 40), st.integers(1, 6))
def test_any_curve_fills_its_frame_or_nothing(
    curve: list[tuple[float, float]], width: int, height: int
) -> None:
    drawn = plot(curve, width, height)
    assert drawn == [] or [len(row) for row in drawn] == [width] * height


def test_losses_too_large_to_be_added_up_are_left_out() -> None:
    assert plot([(0.0, 1.7e308), (0.0, 1.7e308), (0.5, 1.0)], 2) == plot([(0.5, 1.0)], 2)
