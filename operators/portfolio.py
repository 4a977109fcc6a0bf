"""Which operator to use next: a bandit over operators and models (pure).

Thompson sampling with Beta posteriors (Chapelle & Li 2011, "An Empirical Evaluation of Thompson Sampling",
NeurIPS, section 2, algorithm 2) on the outcome "the child improved on its parent"; a refusal is a loss. What
helps early need not help late, so old outcomes are discounted (Raj & Kalyani 2017, "Taming Non-stationary
Bandits: A Bayesian Approach", arXiv 1707.09727, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from operators.chat import Model, ReplyForm


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to make a child: an operator, and the model it asks (empty when it asks none)."""

    operator: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """Discounted counts of an arm's outcomes."""

    successes: float = 0.0
    losses: float = 0.0


Tallies = Mapping[Arm, Tally]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Chooses arms. Holds no outcome: those are ``Tallies``, which the run keeps on record.

    Args:
        weights: prior weight of each arm, relative to the heaviest.
        discount: what an outcome still counts one outcome later, in (0, 1].
        floor: share of the choices that each arm keeps whatever its outcomes, so that none starves; all
            floors together take at most half of the choices.
        strength: how many outcomes the prior counts for.

    Raises:
        ValueError: no arm, a weight that is not positive, or a discount outside (0, 1].
    """

    weights: Mapping[Arm, float]
    discount: float = 0.98
    floor: float = 0.05
    strength: float = 2.0

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("a portfolio needs at least one arm")
        wrong = [f"{arm.operator} {arm.model}: {w}" for arm, w in self.weights.items() if not w > 0.0]
        if wrong:
            raise ValueError(f"an arm's weight must be positive, got {', '.join(wrong)}")
        if not 0.0 < self.discount <= 1.0:
            raise ValueError(f"the discount must lie in (0, 1], got {self.discount}")

    def choose(self, tallies: Tallies, available: Sequence[Arm], rng: Generator) -> Arm:
        """Draw the next arm from those available.

        Raises:
            ValueError: no arm is available.
        """
        if not available:
            raise ValueError("no arm is available")
        share = min(self.floor * len(available), 0.5)
        if rng.random() < share:
            return available[int(rng.integers(len(available)))]
        drawn = [rng.beta(*self.posterior(tallies, arm)) for arm in available]
        return available[max(range(len(available)), key=drawn.__getitem__)]

    def posterior(self, tallies: Tallies, arm: Arm) -> tuple[float, float]:
        """Return the two parameters of an arm's Beta posterior.

        The prior's mean is one half for the heaviest arm, and less for the others in proportion.
        """
        tally = tallies.get(arm, Tally())
        mean = 0.5 * self.weights[arm] / max(self.weights.values())
        return self.strength * mean + tally.successes, self.strength * (1.0 - mean) + tally.losses

    def updated(self, tallies: Tallies, arm: Arm, success: bool) -> Tallies:
        """Return the tallies after one more outcome."""
        faded = {a: Tally(self.discount * t.successes, self.discount * t.losses) for a, t in tallies.items()}
        old = faded.get(arm, Tally())
        faded[arm] = Tally(old.successes + success, old.losses + (not success))
        return faded


def arms_of(
    prompted: Mapping[str, frozenset[ReplyForm]], plain: Mapping[str, float], models: Sequence[Model]
) -> dict[Arm, float]:
    """Return all arms with their prior weights.

    Args:
        prompted: operators that ask a model, each with the reply forms it can use.
        plain: operators that ask none, each with its weight relative to the heaviest model's.
        models: the models that may be asked.
    """
    heaviest = max((model.weight for model in models), default=1.0)
    asking = {
        Arm(operator, model.name): model.weight / heaviest
        for operator, forms in prompted.items()
        for model in models
        if model.form in forms
    }
    return asking | {Arm(operator): weight for operator, weight in plain.items()}


def offered(arms: Iterable[Arm], arity: Mapping[str, int], scored: int) -> tuple[Arm, ...]:
    """Return the arms that ``scored`` different parents suffice for."""
    return tuple(arm for arm in arms if arity[arm.operator] <= scored)
