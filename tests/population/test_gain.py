from __future__ import annotations

import math

from population.fitness import Fitness
from population.gain import Gain, gained
from population.variant import Direction


def test_a_gain_is_over_the_best_parent_with_the_error_of_both() -> None:
    own, parents = Fitness(1.0, 0.3, 1), [Fitness(2.0, 0.1, 4), Fitness(1.5, 0.4, 1)]
    gain = gained(own, parents, Direction.MINIMIZE)
    assert gain == Gain(0.5, math.hypot(0.3, 0.4))
    assert gained(own, parents, Direction.MAXIMIZE) == Gain(-1.0, math.hypot(0.3, 0.1))


def test_without_a_score_on_either_side_there_is_no_gain() -> None:
    assert gained(None, [Fitness(1.0, 0.1, 1)], Direction.MINIMIZE) is None
    assert gained(Fitness(1.0, 0.1, 1), [], Direction.MINIMIZE) is None


def test_a_gain_is_told_with_its_error_and_its_doubt() -> None:
    assert str(Gain(0.5, 0.2)) == "+0.5000 ± 0.2000"
    assert str(Gain(-0.1, 0.2)) == "-0.1000 ± 0.2000 (within noise)"
    assert str(Gain(0.5, math.nan)) == "+0.5000"


def test_better_is_past_one_error_and_sure_and_worse_are_past_two() -> None:
    said = [
        (gain.better, gain.sure, gain.worse) for gain in (Gain(v, 1.0) for v in (-2.1, -1.5, 0.5, 1.5, 2.5))
    ]
    assert said == [
        (False, False, True),
        (False, False, False),
        (False, False, False),
        (True, False, False),
        (True, True, False),
    ]
    unknown = Gain(-5.0, math.nan)
    assert not any((unknown.better, unknown.sure, unknown.worse))
