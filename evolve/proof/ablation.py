"""A champion's change taken apart: what each hunk is worth in the champion, and alone in the seed (pure)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from population.comparison import Difference, Scores, compare
from population.multiplicity import holm
from population.noise import Noise, Replicates
from population.variant import Direction

KIND = "ablated"
"""The kind of its event, and its key in the population's meta."""

LEVEL = 0.05  # chance that any hunk of a column is called more than noise while none is


class Verdict(enum.StrEnum):
    """What a hunk is to the champion."""

    NEEDED = "needed"  # the champion fails without it
    HELPS = "helps"
    HURTS = "hurts"
    HELPS_ALONE = "helps alone"  # in the seed; the champion is as good without it
    FAILS_ALONE = "fails alone"  # and the champion is as good without it
    NOISE = "within noise"
    OPEN = "not measured"

    @property
    def keeps(self) -> bool:
        """Say whether the smallest champion has such a hunk."""
        return self in (Verdict.NEEDED, Verdict.HELPS, Verdict.HELPS_ALONE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One program of the table: its scores by seed, and how it failed, if it did."""

    digest: str
    scores: Scores
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What something is worth, in one program.

    Args:
        gain: how much better the program is with it; None where either has no score.
        standard_error: of the gain.
        low: where its 95 % confidence interval begins, not corrected for the number of hunks.
        high: where that ends.
        p_value: two-sided, corrected for the number of hunks in its column.
        failure: how the program that tells it failed; empty when it did not.
    """

    gain: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    failure: str = ""

    @property
    def sure(self) -> bool:
        """Say whether it is more than noise."""
        return self.p_value is not None and self.p_value <= LEVEL


@dataclass(frozen=True, slots=True)
class Row:
    """One hunk.

    Args:
        number: its number, from 1.
        lines: its first and last line in the champion.
        change: an excerpt.
        left_out: what it is worth in the champion: that against the champion without it.
        alone: what it is worth in the seed: the seed with nothing but it against the seed.
        without: content hash of the champion without it; empty when that cannot be run at all.
        only: content hash of the seed with nothing but it; likewise.
        verdict: what it is to the champion.
    """

    number: int
    lines: tuple[int, int]
    change: str
    left_out: Effect
    alone: Effect
    without: str
    only: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Ablation:
    """The whole table.

    Args:
        champion: id of the champion.
        digest: content hash of its source.
        seed: id of the seed variant.
        base: content hash of its source.
        seeds: the burst seeds that every program was run with.
        whole: what all hunks together are worth: the champion against the seed.
        rows: the hunks, from top to bottom.
        cosmetic: changes that leave the program as it is, such as comments; they are not measured.
        programs: different programs measured.
        noise: standard deviation of one burst, pooled over those programs; None while unknown.
        freedom: its degrees of freedom.
        failures: how champion and seed failed, if they did.
    """

    champion: str
    digest: str
    seed: str
    base: str
    seeds: tuple[int, ...]
    whole: Effect
    rows: tuple[Row, ...]
    cosmetic: int
    programs: int
    noise: float | None
    freedom: int
    failures: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Return plain JSON for ``from_data``."""
        rows = [{**asdict(row), "lines": list(row.lines), "verdict": row.verdict.value} for row in self.rows]
        return {**asdict(self), "rows": rows, "seeds": list(self.seeds), "failures": list(self.failures)}


@dataclass(frozen=True, slots=True)
class Smallest:
    """The champion with nothing but the hunks that help or are needed.

    Args:
        source: its text.
        digest: content hash of its source.
        kept: numbers of the hunks that it has.
        dropped: numbers of those that it has not.
        effect: what it is worth over the champion, or how it failed.
        as_good: whether it runs and is not worse than the champion by more than noise.
    """

    source: str
    digest: str
    kept: tuple[int, ...]
    dropped: tuple[int, ...]
    effect: Effect
    as_good: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A hunk with the two programs that tell what it is worth."""

    number: int
    lines: tuple[int, int]
    change: str
    without: Reading
    only: Reading


def noise_of(programs: Iterable[Reading]) -> Noise:
    """Return the noise of one burst, pooled over the table's own programs."""
    replicates = Replicates()
    for program in programs:
        for seed, score in program.scores.items():
            replicates.add(program.digest, seed, score)
    return replicates.noise()


def rows_of(
    parts: Sequence[Part], champion: Reading, seed: Reading, direction: Direction, noise: Noise
) -> tuple[Row, ...]:
    """Return the table: each column's p-values are corrected for its number of hunks (Holm 1979)."""
    left_out = [_difference(champion, part.without, direction, noise) for part in parts]
    alone = [_difference(part.only, seed, direction, noise) for part in parts]
    columns = zip(
        parts,
        _effects(left_out, ["" if champion.failure else part.without.failure for part in parts]),
        _effects(alone, [part.only.failure for part in parts]),
        strict=True,
    )
    return tuple(
        Row(
            part.number,
            part.lines,
            part.change,
            kept,
            single,
            part.without.digest,
            part.only.digest,
            verdict(kept, single),
        )
        for part, kept, single in columns
    )


def verdict(left_out: Effect, alone: Effect) -> Verdict:
    """Say what a hunk is to the champion: what is lost without it counts before what it does alone."""
    if left_out.failure:
        return Verdict.NEEDED
    if left_out.sure and left_out.gain is not None:
        return Verdict.HELPS if left_out.gain > 0 else Verdict.HURTS
    if alone.failure:
        return Verdict.FAILS_ALONE
    if alone.sure and alone.gain is not None and alone.gain > 0:
        return Verdict.HELPS_ALONE
    return Verdict.OPEN if left_out.gain is None else Verdict.NOISE


def effect(one: Reading, other: Reading, direction: Direction, noise: Noise) -> Effect:
    """Return what one program is worth over another, by itself."""
    (found,) = _effects([_difference(one, other, direction, noise)], [one.failure or other.failure])
    return found


def _difference(one: Reading, other: Reading, direction: Direction, noise: Noise) -> Difference | None:
    """Compare two programs; one that failed under any seed has no score that counts."""
    if one.failure or other.failure:
        return None
    return compare(one.scores, other.scores, direction, noise)


def _effects(differences: Sequence[Difference | None], failures: Sequence[str]) -> list[Effect]:
    """Return one column of the table."""
    found = [difference for difference in differences if difference is not None]
    corrected = iter(holm([2 * min(one.p_value, one.probability) for one in found]))
    effects = []
    for one, failure in zip(differences, failures, strict=True):
        if one is None:
            effects.append(Effect(failure=failure))
            continue
        low, high = one.interval()
        effects.append(Effect(one.gain, one.standard_error, low, high, next(corrected), failure))
    return effects


def from_data(data: Mapping[str, Any]) -> Ablation:
    """Return what ``Ablation.data`` was made from."""
    rows = tuple(
        Row(
            **{
                **row,
                "lines": tuple(row["lines"]),
                "left_out": Effect(**row["left_out"]),
                "alone": Effect(**row["alone"]),
                "verdict": Verdict(row["verdict"]),
            }
        )
        for row in data["rows"]
    )
    changed = {"whole": Effect(**data["whole"]), "rows": rows}
    return Ablation(**{**data, **changed, "seeds": tuple(data["seeds"]), "failures": tuple(data["failures"])})


def sentence(found: Ablation) -> str:
    """Say in one sentence what came of it, for an event."""
    count = len(found.rows)
    verdicts = [row.verdict.value for row in found.rows]
    told = ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts))
    return f"the change of {found.champion} has {count} hunk{'s' * (count != 1)}: {told}"
