"""Two searches with one seed, of which one is killed and resumed: they must come to the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from population.variant import Measurement
from tests.system.invariants import Look
from tests.system.kills import Moment
from tests.system.ordeals import Answering, Ordeal, Seen, strike

SEARCHES = 4  # seeds of searches; the schedules of kills take turns with them
COSTS = ("dollars", "calls_of_unknown_price")
_FLAGS = ("--burst-tokens", 12_000, "--ahead", 3)
_SHOWN = 12  # differences that are told

Burst = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Came:
    """What a search came to, without what it cost.

    Args:
        final: its last line.
        bursts: what was measured of each variant, under which seed, and what came of it.
    """

    final: Mapping[str, Any]
    bursts: Mapping[str, Sequence[Burst]]

    @classmethod
    def of(cls, final: Mapping[str, Any], look: Look) -> Came:
        """Leave out whatever depends on the hour."""
        bursts = {
            name: [(m.purpose.value, m.seed, m.trial, m.digest, m.score, _said(m), m.curve) for m in several]
            for name, several in look.measurements.items()
        }
        return cls({key: value for key, value in final.items() if key not in COSTS}, bursts)


def _said(measurement: Measurement) -> str:
    """Name a failure without its traceback, nothing where there is none."""
    failure = measurement.failure
    return "" if failure is None else f"{failure.kind}: {failure.message}"


def undisturbed(cwd: Path, text: Path, search: int, evaluations: int) -> Came:
    """Search without a kill."""
    with Answering(0.05) as server:
        ordeal = Ordeal("straight", cwd, text, *_FLAGS, "--seed", search, *server.flags())
        final = ordeal.finish(evaluations)
        assert ordeal.last is not None
        assert ordeal.seen.violations == []
        return Came.of(final, ordeal.last)


def disturbed(cwd: Path, text: Path, schedule: int, evaluations: int, straight: Came) -> Seen:
    """Kill and resume the same search by a schedule, two to four times, and compare."""
    rng = np.random.default_rng(schedule)
    with Answering(0.05) as server:
        ordeal = Ordeal("equality", cwd, text, *_FLAGS, "--seed", schedule % SEARCHES, *server.flags())
        for _ in range(int(rng.integers(2, 5))):
            moment = Moment(lines=int(rng.integers(8, 16)), seconds=float(rng.uniform(0.0, 0.5)))
            with ordeal.session(evaluations) as one:
                ordeal.seen.kills += strike(one, moment, lambda: server.answered)
            if one.process.returncode == 0:
                break
        final = one.told[-1] if one.process.returncode == 0 else ordeal.finish(evaluations)
        assert ordeal.last is not None
        found = list(differences(straight, Came.of(final, ordeal.last)))
        ordeal.blame(f"schedule {schedule}: {one}" for one in found[:_SHOWN])
        if len(found) > _SHOWN:
            ordeal.blame([f"schedule {schedule}: and {len(found) - _SHOWN} more differences"])
        return ordeal.result()


def compare(cwd: Path, text: Path, schedules: int, seed: int, evaluations: int) -> Seen:
    """Disturb so many searches, each by a schedule of its own; return all that was seen."""
    straight: dict[int, Came] = {}
    seen = Seen("equality")
    for schedule in range(seed, seed + schedules):
        search = schedule % SEARCHES
        if search not in straight:
            straight[search] = undisturbed(made(cwd / f"straight-{search}"), text, search, evaluations)
        killed = made(cwd / f"killed-{schedule}")
        seen.add(disturbed(killed, text, schedule, evaluations, straight[search]))
    return seen


def made(folder: Path) -> Path:
    """Make a folder and return it."""
    folder.mkdir()
    return folder


def differences(straight: Came, killed: Came) -> Iterator[str]:
    """Say in what a search that was killed came to something else, the earliest variant first."""
    one, two = ({v["id"]: v for v in came.final["variants"]} for came in (straight, killed))
    yield from _fields("", _without(straight.final, "variants"), _without(killed.final, "variants"))
    if len(one) != len(two):
        yield f"{len(one)} variants, but {len(two)} when killed"
    for name in [name for name in one if name in two]:
        yield from _fields(f"{name}: ", one[name], two[name])
        yield from _bursts(name, straight.bursts[name], killed.bursts[name])


def _without(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return {name: value for name, value in data.items() if name != key}


def _fields(where: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[str]:
    """Say which fields differ."""
    for key in sorted({*one, *two}):
        if one.get(key) != two.get(key):
            yield f"{where}{key} is {one.get(key)!r}, but {two.get(key)!r} when killed"


def _bursts(name: str, one: Sequence[Burst], two: Sequence[Burst]) -> Iterator[str]:
    """Say which bursts of a variant were made in one search alone, or came to something else."""
    for only, other, which in ((one, two, "when not killed"), (two, one, "when killed")):
        for burst in only:
            if burst not in other:
                purpose, seed, trial, digest, score, failure, _ = burst
                number = "" if trial is None else f" {trial}"
                source = f"{purpose}{number} of {str(digest)[:8]} under seed {seed}"
                yield f"{name}: only {which}: {source}: {failure or score}"
