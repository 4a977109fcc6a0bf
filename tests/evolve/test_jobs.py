from __future__ import annotations

import numpy as np

from evolve.jobs import Birth, Measure, Tune
from operators.portfolio import Arm
from operators.proposal import Context
from operators.syntactic import Syntactic
from population.variant import Direction, Purpose

NOWHERE = Context("task", "metric", Direction.MINIMIZE, "", ())


def birth(arm: Arm) -> Birth:
    return Birth(1, arm, Syntactic(), NOWHERE, 0, np.random.default_rng(0))


def test_a_birth_asks_when_its_arm_has_a_model() -> None:
    assert birth(Arm("mutate", "openai/x")).asks
    assert not birth(Arm("syntactic")).asks


def test_a_job_costs_the_bursts_that_it_may_take() -> None:
    jobs = [birth(Arm("syntactic")), Measure(1, "v1", Purpose.FIRST), Tune(1, "v1", trials=4, seed=0)]
    assert [job.cost for job in jobs] == [1, 1, 4]
