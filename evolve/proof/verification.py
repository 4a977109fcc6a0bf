"""The champion against the seed variant on seeds and text new to both (pure)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from population.comparison import Difference, Scores, paired
from population.variant import Direction, Failure, Variant

KIND = "verified"
"""The kind of its event, and its key in the population's meta."""

BETTER = "better"
WORSE = "worse"
OPEN = "not told apart"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two programs.

    Args:
        variant: its variant's id.
        digest: content hash of the exact source.
        scores: its score under each seed, in their order; None where it failed.
        failures: ``seed N: kind: message`` for each seed that it failed under.
    """

    variant: str
    digest: str
    scores: tuple[float | None, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The champion against the seed variant, program against program.

    Args:
        champion: the one.
        seed: the other.
        split: the part of the data that both were scored on; empty where data are no matter of ours.
        seeds: the burst seeds that both were run with.
        pairs: seeds under which both have a score.
        gain: by how much the champion is better; None with fewer than two pairs, as all figures below.
        standard_error: of the gain.
        low: where its 95 % confidence interval begins.
        high: where that ends.
        p_value: probability of such a gain, or a larger one, if the champion is no better (one-sided).
        burst_seconds: seconds of training in a burst.
        gain_per_second: the gain over those seconds.
        verdict: ``better`` or ``worse`` when the interval leaves out 0, ``not told apart`` when it does not,
            ``failed`` when the champion has failed under a seed.
    """

    champion: Side
    seed: Side
    split: str
    seeds: tuple[int, ...]
    pairs: int
    gain: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float | None
    burst_seconds: float
    gain_per_second: float | None
    verdict: str

    def data(self) -> dict[str, Any]:
        """Return plain JSON for ``from_data``."""
        data = asdict(self)
        return {
            **data,
            "seeds": list(self.seeds),
            "champion": _plain(self.champion),
            "seed": _plain(self.seed),
        }


def side(
    variant: Variant,
    digest: str,
    seeds: Sequence[int],
    scores: Scores,
    failures: Sequence[tuple[int, Failure]],
) -> Side:
    """Return one of the two programs with what it came to."""
    told = tuple(f"seed {seed}: {failure.kind}: {failure.message}" for seed, failure in failures)
    return Side(variant.id, digest, tuple(scores.get(seed) for seed in seeds), told)


def judged(
    champion: Side, seed: Side, split: str, seeds: Sequence[int], direction: Direction, burst_seconds: float
) -> Verification:
    """Compare the two by the differences under common seeds alone (see ``comparison.paired``)."""
    found = paired(_scores(champion, seeds), _scores(seed, seeds), direction)
    low, high = found.interval() if found is not None else (None, None)
    pairs = len(_scores(champion, seeds).keys() & _scores(seed, seeds).keys())
    return Verification(
        champion=champion,
        seed=seed,
        split=split,
        seeds=tuple(seeds),
        pairs=pairs,
        gain=None if found is None else found.gain,
        standard_error=None if found is None else found.standard_error,
        low=low,
        high=high,
        p_value=None if found is None else found.p_value,
        burst_seconds=burst_seconds,
        gain_per_second=None if found is None or burst_seconds <= 0 else found.gain / burst_seconds,
        verdict=FAILED if champion.failures else _verdict(found),
    )


def from_data(data: Mapping[str, Any]) -> Verification:
    """Return what ``Verification.data`` was made from."""
    sides = {name: _side(data[name]) for name in ("champion", "seed")}
    return Verification(**{**data, "seeds": tuple(data["seeds"]), **sides})


def _verdict(found: Difference | None) -> str:
    """Say whether the interval leaves out 0, and on which side."""
    if found is None:
        return OPEN
    low, high = found.interval()
    return BETTER if low > 0 else WORSE if high < 0 else OPEN


def _scores(one: Side, seeds: Sequence[int]) -> Scores:
    """Return a program's scores by seed."""
    return {seed: score for seed, score in zip(seeds, one.scores, strict=True) if score is not None}


def _plain(one: Side) -> dict[str, Any]:
    return {**asdict(one), "scores": list(one.scores), "failures": list(one.failures)}


def _side(data: Mapping[str, Any]) -> Side:
    return Side(data["variant"], data["digest"], tuple(data["scores"]), tuple(data["failures"]))


def of_split(found: Verification, before: str) -> str:
    """Name the part of the data that both were scored on, after some words; nothing where there is none."""
    return f"{before}{found.split} split" if found.split else ""


def sentence(found: Verification) -> str:
    """Say in one sentence what came of it, for an event."""
    what = (
        f"{found.champion.variant} against {found.seed.variant}, {found.pairs} seeds{of_split(found, ', ')}"
    )
    if found.gain is None or found.low is None or found.high is None or not math.isfinite(found.gain):
        return f"{what}: {found.verdict}"
    return f"{what}: {found.verdict}, {found.gain:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
