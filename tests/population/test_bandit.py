from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.bandit import Bandit, Tally, typical

GOOD, DEAD, OTHER = "good", "dead", "other"
ARMS = (GOOD, DEAD, OTHER)
COSTS = dict.fromkeys(ARMS, 1.0)

GAINS = st.just(0.0) | st.floats(1e-6, 1e3)
OUTCOMES = st.lists(st.tuples(st.sampled_from(ARMS), GAINS, st.floats(0.0, 100.0)), max_size=40)
AVAILABLE = st.lists(st.sampled_from(ARMS), min_size=1, max_size=3, unique=True)
WEIGHTS = st.dictionaries(st.sampled_from(ARMS), st.floats(0.01, 10.0))


def played(chances, rounds=400, seed=0, tallies=None, costs=COSTS, gain=0.01, **fields):
    """Let a bandit choose among arms that gain something with these chances; return choices and tallies."""
    rng, chosen, bandit = np.random.default_rng(seed), Counter(), Bandit(**fields)
    tallies = tallies or {}
    for _ in range(rounds):
        arm = bandit.choose(tallies, ARMS, {}, rng)
        chosen[arm] += 1
        gained = gain * rng.exponential() if rng.random() < chances[arm] else 0.0
        tallies = bandit.updated(tallies, arm, gained, costs[arm])
    return chosen, tallies


def learnt(outcomes, factor=1.0, bandit=None):
    """Return the tallies after outcomes, all gains multiplied by a factor."""
    bandit, tallies = bandit or Bandit(), {}
    for arm, gain, cost in outcomes:
        tallies = bandit.updated(tallies, arm, factor * gain, cost)
    return tallies


# who is chosen


@pytest.mark.parametrize("gain", [1e-5, 0.01, 100.0])
def test_a_good_arm_wins_share_whatever_the_unit_of_gains(gain):
    chosen, _ = played({GOOD: 0.6, DEAD: 0.05, OTHER: 0.05}, gain=gain)
    assert chosen[GOOD] > 0.6 * 400


def test_gains_are_weighed_against_what_they_cost():
    costs = {GOOD: 1.0, DEAD: 1.0, OTHER: 10.0}
    chosen, tallies = played({GOOD: 0.3, DEAD: 0.0, OTHER: 0.6}, costs=costs)
    assert chosen[GOOD] > 2 * chosen[OTHER]
    rates = Bandit().rates(tallies, COSTS)
    assert max(rates, key=rates.get) == GOOD


def test_a_dead_arm_loses_its_share_but_keeps_its_floor():
    chosen, _ = played({GOOD: 0.5, DEAD: 0.0, OTHER: 0.5}, rounds=1000, floor=0.15)
    assert 0.03 * 1000 < chosen[DEAD] < 0.2 * 1000


def test_an_arm_that_costs_nothing_and_gains_nothing_is_left_too():
    chosen, _ = played({GOOD: 0.5, DEAD: 0.0, OTHER: 0.0}, rounds=600, costs={**COSTS, DEAD: 0.0})
    assert chosen[DEAD] < chosen[GOOD]


def test_an_arm_that_stops_helping_is_left():
    _, tallies = played({GOOD: 0.8, DEAD: 0.1, OTHER: 0.1}, rounds=300)
    chosen, _ = played({GOOD: 0.0, DEAD: 0.1, OTHER: 0.6}, rounds=300, seed=1, tallies=tallies)
    assert chosen[OTHER] > chosen[GOOD]


def test_a_light_arm_starts_with_less():
    bandit, rng = Bandit(), np.random.default_rng(0)
    chosen = Counter(bandit.choose({}, (GOOD, OTHER), {GOOD: 1.0, OTHER: 0.1}, rng) for _ in range(400))
    assert chosen[GOOD] > 1.5 * chosen[OTHER]


def test_a_whole_floor_draws_from_all_alike():
    tallies = learnt([(GOOD, 1.0, 1.0)] * 50 + [(DEAD, 0.0, 1.0)] * 50)
    rng = np.random.default_rng(0)
    chosen = Counter(Bandit(floor=0.999).choose(tallies, ARMS, {}, rng) for _ in range(900))
    assert all(240 < chosen[arm] < 360 for arm in ARMS)


def test_without_a_floor_a_dead_arm_is_hardly_chosen():
    tallies = learnt([(GOOD, 1.0, 1.0)] * 50 + [(DEAD, 0.0, 1.0)] * 50)
    rng = np.random.default_rng(0)
    chosen = Counter(Bandit(floor=0.0).choose(tallies, (GOOD, DEAD), {}, rng) for _ in range(300))
    assert chosen[DEAD] < 6


def test_the_same_generator_chooses_the_same_arms():
    assert played(dict.fromkeys(ARMS, 0.3), seed=3) == played(dict.fromkeys(ARMS, 0.3), seed=3)


@given(OUTCOMES, AVAILABLE, WEIGHTS, st.integers(0, 2**32))
def test_whatever_came_before_an_available_arm_is_chosen(outcomes, available, weights, seed):
    tallies, rng = learnt(outcomes), np.random.default_rng(seed)
    assert {Bandit().choose(tallies, available, weights, rng) for _ in range(5)} <= {*available}


@given(OUTCOMES, AVAILABLE, WEIGHTS, st.integers(0, 2**32))
def test_a_thousandfold_of_all_gains_changes_no_choice(outcomes, available, weights, seed):
    small, large = (
        [
            Bandit().choose(learnt(outcomes, factor), available, weights, rng)
            for rng in [np.random.default_rng(seed)]
            for _ in range(5)
        ]
        for factor in (1.0, 1000.0)
    )
    assert small == large


# what is expected


def test_before_anything_is_known_arms_differ_by_their_weights_alone():
    rates = Bandit().rates({}, {GOOD: 1.0, OTHER: 0.25})
    assert rates[OTHER] == pytest.approx(0.25 * rates[GOOD])


def test_after_many_outcomes_a_rate_is_the_gain_per_cost():
    tallies = learnt([(GOOD, 0.5, 2.0)] * 2000, bandit=Bandit(discount=0.999))
    assert Bandit().rates(tallies, {GOOD: 1.0})[GOOD] == pytest.approx(0.25, rel=0.01)


def test_what_is_typical_is_a_size_of_gains_and_how_many_come_per_cost():
    size, rate = typical({GOOD: Tally(4.0, 8.0, 10.0), DEAD: Tally(0.0, 0.0, 10.0)})
    assert size == 2.0
    assert rate == pytest.approx((2.0 + 0.5) / (20.0 + 2.0))


@given(OUTCOMES, WEIGHTS)
def test_rates_are_finite_and_not_negative(outcomes, weights):
    rates = Bandit().rates(learnt(outcomes), weights)
    assert rates.keys() == weights.keys()
    assert all(0.0 <= rate < np.inf for rate in rates.values())


@given(OUTCOMES, WEIGHTS.filter(bool))
def test_rates_come_in_the_unit_of_the_gains(outcomes, weights):
    small, large = (Bandit().rates(learnt(outcomes, factor), weights) for factor in (1.0, 1000.0))
    gained = any(gain > 0.0 for _, gain, _ in outcomes)
    assert large == pytest.approx({arm: (1000.0 if gained else 1.0) * rate for arm, rate in small.items()})


# what is learnt


def test_an_outcome_counts_less_with_each_that_follows_whosever_it_is():
    tallies = learnt([(GOOD, 2.0, 1.0), (OTHER, 0.0, 4.0), (GOOD, 0.0, 1.0)], bandit=Bandit(discount=0.5))
    assert tallies == {GOOD: Tally(0.5, 1.0, 1.25), OTHER: Tally(0.0, 0.0, 2.0)}


def test_what_was_long_ago_is_forgotten():
    tallies = learnt([(OTHER, 1.0, 1.0), *[(GOOD, 0.0, 1.0)] * 100], bandit=Bandit(discount=0.5))
    assert tallies.keys() == {GOOD}


def test_an_outcome_changes_no_tallies_that_were_given_before():
    before = learnt([(GOOD, 1.0, 1.0)])
    kept = dict(before)
    Bandit().updated(before, GOOD, 1.0, 1.0)
    assert before == kept


# what is refused


def test_somebody_must_be_available():
    with pytest.raises(ValueError, match="no arm is available"):
        Bandit().choose({}, (), {}, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"discount": 0.0}, r"the discount must lie in \(0, 1\], got 0.0"),
        ({"discount": 1.1}, "the discount"),
        ({"discount": float("nan")}, "the discount"),
        ({"strength": 0.0}, "the strength must be positive, got 0.0"),
        ({"strength": float("nan")}, "the strength"),
        ({"floor": -0.1}, "the floor"),
        ({"floor": 1.0}, r"the floor must lie in \[0, 1\), got 1.0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        Bandit(**fields)
