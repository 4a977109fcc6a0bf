from __future__ import annotations

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from evolve import surface
from evolve.cube import Cube
from evolve.sampling import AGAIN, PARENT, REACH, Nearby, draw, scores_of
from evolve.surface import Data
from evolve.weighing import ENOUGH, weighed
from population.variant import Direction

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "width": IntDistribution(8, 64, step=8),
    "heads": IntDistribution(1, 16, log=True),
    "kind": CategoricalDistribution(("a", "b", "c")),
}
CUBE = Cube(SPACE)
FLOATS: dict[str, BaseDistribution] = {name: FloatDistribution(0, 1) for name in "abcd"}


def params(rng: np.random.Generator, around: NDArray[np.float64]) -> dict[str, object]:
    return CUBE.params(CUBE.near(around[None], 1.0, rng)[0])


def trial(values: dict[str, float], score: float | None, **attributes: object) -> FrozenTrial:
    state = TrialState.COMPLETE if score is not None else TrialState.FAIL
    return create_trial(
        state=state, params=values, distributions=FLOATS, value=score, user_attrs=dict(attributes)
    )


def bowl(at: NDArray[np.float64]) -> float:
    """Score a point: ``a`` matters most, ``d`` not at all."""
    return float(((at - 0.6) ** 2) @ np.array([8.0, 2.0, 1.0, 0.0]))


def some(count: int, noise: float, seed: int = 0) -> list[FrozenTrial]:
    rng = np.random.default_rng(seed)
    points = 0.4 + rng.uniform(-0.25, 0.25, (count, 4))
    return [
        trial(dict(zip("abcd", map(float, at), strict=True)), bowl(at) + noise * rng.normal())
        for at in points
    ]


# the cube


def test_values_come_back_from_the_cube_as_they_went_in() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        values = params(rng, CUBE.unit({"lr": 1e-3, "width": 32, "heads": 4, "kind": "b"}))
        again = CUBE.params(CUBE.unit(values))
        assert again.pop("lr") == pytest.approx(values.pop("lr"))
        assert again == values


def test_what_is_drawn_nearby_lies_in_the_box_and_on_the_grid() -> None:
    rng = np.random.default_rng(2)
    middle = CUBE.unit({"lr": 1e-3, "width": 32, "heads": 4, "kind": "b"})
    drawn = CUBE.near(np.tile(middle, (200, 1)), 0.1, rng)
    values = [CUBE.params(one) for one in drawn]
    assert {one["width"] for one in values} == {24, 32, 40}
    assert {one["kind"] for one in values} == {"a", "b", "c"}
    assert all(10**-3.31 <= one["lr"] <= 10**-2.69 for one in values)
    assert CUBE.within(drawn, middle, 0.11).all()


def test_two_different_choices_lie_one_apart_whichever_they_are() -> None:
    units = np.array([CUBE.unit({"lr": 1e-3, "width": 8, "heads": 1, "kind": kind}) for kind in "abc"])
    points = CUBE.embedded(units)
    assert [np.linalg.norm(points[0] - points[at]) for at in (1, 2)] == pytest.approx([1.0, 1.0])


# the surface


def test_a_surface_passes_through_scores_without_noise_and_not_through_noisy_ones() -> None:
    known = scores_of(some(12, 0.0), Cube(FLOATS), True, 0.0)
    assert known.surface().expected(known.units) == pytest.approx(known.scores, abs=1e-2)
    lucky = [*some(12, 0.1, seed=3), trial(dict.fromkeys("abcd", 0.3), -1.0)]
    doubted = scores_of(lucky, Cube(FLOATS), True, 0.5)
    assert doubted.surface().expected(doubted.units[-1:])[0] > -0.6


def test_the_gradient_of_the_fit_is_its_slope() -> None:
    rng = np.random.default_rng(5)
    points, scores = rng.random((9, 3)), rng.normal(size=9)
    fit = surface._Fit(Data(points, scores, np.full(9, 0.01), 0.3), scores, 1.0)
    at = np.array([0.1, -0.2, 0.3, 0.2, -1.5])
    _, gradient = fit._loss(at)
    for one in range(len(at)):
        step = np.zeros_like(at)
        step[one] = 1e-6
        slope = (fit._loss(at + step)[0] - fit._loss(at - step)[0]) / 2e-6
        assert gradient[one] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_equal_scores_lie_on_a_flat_surface() -> None:
    trials = [trial(dict.fromkeys("abcd", at / 10), 2.0) for at in range(1, 9)]
    known = scores_of(trials, Cube(FLOATS), True, 0.1)
    assert known.surface().expected(np.full((1, 4), 0.55))[0] == pytest.approx(2.0, abs=1e-6)


# what is drawn


def test_draws_go_to_where_the_score_is_better() -> None:
    trials = some(14, 0.02)
    for number in range(12):
        known = scores_of(trials, Cube(FLOATS), True, 0.02)
        at = draw(known, np.random.default_rng(number))
        trials.append(trial(dict(zip("abcd", map(float, at), strict=True)), bowl(at)))
    assert min(one.value for one in trials[14:] if one.value is not None) < 0.02


def test_the_direction_of_a_study_decides_what_is_better() -> None:
    def asked(direction: str, sign: float) -> dict[str, object]:
        study = optuna.create_study(direction=direction, sampler=Nearby(3, 0.1))
        for one in some(12, 0.1):
            study.add_trial(trial(one.params, sign * (one.value or 0.0)))
        return study.ask(FLOATS).params

    assert asked("minimize", 1.0) == asked("maximize", -1.0)


def test_draws_keep_away_from_where_trials_failed() -> None:
    good = [trial({**dict.fromkeys("bcd", 0.5), "a": a}, -a) for a in (0.3, 0.35, 0.4, 0.45, 0.5)]
    rng = np.random.default_rng(4)
    bad = [
        trial({"a": 0.7, **dict(zip("bcd", rng.uniform(0.3, 0.7, 3), strict=True))}, None) for _ in range(9)
    ]

    failed = Cube(FLOATS)
    points = np.array([failed.unit(one.params) for one in bad])

    def away(trials: list[FrozenTrial]) -> float:
        known = scores_of(trials, failed, True, 0.01)
        drawn = [draw(known, np.random.default_rng(seed)) for seed in range(8)]
        return float(np.mean([np.linalg.norm(points - at, axis=1).min() for at in drawn]))

    assert away([*good, *bad]) > 1.1 * away(good)


def test_a_parents_score_counts_less_than_an_own_and_so_does_a_comparison() -> None:
    one = some(3, 0.0)
    marked = [one[0], trial(one[1].params, one[1].value, **{PARENT: "v1"})]
    marked.append(trial(one[2].params, one[2].value, **{AGAIN: True}))
    known = scores_of(marked, Cube(FLOATS), True, 0.2)
    assert known.own.tolist() == [True, False, True]
    assert known.extra[0] == 0.0
    assert known.extra[1] > known.extra[2] == pytest.approx(0.04)


def test_without_a_trial_a_draw_is_one_of_the_range() -> None:
    study = optuna.create_study(sampler=Nearby(1))
    values = study.ask(SPACE).params
    assert all(SPACE[name]._contains(SPACE[name].to_internal_repr(value)) for name, value in values.items())


# which numbers matter


def test_the_number_that_matters_most_is_found_among_few_noisy_trials() -> None:
    trials = some(20, 0.1)
    weights = weighed(scores_of(trials, Cube(FLOATS), True, 0.1), trials, Direction.MINIMIZE)
    assert next(iter(weights)) == "a"
    assert weights["a"].matters
    assert weights["d"].matters is False
    assert sum(one.share for one in weights.values()) == pytest.approx(1.0)
    assert sum(one.ped_anova for one in weights.values()) == pytest.approx(1.0)


def test_nothing_is_said_to_matter_while_all_lies_within_the_noise() -> None:
    trials = [trial(one.params, 0.01 * (one.value or 0.0)) for one in some(20, 0.0)]
    weights = weighed(scores_of(trials, Cube(FLOATS), True, 1.0), trials, Direction.MINIMIZE)
    assert not any(one.matters for one in weights.values())


def test_nothing_is_said_before_there_are_enough_trials() -> None:
    trials = some(ENOUGH - 1, 0.1)
    assert weighed(scores_of(trials, Cube(FLOATS), True, 0.1), trials, Direction.MINIMIZE) == {}


def test_the_reach_is_a_part_of_the_range() -> None:
    assert 0.0 < REACH < 0.5
