"""The folder of a comparison of policies: one run folder for each policy and seed, all on the same settings.

It keeps the settings and the seed variant as they were when it was begun. A run's own folder says whether it
has ended, so a comparison goes on wherever it was cut. All runs of one seed have the same burst seeds (see
``seeds``), whatever their policy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve import budget, preparing, runs
from evolve import settings as settings_module
from evolve.budget import Limits, Spent, counted
from evolve.errors import InputError
from evolve.finding import is_run
from evolve.policies import Name
from evolve.preparing import Prepared
from evolve.race import SEED
from evolve.report.policies import Outcome, metric_of, result_of
from evolve.report.standing import direction
from evolve.settings import Settings
from population.disk import drafted, write_whole
from population.lock import Lock
from population.store import Population

FILE = "comparison.json"
SEEDS = 6
"""Seeds when nobody says how many: the fewest that two policies may be told apart by."""

_MOST = 1000
_TENTH = 0.1  # seconds to which a run's clock is rounded
_OURS = ("policy", "seed")  # settings that differ from run to run
_TEXTS = {"seed_file": "seed.py", "program": "program.md"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a comparison."""

    policy: Name
    seed: int
    folder: Path

    @property
    def title(self) -> str:
        """What it is called in what is printed."""
        return f"{self.policy}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which policies are compared under which seeds, and where."""

    folder: Path
    policies: tuple[Name, ...]
    seeds: tuple[int, ...]

    @property
    def runs(self) -> list[Run]:
        """Every run; one seed after the other, so that what has ended can be compared."""
        return [
            Run(policy, seed, self.folder / f"{policy}-seed{seed}")
            for seed in self.seeds
            for policy in self.policies
        ]

    def outcome(self) -> Outcome:
        """Return what the runs that have ended came to."""
        results, names, waiting = [], [], 0
        for run in self.runs:
            if not ended(run.folder):
                waiting += 1
                continue
            with Population.open(run.folder) as population:
                result = result_of(population, run.policy, run.seed)
                names.append(metric_of(population))
            if result is not None:
                results.append(result)
        return Outcome(self.policies, tuple(results), waiting, next(iter(names), "score"))


# What is asked for


def parse_policies(text: str) -> tuple[Name, ...]:
    """Read names of policies with commas between them.

    Raises:
        InputError: there is none, one is unknown, or one is there twice.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = ", ".join(Name)
    unknown = next((word for word in words if word not in list(Name)), None)
    if unknown is not None:
        raise InputError(f"--policies: there is no policy {unknown!r}; there are {known}")
    return tuple(Name(word) for word in _each_once("--policies", words, f"name some of {known}"))


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read how many seeds there are to be (from 1 on), or a list of them with commas between.

    Raises:
        InputError: it is neither, or there are none, or too many.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    how = f"--seeds {text}: give how many (1 to {_MOST}), or a list such as 4,7,9"
    if not all(word.isascii() and word.isdigit() and len(word) < 11 for word in words):
        raise InputError(how)
    numbers = [int(word) for word in words]
    if "," in text:
        if any(number >= 2**32 for number in numbers) or len(numbers) > _MOST:
            raise InputError(f"{how} of seeds below {2**32}")
        return tuple(_each_once("--seeds", numbers, "give at least one seed"))
    if not numbers or not 1 <= numbers[0] <= _MOST:
        raise InputError(how)
    return tuple(range(1, numbers[0] + 1))


def _each_once(flag: str, given: Sequence[Any], wanted: str) -> Sequence[Any]:
    """Refuse an empty list, and one that says something twice."""
    if not given:
        raise InputError(f"{flag}: {wanted}")
    twice = next((one for one in given if given.count(one) > 1), None)
    if twice is not None:
        raise InputError(f"{flag}: {twice} is there twice")
    return given


# The folder


@contextmanager
def opened(
    folder: Path,
    asked: Settings | None,
    names: tuple[Name, ...] | None,
    seeds: tuple[int, ...] | None,
) -> Iterator[Comparison]:
    """Take up a comparison, or begin one; no other process works on it meanwhile.

    Args:
        folder: of the comparison; made if there is none.
        asked: the settings of every run; None to take those of a comparison that is there.
        names: policies to compare; None for all that are on record, or all that there are.
        seeds: of the runs; None for all that are on record, or a few.

    Raises:
        InputError: it holds something else, or was begun with other settings; or no budget is given.
        Locked: another process works on it.
    """
    if asked is not None and not is_comparison(folder):
        _begin(folder, asked, names or tuple(Name), seeds or parse_seeds(str(SEEDS)))
    elif asked is not None:
        _check_same(folder, asked)
    lock = Lock(folder / "lock")
    try:
        recorded = _recorded(folder)
        known = looked_at(folder)
        wanted = Comparison(folder, names or known.policies, seeds or known.seeds)
        for name in wanted.policies:
            preparing.check_policy(
                name, (folder / _TEXTS["seed_file"]).read_text(encoding="utf-8"), "the seed"
            )
        _keep(
            folder,
            recorded["asked"],
            tuple(dict.fromkeys((*known.policies, *wanted.policies))),
            tuple(dict.fromkeys((*known.seeds, *wanted.seeds))),
        )
        yield wanted
    finally:
        lock.release()


def is_comparison(folder: Path) -> bool:
    """Say whether a folder holds a comparison."""
    return (folder / FILE).is_file()


def looked_at(folder: Path) -> Comparison:
    """Return a comparison as it is on record, without a claim to it.

    Raises:
        InputError: the folder holds none.
    """
    if not is_comparison(folder):
        raise InputError(f"{folder} is not a comparison: it has no {FILE} in it")
    recorded = _recorded(folder)
    try:
        return Comparison(folder, tuple(map(Name, recorded["policies"])), tuple(map(int, recorded["seeds"])))
    except (KeyError, TypeError, ValueError):
        raise _damaged(folder) from None


def _recorded(folder: Path) -> dict[str, Any]:
    try:
        recorded = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except ValueError:
        raise _damaged(folder) from None
    if not isinstance(recorded, dict) or not isinstance(recorded.get("asked"), dict):
        raise _damaged(folder)
    return recorded


def _damaged(folder: Path) -> InputError:
    return InputError(f"{folder / FILE} is damaged; the runs beside it are whole, each with its own status")


def _begin(folder: Path, asked: Settings, names: tuple[Name, ...], seeds: tuple[int, ...]) -> None:
    """Make the folder of a comparison, whole or not at all."""
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} exists, and is no comparison; give another --run")
    prepared = preparing.prepare(asked.model_copy(update={"policy": Name.EVOLVE, "seed": None}))
    _check_budget(asked, prepared, names)
    for name in names:
        preparing.check_policy(name, prepared.seed, str(asked.seed_file))
    runs.refuse_within_data(folder, prepared)
    program = Path(_TEXTS["program"]) if prepared.directions else None
    changes = {"seed": None, "seed_file": Path(_TEXTS["seed_file"]), "program": program}
    text = settings_module.dump(prepared.settings.model_copy(update=changes))
    try:
        with drafted(folder) as draft:
            draft.mkdir(parents=True)
            (draft / settings_module.FILE).write_text(text, encoding="utf-8")
            (draft / _TEXTS["seed_file"]).write_text(prepared.seed, encoding="utf-8")
            if program is not None:
                (draft / program).write_text(prepared.directions, encoding="utf-8")
            _keep(draft, _plain(asked), names, seeds)
    except OSError as error:
        raise InputError(f"cannot begin a comparison in {folder}: {error.strerror}") from error


def _keep(folder: Path, asked: Mapping[str, Any], names: Sequence[Name], seeds: Sequence[int]) -> None:
    """Put on record what is compared."""
    recorded = {"policies": [*names], "seeds": [*seeds], "asked": asked}
    write_whole(folder / FILE, json.dumps(recorded, indent=2).encode())


def _check_budget(asked: Settings, prepared: Prepared, names: Sequence[Name]) -> None:
    """Refuse a comparison without a budget, or with one that some run never uses."""
    if asked.evaluations is not None or asked.hours is not None:
        return
    if asked.dollars is None:
        raise InputError(
            "a comparison needs a budget, the same for every run: give --evaluations, --hours or --dollars"
        )
    if Name.NUMBERS_ONLY in names or prepared.choice.local or not prepared.choice.models:
        raise InputError(
            "--dollars alone never ends a run that pays for no LLM; give --evaluations or --hours too"
        )


def _plain(asked: Settings) -> dict[str, Any]:
    """Return the settings that all runs have in common as plain data, the same from wherever it is asked."""
    paths = {
        name: path.resolve() for name in ("seed_file", "data", "program") if (path := getattr(asked, name))
    }
    data = asked.model_copy(update=paths).model_dump(mode="json")
    return {name: value for name, value in data.items() if name not in _OURS}


def _check_same(folder: Path, asked: Settings) -> None:
    """Refuse to go on with other settings, or another seed variant: the runs would not compare."""
    was, now = _recorded(folder)["asked"], _plain(asked)
    for name, value in now.items():
        if name in was and was[name] != value:
            flag = settings_module.flag_of(name)
            both = f"{flag} {_said(was[name])}, not {_said(value)}"
            raise InputError(f"{folder} was begun with {both}; give the same, or another --run")
    for name, kept in _TEXTS.items():
        given = getattr(asked, name)
        here = given is not None and given.is_file() and (folder / kept).is_file()
        if here and given.read_text("utf-8-sig", "replace") != (folder / kept).read_text("utf-8", "replace"):
            raise InputError(f"{given} is not what {folder} was begun with; give another --run")


def _said(value: Any) -> str:
    return "unset" if value in (None, [], {}) else json.dumps(value)


def ended(folder: Path) -> bool:
    """Say whether a run has used its budget."""
    if not is_run(folder):
        return False
    with Population.open(folder) as population:
        if population.meta("stopped") is None or population.meta("champion") is None:
            return False
        limits = Limits(**population.meta("budgets", {}))
        paid = population.paid
        counts = counted(population, SEED, 0)
        clock = float(population.meta("clock") or 0.0) + _TENTH
        spent = Spent(counts.evaluations, clock, paid.dollars, paid.calls)
        best = population.fitness(population.meta("champion"))
        return bool(budget.exhausted(limits, spent, best, direction(population)))
