"""``verify``: the champion against the seed variant, on fresh seeds and on text that no search reads."""

from __future__ import annotations

import statistics

from evolve.proof import bench, verification
from evolve.proof.bench import Look, Program, Progress, Sheet
from evolve.proof.verification import Side, Verification
from evolve.seeds import VERIFY
from evolve.tasks.language import LanguageTask
from evolve.tasks.task import Unseen
from population.variant import Purpose

SPLIT: Unseen = "test"


def verify(look: Look, seeds: int, progress: Progress) -> Verification:
    """Measure champion and seed under the same fresh seeds on the test split, and put the result on record.

    Args:
        look: the run.
        seeds: how many seeds; the same ones each time, so that what is on record is not measured again.
        progress: sees each burst end.

    Raises:
        InputError: there are too few seeds.
        Interrupted, EngineFault: as in ``bench.measure``.
    """
    numbers = bench.chosen(VERIFY, seeds)
    both = (look.champion, look.seed)
    split = SPLIT if isinstance(look.prepared.task, LanguageTask) else ""
    title = f"{look.champion.variant.id} against {look.seed.variant.id} on {seeds} seeds"
    title += f" of the {split} split" if split else ""
    sheet = bench.measure(look, title, both, numbers, Purpose.VERIFY, SPLIT, progress)
    used = [look.seeds(number) for number in numbers]
    best, base = (_side(program, sheet, used) for program in both)
    seconds = _burst_seconds(look, sheet, used)
    found = verification.judged(best, base, split, used, look.prepared.task.direction, seconds)
    look.record(verification.KIND, verification.sentence(found), found.data())
    return found


def _side(program: Program, sheet: Sheet, seeds: list[int]) -> Side:
    """Return what a program came to; that somebody killed a burst is no failure of the program."""
    digest = program.digest
    failures = [one for one in sheet.failures(digest, seeds) if one[1].kind.repeats]
    return verification.side(program.variant, digest, seeds, sheet.scores(digest, seeds), failures)


def _burst_seconds(look: Look, sheet: Sheet, seeds: list[int]) -> float:
    """Return the seconds of training in a burst: its budget, or those that it took where that is none."""
    settings = look.prepared.settings
    if settings.burst_tokens is None and not look.prepared.task.trust:
        return float(settings.burst or 0.0)
    measured = [m.train_seconds for p in (look.champion, look.seed) for m in sheet.of(p.digest, seeds)]
    return round(statistics.fmean(measured), 3) if measured else 0.0
