"""What the searches came to, as Markdown tables with bootstrap intervals (pure)."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

from benchmarks.peers.statistics import interval, mean, median
from benchmarks.peers.trajectory import Trajectory

AT = (50, 100, 200)
_DRAWS = 2000

Found = Mapping[str, Sequence[Trajectory]]
"""Searches by system, all of one landscape, in the order of their seeds."""


def report(landscape: str, found: Found, evaluations: int, peers: Sequence[str]) -> str:
    """Return the section on one landscape."""
    some = next(iter(found.values()))[0]
    at = [one for one in AT if one <= evaluations] or [evaluations]
    head = [
        "system",
        "searches",
        f"target reached within {evaluations}",
        "evaluations to target, median",
        *(f"true score at {one}" for one in at),
        "claimed minus true gain",
        "LLM calls",
        "wall time, s",
    ]
    rows = [_row(system, searches, evaluations, at) for system, searches in found.items()]
    lines = [f"## {landscape}", "", f"Seed program: {some.start:.4f}. {_target(found)}", ""]
    lines += _table(head, rows)
    known = {peer: found[peer] for peer in peers if peer in found}
    for name in [one for one in found if one.startswith("evolve") and known]:
        lines += ["", *_against(name, found[name], known, evaluations)]
    return "\n".join(lines) + "\n"


def _row(system: str, searches: Sequence[Trajectory], evaluations: int, at: Sequence[int]) -> list[str]:
    reached = [_to_target(one, evaluations) for one in searches]
    hits = sum(map(math.isfinite, reached))
    low, high = interval(reached, median)
    claimed = [one.excess() for one in searches if math.isfinite(one.excess())]
    return [
        system,
        str(len(searches)),
        f"{hits} of {len(searches)}",
        f"{_count(median(reached), evaluations)} ({_count(low, evaluations)} to {_count(high, evaluations)})",
        *(_with_interval([one.at(count).truth for one in searches], ".4f") for count in at),
        _with_interval(claimed, "+.4f") if claimed else "-",
        _with_interval([one.points[-1].calls for one in searches], ".0f"),
        _with_interval([one.seconds for one in searches], ".0f"),
    ]


def _against(name: str, ours: Sequence[Trajectory], peers: Found, evaluations: int) -> list[str]:
    """Compare one of ours with each peer on the seeds that both have been run on."""
    lines = []
    for peer, theirs in peers.items():
        other = {one.seed: one for one in theirs}
        pairs = [(one, other[one.seed]) for one in ours if one.seed in other]
        if not pairs:
            continue
        mine, its = _medians(pairs, evaluations)
        ratios = sorted(_ratio(pairs, evaluations))
        low, high = ratios[round(0.025 * _DRAWS)], ratios[round(0.975 * _DRAWS) - 1]
        better = [one.at(evaluations).truth - two.at(evaluations).truth for one, two in pairs]
        ratio = _shown(mine, its, evaluations)
        lines.append(
            f"- {name} beside {peer}, {len(pairs)} common seeds: {_count(mine, evaluations)} evaluations to "
            f"the target in the median for its {_count(its, evaluations)}, ratio {ratio} "
            f"({_times(low)} to {_times(high)}); true score {_with_interval(better, '+.4f')} at the end, "
            f"better in {sum(one < 0 for one in better)} of {len(pairs)}."
        )
    return lines


def parts(landscape: str, whole: Sequence[Trajectory], without: Found, evaluations: int) -> str:
    """Return the section on what our search is without each of its parts, on the seeds that both have.

    What a search came to is the share of the way from the seed program to the target that its leader came
    (1: there), and the champion.
    """
    head = ("part", "common seeds", "leader", "champion", "leader, less that of the whole")
    rows = [_part("whole", [(one, one) for one in whole], evaluations)]
    for name, searches in without.items():
        known = {one.seed: one for one in searches}
        rows.append(_part(name, [(known[one.seed], one) for one in whole if one.seed in known], evaluations))
    table = _table(head, [row for row in rows if row])
    return "\n".join([f"## {landscape}, after {evaluations} evaluations", "", *table]) + "\n"


def _part(name: str, pairs: Sequence[tuple[Trajectory, Trajectory]], evaluations: int) -> list[str]:
    if not pairs:
        return []
    leaders = [(_way(one.leading(), evaluations), _way(whole.leading(), evaluations)) for one, whole in pairs]
    return [
        name,
        str(len(pairs)),
        _with_interval([own for own, _ in leaders], ".2f"),
        _with_interval([_way(one, evaluations) for one, _ in pairs], ".2f"),
        _with_interval([own - whole for own, whole in leaders], "+.2f"),
    ]


def _way(one: Trajectory, evaluations: int) -> float:
    """Return the share of the way to the target."""
    return (one.start - one.at(evaluations).truth) / (one.start - one.target)


def _medians(pairs: Sequence[tuple[Trajectory, Trajectory]], evaluations: int) -> tuple[float, float]:
    first = median([_to_target(one, evaluations) for one, _ in pairs])
    return first, median([_to_target(two, evaluations) for _, two in pairs])


def _ratio(pairs: Sequence[tuple[Trajectory, Trajectory]], evaluations: int) -> list[float]:
    """Draw the ratio of the medians; a median past the end counts as one more than the end."""
    rng = random.Random(0)
    drawn = (_medians(rng.choices(pairs, k=len(pairs)), evaluations) for _ in range(_DRAWS))
    return [min(mine, evaluations + 1) / min(its, evaluations + 1) for mine, its in drawn]


def _shown(mine: float, its: float, evaluations: int) -> str:
    """Write a ratio; where only one median is past the end, it is a bound."""
    ratio = _times(min(mine, evaluations + 1) / min(its, evaluations + 1))
    if math.isinf(mine) and math.isinf(its):
        return "unknown"
    return f"at most {ratio}" if math.isinf(its) else f"at least {ratio}" if math.isinf(mine) else ratio


def _to_target(one: Trajectory, evaluations: int) -> float:
    reached = one.reached()
    return reached if reached <= evaluations else math.inf


def _target(found: Found) -> str:
    targets = {one.target for searches in found.values() for one in searches}
    if len(targets) == 1:
        return f"Target: {targets.pop():.4f}."
    return f"Targets, by instance: {min(targets):.4f} to {max(targets):.4f}."


def _count(value: float, evaluations: int) -> str:
    return f"{value:.0f}" if math.isfinite(value) else f">{evaluations}"


def _times(value: float) -> str:
    return f"{value:.2f}"


def _with_interval(values: Sequence[float], form: str) -> str:
    low, high = interval(values, mean)
    return f"{mean(values):{form}} ({low:{form}} to {high:{form}})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(head), _line(["---"] * len(head)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
