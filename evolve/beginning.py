"""``init``: a seed variant run twice before a search, what that would take, and its settings as files."""

from __future__ import annotations

import asyncio
import math
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve import admission, session
from evolve import settings as settings_module
from evolve.bursts.executor import Job, Result
from evolve.errors import InputError
from evolve.hints import hint
from evolve.preparing import Prepared, prepare, recognised
from evolve.race import SEED
from evolve.seeds import Seeds
from evolve.settings import Settings
from operators import prompts
from operators.chat import Model, ReplyForm
from operators.llm import LiteLLM
from operators.proposal import Context, Parent
from population.disk import write_whole
from population.variant import Variant

PROGRAM = "program.md"
BURSTS = 2
CHILDREN = 100

_DIRECTIONS = """\
# What to look for

<!-- The LLM reads this with every question. Say it in your own words, and delete what does not apply. -->

- What the program is for, and what may not change:
- Ideas that are worth trying:
- What was tried before, in vain:
"""
_LETTERS = 3.5  # characters of code in a token, about
_DIFF = 500  # tokens of a reply with a small change, about


@dataclass(frozen=True, slots=True)
class Price:
    """What asking one model costs.

    Args:
        model: its name.
        dollars: for ``CHILDREN`` measured children; None when its price is not known.
    """

    model: str
    dollars: float | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What two bursts of the seed variant say of a search.

    Args:
        metric: name of the score.
        trust: whose word it is; empty for ours.
        scores: of the bursts, under different seeds.
        seconds: that each took.
        slots: bursts at once.
        replicates: share of bursts that measure contenders again.
        proposals: children proposed for each that is measured.
        prices: of the models, had each of them all children.
        notes: what a user should know of what became of the seed and of another system's settings.
    """

    metric: str
    trust: str
    scores: tuple[float, ...]
    seconds: tuple[float, ...]
    slots: int
    replicates: float
    proposals: float
    prices: tuple[Price, ...]
    notes: tuple[str, ...] = ()

    @property
    def noise(self) -> float:
        """Standard deviation of one burst, as far as two can tell it: within a factor of 3 or so."""
        return statistics.stdev(self.scores)

    @property
    def bursts_per_hour(self) -> float:
        """Bursts in an hour on all slots."""
        return self.slots * 3600.0 / max(0.001, statistics.fmean(self.seconds))

    @property
    def children_per_hour(self) -> float:
        """New children measured in an hour."""
        return self.bursts_per_hour * (1.0 - self.replicates)


def rehearse(settings: Settings) -> tuple[Outlook, Settings]:
    """Run the seed variant twice, under two seeds, and say what a search would take.

    Args:
        settings: what the user wants.

    Returns:
        What a search would take, and the settings with what a folder stands for filled in.

    Raises:
        InputError: something cannot be used, or the seed variant fails.
    """
    settings, notes = recognised(settings)
    return _outlook(prepare(settings), notes), settings


def _outlook(prepared: Prepared, notes: Sequence[str]) -> Outlook:
    """Run the bursts, and put together what they say."""
    results = asyncio.run(_bursts(prepared))
    settings, task = prepared.settings, prepared.task
    scores = tuple(one.score for one in results if one.score is not None)
    return Outlook(
        metric=task.metric,
        trust=task.trust,
        scores=scores,
        seconds=tuple(round(one.seconds, 2) for one in results),
        slots=len(prepared.devices),
        replicates=settings.replicates,
        proposals=max(1.0, settings.proposals),
        prices=tuple(_prices(prepared)),
        notes=(*notes, *prepared.notes),
    )


async def _bursts(prepared: Prepared) -> list[Result]:
    """Run the seed variant on slots of its own, one burst after the other, as they run in a search.

    Raises:
        InputError: one of them fails.
    """
    seeds = Seeds(prepared.settings.seed or 0)
    with tempfile.TemporaryDirectory(prefix="evolve-") as name:
        executor = session.executor_of(Path(name), prepared)
        try:
            await executor.start()
            jobs = [Job(f"seed-{number}", prepared.seed, seeds(number)) for number in range(BURSTS)]
            results = [await executor.run(job, lambda *_: False) for job in jobs]
        finally:
            await executor.close()
    for result in results:
        if result.failure is not None:
            said = f"({result.failure.kind}): {result.failure.message}"
            more = hint(result.failure, "see that it runs before a search")
            raise InputError(f"the seed variant fails {said}{more}")
    return results


def _prices(prepared: Prepared) -> list[Price]:
    """Estimate what children cost with each model, had it all of them."""
    models = prepared.choice.models
    if not models:
        return []
    settings = prepared.settings
    chat = LiteLLM(
        models,
        transcripts=Path(),
        record=lambda _: None,
        api_base=prepared.choice.api_base,
        prices=settings.prices,
    )
    asked = CHILDREN * max(1.0, settings.proposals)
    found = []
    for model in models:
        one = chat.estimate(model.name, *_tokens(prepared, model))
        found.append(Price(model.name, None if one is None else asked * one))
    return found


def _tokens(prepared: Prepared, model: Model) -> tuple[int, int]:
    """Estimate the tokens of a question to a model, early in a search, and of its reply."""
    digest = admission.mark(prepared.seed)
    seed = Variant(SEED, digest, digest, digest, (), "seed", "the seed", 0, 0)
    task = prepared.task
    parent = Parent(seed, prepared.seed, None)
    context = Context(task.describe(), task.metric, task.direction, prepared.directions, (parent,))
    form = model.form if model.form is not ReplyForm.JSON else ReplyForm.DIFF
    letters = sum(len(text) for _, text in prompts.mutate(context, form))
    whole = _DIFF if form is ReplyForm.DIFF else math.ceil(len(prepared.seed) / _LETTERS)
    return math.ceil(letters / _LETTERS), whole


def write(folder: Path, settings: Settings, force: bool) -> Sequence[Path]:
    """Write ``evolve.toml``, and ``program.md`` where there is none; return what was written.

    Raises:
        InputError: the settings file is there already, or cannot be written.
    """
    file, program = folder / settings_module.FILE, folder / PROGRAM
    refuse_existing(folder, force)
    written = [file]
    if settings.program is None:
        settings = settings.model_copy(update={"program": program.relative_to(folder)})
        if not program.exists():
            written.append(program)
    try:
        write_whole(file, settings_module.dump(settings).encode())
        if program in written:
            write_whole(program, _DIRECTIONS.encode())
    except OSError as error:
        raise InputError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return written


def refuse_existing(folder: Path, force: bool) -> None:
    """Refuse to overwrite settings, before anything is run for them.

    Raises:
        InputError: they are there.
    """
    file = folder / settings_module.FILE
    if file.exists() and not force:
        raise InputError(f"{file} exists; replace it by --force, or run a search with it")
