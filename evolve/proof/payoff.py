"""Whether evolution pays: runs of several policies under common seeds, put beside each other (pure)."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from evolve.policies import Name

LEVEL = 0.95
"""Confidence of each interval."""

ENOUGH = 6
"""Seeds from which two policies may be told apart.

Of five, not even differences that are all on one side are beyond chance: 2 / 2**5 > 1 - LEVEL (sign test).
Rankings of such systems flip with few seeds (arXiv 2609.19799).
"""

_RESAMPLES = 9999


@dataclass(frozen=True, slots=True)
class Result:
    """What one run came to.

    Args:
        policy: whose run.
        seed: of the run.
        champion: id of its champion.
        gain: by how much that is better than the seed variant, 0 while it is the seed variant.
        bursts: that ran.
        calls: of language models.
        dollars: that they cost.
        unpriced: calls of unknown price, not in the dollars.
        seconds: wall time.
        noise: standard deviation of one burst; NaN while it is unknown.
    """

    policy: Name
    seed: int
    champion: str
    gain: float
    bursts: int
    calls: int
    dollars: float
    unpriced: int
    seconds: float
    noise: float


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over seeds with its confidence interval, None with fewer than two seeds."""

    value: float
    low: float | None
    high: float | None
    n: int


class Verdict(enum.StrEnum):
    """How evolution stands against a baseline."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "not told apart"
    FEW = "too few seeds"


@dataclass(frozen=True, slots=True)
class Against:
    """Evolution against a baseline, by the differences of their gains under common seeds.

    Args:
        baseline: the other policy.
        seeds: under which both have a result.
        difference: the mean of the gains of evolution less those of the baseline.
        verdict: what the interval of it says.
    """

    baseline: Name
    seeds: tuple[int, ...]
    difference: Mean
    verdict: Verdict


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of one value a seed, with its expanded percentile bootstrap interval.

    The plain percentile interval is too narrow for few values; the level is widened so that it is as wide as
    Student's for normal ones (Hesterberg 2014, arXiv 1411.5279). The generator is always the same one, so
    that equal values get equal intervals.
    """
    own, n = np.asarray(values, dtype=float), len(values)
    if n < 2:
        return Mean(float(own.mean()), None, None, n)
    rng = np.random.default_rng(0)
    means = np.sort(own[rng.integers(n, size=(_RESAMPLES, n))].mean(axis=1))
    tail = float(ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1.0 - LEVEL) / 2.0)))
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return Mean(float(own.mean()), float(low), float(high), n)


def by_policy(results: Sequence[Result], policies: Sequence[Name]) -> Mapping[Name, list[Result]]:
    """Return the results of each policy that has any, by seed."""
    found = {
        name: sorted((r for r in results if r.policy is name), key=lambda r: r.seed) for name in policies
    }
    return {name: own for name, own in found.items() if own}


def against(results: Sequence[Result], policies: Sequence[Name]) -> list[Against]:
    """Compare evolution with each baseline under the seeds that both have, if there are any."""
    gains = {name: {r.seed: r.gain for r in own} for name, own in by_policy(results, policies).items()}
    ours = gains.pop(Name.EVOLVE, {})
    found = []
    for name, theirs in gains.items():
        seeds = tuple(seed for seed in ours if seed in theirs)
        if seeds:
            difference = mean([ours[seed] - theirs[seed] for seed in seeds])
            found.append(Against(name, seeds, difference, _verdict(difference)))
    return found


def pays(found: Sequence[Against]) -> bool | None:
    """Say whether evolution beats every baseline (True), loses to one (False), or neither can be told (None).

    To beat all of them takes no correction for their number (intersection-union: Berger, Technometrics 24,
    1982).
    """
    verdicts = {one.verdict for one in found}
    if Verdict.WORSE in verdicts:
        return False
    return True if verdicts == {Verdict.BETTER} else None


def sentence(found: Sequence[Against]) -> str:
    """Say in one sentence whether evolution pays, as far as these runs tell."""
    if not found:
        return "whether evolution pays cannot be told without runs of evolve and of a baseline under one seed"
    seeds = min(one.difference.n for one in found)
    told = f"{seeds} seed{'s' * (seeds > 1)}"
    groups = {verdict: [one.baseline.value for one in found if one.verdict is verdict] for verdict in Verdict}
    if groups[Verdict.FEW]:
        are = "are" if seeds > 1 else "is"
        return (
            f"{told} {are} too few to tell whether evolution pays here: {_so_far(found)}; rankings flip with "
            f"few seeds, give {ENOUGH} or more"
        )
    better = f"evolve beats {_listed(groups[Verdict.BETTER])}" if groups[Verdict.BETTER] else ""
    worse = f"{_listed(groups[Verdict.WORSE])} beat{'s' * (len(groups[Verdict.WORSE]) == 1)} evolve"
    parts = [better] if better else []
    if groups[Verdict.OPEN]:
        parts.append(f"evolve cannot be told apart from {_listed(groups[Verdict.OPEN])}")
    answer = pays(found)
    if answer is False:
        return f"evolution does not pay here, as far as {told} tell: {'; '.join([worse, *parts])}"
    if answer:
        return f"evolution pays here, as far as {told} tell: {better}"
    return f"whether evolution pays here cannot be told from {told}: {'; '.join(parts)}"


def _verdict(difference: Mean) -> Verdict:
    """Say whether the interval leaves out 0, and on which side."""
    if difference.n < ENOUGH or difference.low is None or difference.high is None:
        return Verdict.FEW
    if difference.low > 0.0:
        return Verdict.BETTER
    return Verdict.WORSE if difference.high < 0.0 else Verdict.OPEN


def _so_far(found: Sequence[Against]) -> str:
    """Say on which side the means are."""
    sides = (
        ("is ahead of", [one.baseline.value for one in found if one.difference.value > 0.0]),
        ("is behind", [one.baseline.value for one in found if one.difference.value < 0.0]),
        ("is level with", [one.baseline.value for one in found if one.difference.value == 0.0]),
    )
    return "so far evolve " + ", ".join(f"{what} {_listed(names)}" for what, names in sides if names)


def _listed(names: Sequence[str]) -> str:
    """Write names as a list."""
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last
