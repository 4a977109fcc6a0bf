from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolve.budget import Limits
from evolve.policy import Policy
from evolve.rewards import Prices
from evolve.stopping import STEPS, Bar, Bars, Curve, Watcher, bar_of, stopped_at
from population.store import Population
from population.variant import Direction, Measurement, Purpose, Variant

DOWN, UP = Direction.MINIMIZE, Direction.MAXIMIZE
FLAT: Bar = (1.0,) * STEPS
PRICES = Prices(1.0, 2.0, timed=False)
POLICY = Policy(DOWN, Limits(), PRICES, "train", 4, 1, True, 0, 5, 0.2, 0.95, early_stop=3.0)


def curve(height: float, points: int = 100) -> Curve:
    return tuple((n / points, height) for n in range(1, points + 1))


def around(middle: float) -> list[Curve]:
    """Return five curves with a standard deviation of about 0.1 at each step."""
    return [curve(middle + 0.1 * k) for k in (-1.5, -0.5, 0.0, 0.5, 1.5)]


def test_a_curve_over_the_bar_is_stopped_after_two_steps_past_the_warm_up() -> None:
    bar = (None,) * 6 + FLAT[6:]
    assert stopped_at(bar, curve(1.1), DOWN) == pytest.approx(0.4)
    assert stopped_at(bar, curve(0.9), DOWN) is None
    assert stopped_at((), curve(9.0), DOWN) is None


def test_one_bad_step_stops_nobody() -> None:
    odd = [(at, 1.1 if int(at * STEPS) % 2 else 0.9) for at, _ in curve(0.0)]
    assert stopped_at(FLAT, odd, DOWN) is None


def test_a_step_counts_with_the_mean_of_its_points() -> None:
    noisy = [(at, 3.0 if n % 5 == 0 else 0.4) for n, (at, _) in enumerate(curve(0.0))]
    assert stopped_at(FLAT, noisy, DOWN) is None


def test_a_metric_that_is_better_when_higher_stops_what_is_lower() -> None:
    bar = tuple(-1.0 for _ in range(STEPS))
    assert stopped_at(bar, curve(0.9), UP) is not None
    assert stopped_at(bar, curve(1.1), UP) is None


def test_who_reports_nothing_or_little_is_not_stopped() -> None:
    assert stopped_at(FLAT, (), DOWN) is None
    assert stopped_at(FLAT, ((0.3, 9.0),), DOWN) is None


def test_points_that_come_in_no_order_do_no_harm() -> None:
    assert stopped_at(FLAT, [(0.5, 9.0), (0.1, 9.0), (0.2, 9.0), (0.5, 9.0)], DOWN) is None


def test_late_in_a_burst_nobody_is_stopped() -> None:
    late = [(at, 9.0 if at > 0.76 else 0.5) for at, _ in curve(0.0)]
    assert stopped_at(FLAT, late, DOWN) is None


def test_one_that_is_spared_runs_on_and_it_is_known_where_it_would_have_been_stopped() -> None:
    stopped, spared = Watcher(FLAT, DOWN), Watcher(FLAT, DOWN, spare=True)
    told = [one.watch(n, *point) for one in (stopped, spared) for n, point in enumerate(curve(2.0), 1)]
    assert any(told[:100])
    assert not any(told[100:])
    assert stopped.stopped == spared.stopped is not None


def test_a_burst_that_is_made_once_more_is_watched_anew() -> None:
    watcher = Watcher(FLAT, DOWN)
    first = [watcher.watch(n, *point) for n, point in enumerate(curve(2.0), 1)]
    assert not any(watcher.watch(n, *point) for n, point in enumerate(curve(0.5), 1))
    assert [watcher.watch(n, *point) for n, point in enumerate(curve(2.0), 1)] == first


def test_the_bar_is_the_mean_and_so_many_deviations_of_the_noise() -> None:
    bar = bar_of("best", {"best": around(2.0)}, DOWN, width=3.0)
    deviation = 0.1 * (2 * (1.5**2 + 0.5**2) / 4) ** 0.5
    assert bar[6:16] == pytest.approx((2.0 + 3.0 * deviation * 1.2**0.5,) * 10)
    assert set(bar[:6] + bar[16:]) == {None}


def test_the_noise_is_pooled_over_programs_and_not_between_them() -> None:
    both = bar_of("best", {"seed": around(9.0), "best": around(2.0)[1:4]}, DOWN, width=3.0)
    assert both[8] is not None
    assert 2.0 < both[8] < 2.5


def test_there_is_no_bar_without_a_curve_of_the_best_or_with_too_little_noise_known() -> None:
    assert set(bar_of("best", {"seed": around(9.0)}, DOWN, 3.0)) == {None}
    assert set(bar_of("best", {"best": around(2.0)[:3]}, DOWN, 3.0)) == {None}
    assert set(bar_of("best", {"best": [(), ()]}, DOWN, 3.0)) == {None}


def test_the_bar_is_that_of_the_champion_by_its_own_full_bursts(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> None:
    def bursts(name: str, middle: float, **fields: Any) -> list[Measurement]:
        return [
            a_measurement(name, middle, n, curve=one, **fields)
            for n, one in enumerate(around(middle), fields.pop("start", 0))
        ]

    with Population.create(tmp_path / "run") as population:
        population.commit(a_variant("v0"), a_variant("v1", "v0"))
        bars = Bars(POLICY, population, "v0")
        assert bars.now() == ()
        population.commit(*bursts("v0", 5.0), *bursts("v1", 1.0, purpose=Purpose.RUNG, share=0.25))
        population.commit(meta={"champion": "v0"})
        assert bars.now()[8] == pytest.approx(5.0, abs=0.5)
        population.commit(a_measurement("v1", 4.0, curve=curve(4.0)), meta={"champion": "v1"})
        height = bars.now()[8]
        assert height == pytest.approx(4.0, abs=0.6)
        population.commit(a_measurement("v1", None, 9, curve=curve(0.0), purpose=Purpose.TRIAL))
        assert bars.now()[8] == height
        assert Bars(replace(POLICY, early_stop=0.0), population, "v0").now() == ()
