"""The folder of a run: made whole or not at all, told from others, and its settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evolve import admission
from evolve import settings as settings_module
from evolve.budget import Limits, set_of
from evolve.errors import InputError
from evolve.finding import is_run
from evolve.preparing import Prepared
from evolve.race import SEED
from evolve.report.terminal import invocation
from evolve.settings import Settings
from evolve.tasks.command import CommandTask, asked, is_python
from evolve.tasks.language import LanguageTask
from evolve.tasks.own import OwnTask
from population.disk import drafted, write_whole
from population.errors import PopulationError
from population.genome import digest as digest_of
from population.store import Population
from population.variant import Variant


def create(folder: Path, prepared: Prepared) -> None:
    """Make a run folder that holds the settings and the seed variant; nothing stays if that fails.

    Raises:
        InputError: the folder exists, cannot be made, or lies in the data.
    """
    refuse_within_data(folder, prepared)
    refuse_existing(folder)
    try:
        with drafted(folder) as draft:
            _lay_down(draft, prepared)
    except (OSError, PopulationError) as error:
        raise InputError(f"cannot start a run in {folder}: {_reason(error)}") from error


def refuse_within_data(folder: Path, prepared: Prepared) -> None:
    """Refuse a folder for what is written that lies in the data.

    Raises:
        InputError: it does.
    """
    for shown in prepared.task.files if isinstance(prepared.task, CommandTask) else ():
        if folder.resolve().is_relative_to(shown.source.resolve()):
            raise InputError(
                f"the run folder {folder} lies in {shown.source}, which the program may read, and which must "
                "stay as it is; give another --run, or name what the program needs by --copy"
            )
    data = prepared.settings.data
    if data is not None and folder.resolve().is_relative_to(data):
        raise InputError(
            f"the run folder {folder} lies in the data folder {data}: what the search writes would count as "
            "text; give another --run, or another --data"
        )


def _reason(error: OSError | PopulationError) -> str:
    """Say what went wrong without the name of the folder that nobody gets to see."""
    return error.strerror or str(error) if isinstance(error, OSError) else error.message


def _lay_down(folder: Path, prepared: Prepared) -> None:
    """Write the settings, the seed and its population into a new folder."""
    folder.mkdir(parents=True)
    (folder / settings_module.FILE).write_text(settings_module.dump(prepared.settings), encoding="utf-8")
    (folder / "seed.py").write_text(prepared.seed, encoding="utf-8")
    if prepared.directions:
        (folder / "program.md").write_text(prepared.directions, encoding="utf-8")
    with Population.create(folder) as population:
        _found(population, prepared)


def refuse_existing(folder: Path) -> None:
    """Refuse a run folder that exists, and say how to go on with it if it is one.

    Raises:
        InputError: it exists.
    """
    if not os.path.lexists(folder):
        return
    if is_run(folder):
        how = f"go on with it by `{invocation('resume', str(folder))}`, or give another --run"
        raise InputError(f"{folder} exists; {how}")
    raise InputError(f"{folder} exists, and is no run; give another --run")


def _found(population: Population, prepared: Prepared) -> None:
    """Put the seed variant and what the run is about on record."""
    task, chosen = prepared.task, prepared.settings
    digest = population.keep_source(prepared.seed)
    seed = Variant(
        id=SEED,
        digest=digest,
        proposed=digest,
        fingerprint=admission.mark(prepared.seed),
        parents=(),
        operator="seed",
        hypothesis="the seed",
        island=0,
        generation=0,
    )
    population.commit(
        seed,
        meta={
            "metric": task.metric,
            "direction": task.direction.value,
            "task": task.describe().partition("\n")[0],
            "data": task.fingerprint(),
            "trust": task.trust,
            "also": _also(task),
            "owner": chosen.owner,
            "program": digest_of(prepared.directions),
            "budgets": budgets(chosen),
        },
    )


def _also(task: LanguageTask | CommandTask | OwnTask) -> dict[str, bool]:
    """Return the further numbers that are kept, and whether less of each is better: as its limit says."""
    if not isinstance(task, CommandTask):
        return {}
    more = {limit.name for limit in task.limits if not limit.upper}
    return {name: name not in more for name in task.numbers}


def budgets(settings: Settings) -> dict[str, float]:
    """Return the budgets that are set, for those who read the run."""
    return set_of(limits(settings))


def check_data(population: Population, prepared: Prepared, folder: Path) -> None:
    """Refuse to go on with other data: scores would no longer compare.

    Raises:
        InputError: the data is not what the run was started with.
    """
    was, now = population.meta("data"), prepared.task.fingerprint()
    if was is None:
        raise InputError(
            f"{folder} has lost what it was founded on, so that no search can go on with it; "
            f"`{invocation('fsck', str(folder))}` says more"
        )
    if was != now:
        where = prepared.task.origin()
        raise InputError(
            f"{folder} was started on other data: its content hash was {str(was)[:12]}, that of {where} is "
            f"{now[:12]}; go on with the same data, or start a new run"
        )


def keep_settings(folder: Path, settings: Settings) -> None:
    """Save settings whose budgets were raised, so that the next session need not be told again."""
    write_whole(folder / settings_module.FILE, settings_module.dump(settings).encode())


def entry_of(folder: Path) -> str | None:
    """Return the function that a variant of a run must define (see ``admission.examine``).

    Raises:
        InputError: the folder's settings, or its task, cannot be read.
    """
    settings = settings_module.load(folder / settings_module.FILE, {})
    if settings.task is not None:
        return OwnTask.load(settings.task).entry
    if asked(settings):
        return "" if is_python(settings.variant_file or "") else None
    return LanguageTask.entry


def limits(settings: Settings) -> Limits:
    """Return what a search may use."""
    return Limits(settings.evaluations, settings.hours, settings.dollars, settings.target)


def settings_of(folder: Path, budgets: Mapping[str, Any]) -> Settings:
    """Return the settings that a run was started with, with budgets raised.

    Raises:
        InputError: the folder's settings cannot be read.
    """
    saved = settings_module.load(folder / settings_module.FILE, budgets)
    program = folder / "program.md"
    return saved.model_copy(
        update={"seed_file": folder / "seed.py", "program": program if program.exists() else None}
    )
