"""Before anything is written: every input read and checked, every open setting chosen."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from evolve import admission, orders, policies
from evolve.bursts import probing
from evolve.bursts.sandbox import Confinement
from evolve.errors import InputError
from evolve.settings import Settings, flag_of
from evolve.tasks import command, language, layouts
from evolve.tasks.command import CommandTask
from evolve.tasks.corpus import DataError
from evolve.tasks.language import LanguageSettings, LanguageTask
from evolve.tasks.own import OwnTask
from evolve.tracking import tracker
from operators import models
from operators.llm import LiteLLM
from operators.marking import marked
from operators.models import Choice, ModelError
from population.genome import parse_tunables

NO_MODEL = "none"
_CPU_SECONDS, _CUDA_SECONDS = 20.0, 300.0
_COMMAND_SECONDS = 600.0  # that a user's own program may take
_OF_PROGRAMS = (
    *("command", "metric", "metric_file", "metric_line", "evaluator", "objective", "stages", "direction"),
    *("about", "also", "limits", "copies", "workspace", "variant_file"),
)
_COUNT = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
_BRIEF = 10.0  # seconds of a burst beside which the choice of the next one takes no time
_NAMED = 8  # numbers that are called by their names
_TOKEN_LIMIT = 600.0  # seconds, the hard limit of a token budget when --burst gives none


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a run needs, read and checked.

    Args:
        settings: nothing left open: what was None is chosen.
        seed: text of the seed variant.
        directions: the user's words to the LLM; may be empty.
        task: what is optimised; one of ours holds the train split.
        choice: which models are asked, and why.
        devices: one entry a slot.
        confinement: what bursts are confined by on this machine.
        notes: what a user should know of what became of the seed and of another system's settings.
    """

    settings: Settings
    seed: str
    directions: str
    task: LanguageTask | CommandTask | OwnTask
    choice: Choice
    devices: tuple[str, ...]
    confinement: Confinement
    notes: tuple[str, ...] = ()


def prepare(
    settings: Settings, environment: Mapping[str, str] = os.environ, *, resuming: bool = False
) -> Prepared:
    """Read and check everything that the settings name; write nothing.

    Args:
        settings: what the user wants.
        environment: where keys are looked for.
        resuming: whether a run goes on: a server that does not answer now may do so later.

    Raises:
        InputError: one sentence on the first thing that cannot be used.
    """
    tracker.check(settings.track)
    settings, notes = recognised(settings)
    settings = settings.model_copy(update=dict(policies.changed(settings.policy)))
    seed = _text(settings.seed_file, "the seed variant")
    directions = "" if settings.program is None else _text(settings.program, "the directions file")
    devices = find_devices(settings.device, settings.slots)
    if settings.vram_mb is not None and devices[0] == "cpu":
        raise InputError("--vram-mb limits the memory of a GPU, and bursts run on the CPU; use --memory-mb")
    if settings.vram_mb is not None and len(set(devices)) < len(devices):
        raise InputError("--vram-mb is read off a whole GPU; have no more --slots than GPUs with it")
    task = _task(settings, devices[0])
    admitted = admission.examine(seed, task.entry)
    if admitted is not None:
        raise InputError(f"{settings.seed_file}: {admitted.message}")
    if task.entry is not None and settings.mark and not resuming:
        seed, told = _marked(seed, settings.seed_file.name)
        notes += told
    if task.entry is None:
        settings = settings.model_copy(update=dict(policies.FOREIGN))
    else:
        check_policy(settings.policy, seed, str(settings.seed_file))
    choice = _choice(settings, environment, resuming)
    if task.entry is None and all(model.small for model in choice.models):
        raise InputError(
            f"{settings.seed_file} is not in Python, so that only an LLM can change it; give a --model that "
            "writes code"
        )
    confinement = probing.attain(settings.sandbox, cuda=devices[0] != "cpu")
    completed = _completed(settings, task, choice, devices)
    return Prepared(completed, seed, directions, task, choice, devices, confinement, notes)


def recognised(settings: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Fill in what a folder that is given as the seed stands for; what the user says wins.

    Raises:
        InputError: it is a folder, and nothing that is known.
    """
    folder = settings.seed_file
    if not folder.is_dir():
        return settings, ()
    found = layouts.recognised(folder)
    if found is None:
        raise InputError(
            f"the seed variant {folder} is a folder; give the file in it, or a folder of a known layout: "
            "train.py, which prints val_bpb, beside prepare.py; or an initial program beside evaluator.py or "
            "evaluate.py"
        )
    own = settings.model_fields_set - {"seed_file"}
    if own & {"metric_file", "metric_line"}:
        own = own | {"metric"}
    more = {name: value for name, value in found.settings.items() if name not in own}
    try:
        return Settings(**{**{name: getattr(settings, name) for name in own}, **more}), found.notes
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"the settings of {folder}: {first['loc'][0]}: {first['msg']}") from error


def _marked(seed: str, name: str) -> tuple[str, tuple[str, ...]]:
    """Return a seed variant that Optuna can tune, and what was done for that."""
    marks = marked(seed)
    if marks == seed:
        return seed, ()
    names = [tunable.name for tunable in parse_tunables(marks)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    note = (
        f"{name} has no `# tune:` marks; its variants have some, so that Optuna can set "
        f"{', '.join(names[:_NAMED])}{more}; --no-mark does without, marks of your own take their place"
    )
    return marks, (note,)


def check_policy(policy: policies.Name, seed: str, name: str) -> None:
    """Refuse a policy that could do nothing with a seed variant.

    Args:
        policy: the policy.
        seed: text of the seed variant, with an entry.
        name: what the user calls it.

    Raises:
        InputError: there is nothing that it could change.
    """
    if policy is policies.Name.NUMBERS_ONLY and not parse_tunables(seed):
        raise InputError(f"{name} has no `# tune:` line, so that numbers-only has no numbers to try")


def find_devices(wanted: str, slots: int | None) -> tuple[str, ...]:
    """Return one device a slot: each GPU once, or the CPU once a core.

    Raises:
        InputError: CUDA is asked for and not there.
    """
    gpus = _gpus() if wanted != "cpu" else ()
    if wanted == "cuda" and not gpus:
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    if gpus:
        return tuple(f"cuda:{gpus[number % len(gpus)]}" for number in range(slots or len(gpus)))
    return ("cpu",) * (slots or len(os.sched_getaffinity(0)))


def _gpus() -> tuple[str, ...]:
    """Name the GPUs that torch can use, as ``CUDA_VISIBLE_DEVICES`` does or by nvidia-smi's numbers."""
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return ()
    command = [sys.executable, "-c", _COUNT]  # in another process: this one never touches CUDA
    ordered = {**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    found = subprocess.run(command, env=ordered, capture_output=True, text=True, check=False).stdout.strip()
    return visible(int(found) if found.isdigit() else 0, os.environ.get("CUDA_VISIBLE_DEVICES"))


def visible(count: int, named: str | None) -> tuple[str, ...]:
    """Name so many GPUs: by what a value of ``CUDA_VISIBLE_DEVICES`` begins with, by number without one."""
    names = map(str, range(count)) if named is None else (name.strip() for name in named.split(","))
    return tuple(names)[:count]


def _text(file: Path, what: str) -> str:
    """Read a text file, no more of it than can be used: it may be a whole disk."""
    try:
        with file.open(encoding="utf-8-sig") as stream:
            text = stream.read(admission.LONGEST + 1)
    except FileNotFoundError:
        raise InputError(f"{what} {file} does not exist") from None
    except IsADirectoryError:
        raise InputError(f"{what} {file} is a folder; give the file in it") from None
    except UnicodeDecodeError:
        raise InputError(f"{what} {file} is not UTF-8 text") from None
    except OSError as error:
        raise InputError(f"{what} {file} cannot be read: {error.strerror}") from error
    if len(text) > admission.LONGEST:
        raise InputError(f"{what} {file} is longer than {admission.LONGEST} characters")
    return text


def _task(settings: Settings, device: str) -> LanguageTask | CommandTask | OwnTask:
    """Make the task, and load its data."""
    if settings.task is not None:
        _refuse_beside(settings, "--task", (*_OF_PROGRAMS, "data", "context", "windows"))
        return OwnTask.load(settings.task)
    if command.asked(settings):
        return command.from_settings(settings, settings.burst or _COMMAND_SECONDS)
    _refuse_beside(settings, "a program of your own, by --command or --evaluator", _OF_PROGRAMS, only=True)
    usual = language.usual(device, settings.data)
    chosen = LanguageSettings(
        usual.data, settings.context or usual.context, settings.windows or usual.windows
    )
    try:
        return LanguageTask.load(chosen)
    except DataError as error:
        raise InputError(str(error)) from error


def _refuse_beside(settings: Settings, what: str, names: Sequence[str], only: bool = False) -> None:
    """Refuse settings that do not go together with, or only with, something.

    Raises:
        InputError: one of them is given.
    """
    for name in names:
        if getattr(settings, name) not in (None, ()):
            how = f"is for {what}" if only else f"does not go together with {what}"
            raise InputError(f"{flag_of(name)} {how}")


def _choice(settings: Settings, environment: Mapping[str, str], resuming: bool) -> Choice:
    """Choose the models: those that the user names, else the first that can be had."""
    if settings.policy is policies.Name.NUMBERS_ONLY:
        return Choice((), None, "no LLM, since --policy numbers-only asks none", local=False)
    if NO_MODEL in settings.models:
        if len(settings.models) > 1:
            raise InputError("--model none stands alone: it means that no LLM is asked")
        return Choice((), None, "no LLM, since --model none was given", local=False)
    try:
        if settings.models:
            named = tuple(models.parse_model(text, settings.reply) for text in settings.models)
            reach = _answered if resuming else None
            models.check_models(named, settings.api_base, environment, settings.prices, reach)
            local = any(model.name.startswith("local/") for model in named)
            names = ", ".join(model.name for model in named)
            choice = Choice(named, settings.api_base, f"{names}, since the settings say so", local)
        elif settings.api_base is not None:
            raise InputError("--api-base needs a --model: the name that the server knows the model by")
        else:
            choice = models.choose_default(environment)
    except ModelError as error:
        raise InputError(str(error)) from error
    if settings.dollars is not None:
        _check_prices(choice, settings)
    return choice


def _answered(_: str) -> str | None:
    """Take it that somebody answers at an address."""
    return None


def _check_prices(choice: Choice, settings: Settings) -> None:
    """Refuse a budget in dollars that could never be counted."""
    if not choice.models:
        return
    chat = LiteLLM(
        choice.models,
        transcripts=Path(os.devnull),
        record=lambda _: None,
        api_base=choice.api_base,
        prices=settings.prices,
    )
    for model in choice.models:
        if not chat.price_known(model.name):
            raise InputError(
                f"--dollars: no price is known for {model.name}; give one with "
                f"--price {model.name}=INPUT,OUTPUT in dollars per million tokens"
            )


def _completed(
    settings: Settings, task: LanguageTask | CommandTask | OwnTask, choice: Choice, devices: tuple[str, ...]
) -> Settings:
    """Fill in what was left open, so that the saved settings say all."""
    seconds = _CPU_SECONDS if devices[0] == "cpu" else _CUDA_SECONDS
    if isinstance(task, CommandTask):
        seconds = task.seconds
        own: dict[str, object] = {
            "workspace": settings.workspace or settings.seed_file.resolve().parent,
            "variant_file": task.file,
            "copies": tuple(one.name for one in task.files) if settings.copies is None else settings.copies,
            "evaluator": None if settings.evaluator is None else settings.evaluator.resolve(),
        }
    elif isinstance(task, OwnTask):
        own = {"task": f"{task.file}:{task.kind}"}
    else:
        own = {
            "data": None if task.settings.data is None else Path(task.settings.data),
            "context": task.settings.context,
            "windows": task.settings.windows,
        }
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return settings.model_copy(
        update={
            "seed_file": settings.seed_file.resolve(),
            "program": None if settings.program is None else settings.program.resolve(),
            **own,
            "device": devices[0].partition(":")[0],
            "slots": len(devices),
            "burst": settings.burst or (_TOKEN_LIMIT if settings.burst_tokens else seconds),
            "memory_mb": settings.memory_mb or int(0.8 * memory / len(devices)),
            "models": tuple(f"{model.name}:{model.weight:g}" for model in choice.models) or (NO_MODEL,),
            "api_base": choice.api_base,
            "owner": settings.owner or orders.person(),
            "seed": secrets.randbits(31) if settings.seed is None else settings.seed,
            "ahead": settings.ahead or _ahead(settings, seconds, len(devices)),
        }
    )


def _ahead(settings: Settings, seconds: float, slots: int) -> int:
    """Return how many candidates are to be under way: none that could still be chosen later, knowing more.

    Children that are measured whatever they are wait for models meanwhile.
    """
    if not settings.proposals:
        return 2 * slots + 2
    brief = settings.burst_tokens is not None or (settings.burst or seconds) < _BRIEF
    return slots + brief
