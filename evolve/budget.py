"""How much of each budget is used, and what may still be begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from evolve.progress import Budget
from population.fitness import Burst, Fitness
from population.store import Population
from population.variant import Direction, Purpose, State

_ADVANCE = 60  # bursts whose share of replicates may be spent from the start
_FIRSTS = (Purpose.FIRST, Purpose.RUNG)
_FIRST_CALL = 0.01  # dollars that a call is taken to cost while none has been paid


@dataclass(slots=True)
class Limits:
    """What a search may use; None for no limit. A person may change it while the search runs.

    Args:
        evaluations: bursts, trials and replicates included; of smoke bursts those that fail; a short or a
            stopped burst counts the share that ran.
        hours: wall clock, earlier sessions of the run included.
        dollars: LLM calls.
        target: score of the champion at which the search has what it wants.
    """

    evaluations: int | None = None
    hours: float | None = None
    dollars: float | None = None
    target: float | None = None

    def change(self, budgets: Mapping[str, float]) -> None:
        """Set some of them, by their names."""
        for name, value in budgets.items():
            setattr(self, name, int(value) if name == "evaluations" else float(value))


def set_of(limits: Limits) -> dict[str, float]:
    """Return the budgets that are set, for those who read the run."""
    return {name: value for name, value in asdict(limits).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a search has used so far."""

    evaluations: float
    seconds: float
    dollars: float
    calls: int

    def left(self, limits: Limits) -> float:
        """Return how many bursts may still be begun."""
        left = float("inf") if limits.evaluations is None else limits.evaluations - self.evaluations
        return round(left, 3)

    def affords_call(self, limits: Limits, asking: int) -> bool:
        """Say whether one more LLM call fits, beside those under way, at the mean price so far."""
        if limits.dollars is None:
            return True
        price = self.dollars / self.calls if self.calls else _FIRST_CALL
        return self.dollars + (asking + 1) * price <= limits.dollars


def used(limits: Limits, spent: Spent, timed: bool) -> float:
    """Return the largest share of a budget that is used, 0 without any.

    Args:
        limits: the budgets.
        spent: what is used of them.
        timed: whether hours and dollars count; not where timing must not decide anything.
    """
    shares = [0.0]
    if limits.evaluations is not None:
        shares.append(spent.evaluations / limits.evaluations)
    if timed and limits.hours is not None:
        shares.append(spent.seconds / (3600.0 * limits.hours))
    if timed and limits.dollars is not None:
        shares.append(spent.dollars / limits.dollars)
    return min(1.0, max(shares))


def exhausted(limits: Limits, spent: Spent, best: Fitness | None, direction: Direction) -> str:
    """Return the budget that is used up, as a reason to stop; empty while none is."""
    if spent.left(limits) <= 0:
        return used_up(limits)
    if limits.hours is not None and spent.seconds >= limits.hours * 3600:
        return f"the budget of {limits.hours:g} hours is used"
    if not spent.affords_call(limits, 0):
        return f"the budget of {limits.dollars:g} dollars has no room for another call"
    if limits.target is not None and best is not None and direction.gain(best.mean, over=limits.target) >= 0:
        return f"the target of {limits.target:g} is reached"
    return ""


def used_up(limits: Limits) -> str:
    """Return the reason to stop when the evaluations have no room for another full burst."""
    return f"the budget of {limits.evaluations} evaluations is used"


def shown(limits: Limits, spent: Spent) -> tuple[Budget, ...]:
    """Return the budgets that are set, with their use."""
    rows = (
        ("evaluations", spent.evaluations, limits.evaluations, "bursts"),
        ("hours", spent.seconds / 3600, limits.hours, "h"),
        ("dollars", spent.dollars, limits.dollars, "$"),
    )
    return tuple(
        Budget(name, used, float(limit), unit) for name, used, limit, unit in rows if limit is not None
    )


def remaining(limits: Limits, spent: Spent) -> float | None:
    """Estimate the seconds left: of the hours, or of the evaluations at the rate so far."""
    guesses = []
    if limits.hours is not None:
        guesses.append(limits.hours * 3600 - spent.seconds)
    if limits.evaluations is not None and spent.evaluations:
        guesses.append(spent.left(limits) * spent.seconds / spent.evaluations)
    return max(0.0, min(guesses)) if guesses else None


@dataclass(slots=True)
class Counts:
    """Running totals, so that no decision has to count the population."""

    evaluations: float = 0
    replicates: int = 0
    controls: int = 0
    failed: int = 0
    refused: int = 0

    def count(self, measurement: Burst) -> None:
        """Count one burst of the search by the share that ran; what was refused before it cost none."""
        if measurement.spent:  # rounded, so that the order of counting makes no difference
            self.evaluations = round(self.evaluations + measurement.share, 3)
        self.controls += measurement.spent and measurement.purpose in (Purpose.CONTROL, Purpose.CREDIT)
        self.failed += measurement.state is State.FAILED and measurement.purpose in _FIRSTS

    def may_replicate(self, share: float, limits: Limits) -> bool:
        """Say whether one more replicate for the race keeps within its share of the bursts.

        A search may spend the share of its first bursts before it has made them.
        """
        first = _ADVANCE if limits.evaluations is None else min(_ADVANCE, limits.evaluations)
        return self.replicates < share * max(self.evaluations, first)

    def may_control(self, share: float, bursts: int) -> bool:
        """Say whether a control of so many bursts keeps within its share of the bursts."""
        return self.controls + bursts <= share * self.evaluations


def counted(population: Population, seed: str, noise: int) -> Counts:
    """Count what a population holds; the first ``noise`` bursts of ``seed`` are not for the race."""
    counts = Counts()
    for name in population.variants:
        measured = population.scores(name)
        for measurement in measured:
            counts.count(measurement)
        again = sum(measurement.purpose is Purpose.REPLICATE for measurement in measured)
        counts.replicates += max(0, again - noise + 1) if name == seed else again
    counts.refused = len(population.events_of("refusal"))
    return counts
