"""``ablate``: each hunk of the champion's change left out, and alone, measured under common seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evolve import admission
from evolve.errors import InputError
from evolve.proof import ablation, bench
from evolve.proof.ablation import Ablation, Part, Reading, Smallest
from evolve.proof.bench import Look, Program, Progress, Sheet
from evolve.seeds import ABLATION
from evolve.tasks.task import Unseen
from population import genome, hunks
from population.hunks import Hunk
from population.variant import Purpose

SPLIT: Unseen = "validation"


@dataclass(frozen=True, slots=True)
class _Cut:
    """The champion's change, and the programs that it makes, by fingerprint: seed and champion first.

    Programs that are the same but for comments and the like share one source, the first.
    """

    look: Look
    hunks: tuple[Hunk, ...]
    programs: dict[str, Program]

    @property
    def counted(self) -> list[int]:
        """The places of the hunks that change the program."""
        return hunks.counted(self.hunks)

    def source(self, chosen: Sequence[int]) -> str:
        """Return the seed with some hunks applied."""
        return hunks.apply(self.look.seed.source, self.hunks, chosen)

    def program(self, name: str, source: str) -> Program | str:
        """Return the program that a source is, or why it cannot be run at all."""
        failure = admission.examine(source, self.look.prepared.task.entry)
        if failure is not None:
            return f"{failure.kind}: {failure.message}"
        fresh = Program(name, self.look.champion.variant, genome.digest(source), source)
        return self.programs.setdefault(genome.fingerprint(source), fresh)


def ablate(look: Look, seeds: int, progress: Progress) -> Ablation:
    """Measure what each hunk is worth, and put the table on record.

    Args:
        look: the run.
        seeds: how many seeds; the same ones each time, so that what is on record is not measured again.
        progress: sees each burst end.

    Raises:
        InputError: there are too few seeds, or the champion is the seed's program with other comments.
        Interrupted, EngineFault: as in ``bench.measure``.
    """
    numbers = bench.chosen(ABLATION, seeds)
    cut = _cut(look)
    if not cut.counted:
        raise InputError(f"{look.champion.variant.id} differs from the seed only in comments and whitespace")
    without, only = _programs(cut)
    programs = list(cut.programs.values())
    count = len(cut.counted)
    title = (
        f"{count} hunk{'s' * (count != 1)} of {look.champion.variant.id}, "
        f"{len(programs)} programs on {seeds} seeds"
    )
    sheet = _measured(look, title, programs, numbers, progress)
    used = [look.seeds(number) for number in numbers]
    best, base = (_reading(program, sheet, used) for program in (look.champion, look.seed))
    noise = ablation.noise_of(_reading(program, sheet, used) for program in programs)
    parts = [
        Part(
            number,
            hunks.lines_of(cut.hunks[at]),
            hunks.excerpt(cut.hunks[at]),
            _reading(without[number - 1], sheet, used),
            _reading(only[number - 1], sheet, used),
        )
        for number, at in enumerate(cut.counted, 1)
    ]
    direction = look.prepared.task.direction
    found = Ablation(
        champion=look.champion.variant.id,
        digest=look.champion.digest,
        seed=look.seed.variant.id,
        base=look.seed.digest,
        seeds=tuple(used),
        whole=ablation.effect(best, base, direction, noise),
        rows=ablation.rows_of(parts, best, base, direction, noise),
        cosmetic=len(cut.hunks) - count,
        programs=len(programs),
        noise=noise.deviation if noise.known else None,
        freedom=noise.freedom,
        failures=tuple(
            f"{name} {one.failure}"
            for name, one in (("the champion", best), ("the seed", base))
            if one.failure
        ),
    )
    look.record(ablation.KIND, ablation.sentence(found), found.data())
    return found


def smallest(look: Look, table: Ablation, progress: Progress) -> Smallest:
    """Measure the champion with nothing but the hunks that help or are needed, under the table's seeds.

    Raises:
        Interrupted, EngineFault: as in ``bench.measure``.
    """
    cut = _cut(look)
    kept = [row.number for row in table.rows if row.verdict.keeps]
    dropped = tuple(row.number for row in table.rows if not row.verdict.keeps)
    source = cut.source([cut.counted[number - 1] for number in kept])
    _programs(cut)  # first, so that a program of the table stands for one that is the same
    small = cut.program("the smallest", source)
    programs = list(cut.programs.values())
    numbers = bench.chosen(ABLATION, len(table.seeds))
    title = f"{look.champion.variant.id} with {len(kept)} of its {len(table.rows)} hunks"
    sheet = _measured(look, title, programs, numbers, progress)
    noise = ablation.noise_of(_reading(program, sheet, table.seeds) for program in programs)
    one, best = (_reading(program, sheet, table.seeds) for program in (small, look.champion))
    effect = ablation.effect(one, best, look.prepared.task.direction, noise)
    good = effect.gain is not None and not (effect.sure and effect.gain < 0)
    return Smallest(source, genome.digest(source), tuple(kept), dropped, effect, good)


def check_writable(file: Path) -> None:
    """Refuse a file that cannot be written, before anything is measured for it.

    Raises:
        InputError: it is a folder, or its folder is not there.
    """
    if file.is_dir() or not file.parent.is_dir():
        raise InputError(
            f"cannot write {file}: {'it is a folder' if file.is_dir() else 'there is no such folder'}"
        )


def _cut(look: Look) -> _Cut:
    """Cut the champion's change into hunks."""
    entry = look.prepared.task.entry

    def sound(source: str) -> bool:
        return admission.examine(source, entry) is None

    found = hunks.cut(look.seed.source, look.champion.source, sound)
    seed = replace(look.seed, variant=look.champion.variant)  # in the champion's table
    programs = {genome.fingerprint(one.source): one for one in (seed, look.champion)}
    return _Cut(look, found, programs)


def _programs(cut: _Cut) -> tuple[list[Program | str], list[Program | str]]:
    """Return for each hunk the champion without it, and the seed with nothing but it."""
    everything, places = range(len(cut.hunks)), list(enumerate(cut.counted, 1))
    without = [
        cut.program(f"without hunk {number}", cut.source([other for other in everything if other != at]))
        for number, at in places
    ]
    return without, [cut.program(f"hunk {number} alone", cut.source([at])) for number, at in places]


def _measured(
    look: Look, title: str, programs: Sequence[Program], numbers: range, progress: Progress
) -> Sheet:
    """Measure programs under every seed; their sources are kept, so that each can be read again."""
    for program in programs:
        look.population.keep_source(program.source)
    return bench.measure(look, title, programs, numbers, Purpose.ABLATION, SPLIT, progress)


def _reading(program: Program | str, sheet: Sheet, seeds: Sequence[int]) -> Reading:
    """Return what a program came to under these seeds; it fails when it fails under any."""
    if isinstance(program, str):
        return Reading("", {}, program)
    failures = [one for _, one in sheet.failures(program.digest, seeds) if one.kind.repeats]
    failure = f"{failures[0].kind}: {failures[0].message}" if failures else ""
    if failures and len(failures) < len(seeds):
        failure += f" (on {len(failures)} of {len(seeds)} seeds)"
    return Reading(program.digest, sheet.scores(program.digest, seeds), failure)
