from collections import Counter

import numpy as np
import pytest

from operators.chat import Model, ReplyForm
from operators.portfolio import Arm, Portfolio, arms_of, offered

GOOD, DEAD, OTHER = Arm("mutate", "big"), Arm("crossover", "big"), Arm("syntactic")
ARMS = (GOOD, DEAD, OTHER)


def portfolio(**fields):
    return Portfolio(dict.fromkeys(ARMS, 1.0), **fields)


def played(chances, rounds=400, seed=0, tallies=None, **fields):
    """Let a portfolio choose among arms with these chances of success; return choices and tallies."""
    rng, chosen, bandit = np.random.default_rng(seed), Counter(), portfolio(**fields)
    tallies = tallies or {}
    for _ in range(rounds):
        arm = bandit.choose(tallies, ARMS, rng)
        chosen[arm] += 1
        tallies = bandit.updated(tallies, arm, bool(rng.random() < chances[arm]))
    return chosen, tallies


def test_a_good_arm_wins_share():
    chosen, _ = played({GOOD: 0.6, DEAD: 0.1, OTHER: 0.1})
    assert chosen[GOOD] > 0.6 * 400


def test_a_dead_arm_loses_its_share_but_keeps_its_floor():
    chosen, _ = played({GOOD: 0.5, DEAD: 0.0, OTHER: 0.5}, rounds=1000)
    assert 0.04 * 1000 < chosen[DEAD] < 0.15 * 1000


def test_an_arm_that_stops_helping_is_left():
    _, tallies = played({GOOD: 0.8, DEAD: 0.1, OTHER: 0.1}, rounds=300)
    chosen, _ = played({GOOD: 0.0, DEAD: 0.1, OTHER: 0.6}, rounds=300, seed=1, tallies=tallies)
    assert chosen[OTHER] > chosen[GOOD]


def test_an_outcome_counts_less_with_each_that_follows():
    bandit, tallies = portfolio(discount=0.5), {}
    for arm, success in [(GOOD, True), (OTHER, False), (GOOD, False)]:
        tallies = bandit.updated(tallies, arm, success)
    assert (tallies[GOOD].successes, tallies[GOOD].losses, tallies[OTHER].losses) == (0.25, 1.0, 0.5)


def test_the_same_generator_chooses_the_same_arms():
    assert played(dict.fromkeys(ARMS, 0.3), seed=3) == played(dict.fromkeys(ARMS, 0.3), seed=3)


def test_a_light_arm_starts_with_less():
    bandit, rng = Portfolio({GOOD: 1.0, OTHER: 0.2}), np.random.default_rng(0)
    chosen = Counter(bandit.choose({}, (GOOD, OTHER), rng) for _ in range(300))
    assert chosen[GOOD] > 2 * chosen[OTHER]


def test_only_available_arms_are_chosen():
    rng = np.random.default_rng(0)
    assert {portfolio().choose({}, (DEAD, OTHER), rng) for _ in range(50)} == {DEAD, OTHER}
    with pytest.raises(ValueError, match="no arm is available"):
        portfolio().choose({}, (), rng)


def test_an_arm_that_needs_two_parents_is_not_offered_with_one():
    arity = {"mutate": 1, "crossover": 2, "syntactic": 1}
    assert offered(ARMS, arity, scored=1) == (GOOD, OTHER)
    assert offered(ARMS, arity, scored=2) == ARMS


def test_arms_join_operators_with_the_models_whose_form_they_can_use():
    big, tiny = Model("big", 2.0, ReplyForm.DIFF, False), Model("tiny", 1.0, ReplyForm.JSON, True)
    prompted = {"mutate": frozenset(ReplyForm), "code": frozenset({ReplyForm.DIFF})}
    assert arms_of(prompted, {"syntactic": 0.5}, [big, tiny]) == {
        Arm("mutate", "big"): 1.0,
        Arm("mutate", "tiny"): 0.5,
        Arm("code", "big"): 1.0,
        Arm("syntactic"): 0.5,
    }


@pytest.mark.parametrize(
    ("weights", "fields", "words"),
    [
        ({}, {}, "at least one arm"),
        ({GOOD: 0.0}, {}, "must be positive"),
        ({GOOD: 1.0}, {"discount": 0.0}, "discount"),
    ],
)
def test_a_portfolio_that_cannot_work_is_refused(weights, fields, words):
    with pytest.raises(ValueError, match=words):
        Portfolio(weights, **fields)
