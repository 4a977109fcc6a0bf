"""The settings of a run: one frozen model for ``evolve.toml`` and the command line's flags."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from evolve.errors import InputError
from evolve.policies import Name

FILE = "evolve.toml"


def _writable(path: Path) -> Path:
    """Refuse a path that TOML cannot hold."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError("the name is not UTF-8; rename it, or go by a link") from None
    return path


def _thousandths(share: float) -> float:
    """Round a share to what budgets count in."""
    return round(share, 3)


File = Annotated[Path, AfterValidator(_writable)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_FLAGS = {
    "seed_file": "SEED",
    "models": "--model",
    "prices": "--price",
    "copies": "--copy",
    "limits": "--limit",
}
"""Those that are called otherwise than the setting."""


class Settings(BaseModel):
    """Everything that a person can set. A flag wins over the file; None means: chosen at the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # what is searched
    seed_file: File = Field(Path("train.py"), description="the seed variant")
    data: File | None = Field(None, description="text file or folder; default: Python's own library sources")
    program: File | None = Field(None, description="directions for the LLM, in your own words")
    context: Annotated[int, Field(ge=8)] | None = Field(None, description="bytes that the model sees at once")
    windows: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="validation windows that a score is read from"
    )

    task: str | None = Field(None, description="FILE or FILE:CLASS, a task of your own; see docs/tasks.md")

    # a program of your own
    command: str | None = Field(
        None, description="how your own program is run, {file} standing for its file; it says its own score"
    )
    metric: str | None = Field(
        None, description="regular expression with one group: the score in what the command prints"
    )
    metric_file: str | None = Field(
        None, description="FILE:KEY, a JSON file that the command writes, and where the score is in it"
    )
    metric_line: str | None = Field(
        None, description="KEY of the score in the last line printed that is a JSON object"
    )
    evaluator: File | None = Field(
        None, description="file that evaluates a program, as of OpenEvolve or ShinkaEvolve; no command then"
    )
    objective: str | None = Field(
        None, description="which number of the evaluator's counts; default: combined_score"
    )
    stages: tuple[Finite, ...] | None = Field(
        None,
        description="what each stage of the evaluator is passed by; default: 0.5, 0.75, 0.9; []: no stages",
    )
    direction: Literal["minimize", "maximize"] | None = Field(
        None, description="which way the score is better; an evaluator's: maximize"
    )
    about: str | None = Field(None, description="what the program is for, in words for the LLM")
    also: tuple[str, ...] = Field((), description="further numbers of the command that are kept and shown")
    limits: tuple[str, ...] = Field(
        (),
        description="limits on such numbers, NAME<=NUMBER or NAME>=NUMBER; a program that exceeds one fails",
    )
    copies: tuple[str, ...] | None = Field(
        None, description="what the command finds beside its file, read-only; default: all that lies there"
    )
    workspace: File | None = Field(None, description="folder that this lies in; default: the seed's")
    variant_file: str | None = Field(
        None, description="what a variant's file is called there; default: as the seed's"
    )

    mark: bool = Field(True, description="put `# tune:` marks on the numbers of a seed variant that has none")

    # bursts
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where bursts run")
    burst: Annotated[Positive, Field(le=86_400)] | None = Field(
        None,
        description="seconds of training in a burst; 20 on CPU (of CPU time), 300 on CUDA; "
        "of a command: of wall clock, until it is ended; 600",
    )
    burst_tokens: Count | None = Field(None, description="tokens of training in a burst, instead of seconds")
    slots: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="bursts at once; default: cores, or GPUs"
    )
    memory_mb: Count | None = Field(
        None, description="memory of one burst; default: 80 % of RAM over the slots"
    )

    sandbox: Literal["auto", "strict", "L0", "L1", "L2", "L3"] = Field(
        "auto", description="confinement of bursts: auto, strict (L1 or refuse), or just this level"
    )
    vram_mb: Count | None = Field(
        None, description="GPU memory of one burst, where each slot has its own; default: what the GPU has"
    )

    # budgets
    evaluations: Count | None = Field(None, description="stop after so many bursts")
    hours: Positive | None = Field(None, description="stop after so many hours")
    dollars: Positive | None = Field(None, description="stop after so many dollars of LLM calls")
    target: Finite | None = Field(None, description="stop when the champion's score is this good")
    grace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        30.0, description="seconds that Ctrl-C leaves running bursts"
    )

    # the person
    owner: str | None = Field(None, description="who is responsible for the run; default: as git knows you")
    approve: Literal["none", "champion"] = Field(
        "none", description="champion: a new champion waits until a person approves of it"
    )
    track: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = Field(
        (), description="where else the search is shown: tensorboard, mlflow, wandb"
    )

    # models
    models: tuple[str, ...] = Field((), description="litellm model names, each with an optional :weight")
    api_base: str | None = Field(None, description="address of an OpenAI-compatible server")
    reply: Literal["auto", "diff", "whole", "json"] = Field("auto", description="form of the LLM's replies")
    prices: Mapping[str, tuple[Price, Price]] = Field(
        {}, description="dollars per million prompt and completion tokens, by model"
    )
    llm_timeout: Positive = Field(180.0, description="seconds for one LLM request")
    llm_parallel: Count = Field(8, description="LLM calls at once")
    llm_threads: Count = Field(1, description="threads of the local LLM")
    llm_nice: Annotated[int, Field(ge=0, le=19)] = Field(10, description="niceness of the local LLM")

    dollar_per_gpu_hour: Price = Field(
        2.0, description="what an hour of a slot costs, to weigh bursts against LLM calls"
    )

    # search
    policy: Name = Field(
        Name.EVOLVE, description="evolve, or a baseline: greedy, best-of-n, random, numbers-only"
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = Field(None, description="seed of every choice")
    trials: Annotated[int, Field(ge=0)] = Field(4, description="Optuna trials of one tuning; 0: no tuning")
    adaptive: bool = Field(
        True, description="let operators, models and reply forms have children as they pay; else by prior"
    )
    merge: Annotated[float, Field(ge=0, le=100)] = Field(
        0.4, description="prior weight of merges of two lineages beside a model's 1; 0: none"
    )
    hunks: bool = Field(
        True, description="show a crossover's LLM what its parents changed since their common ancestor"
    )
    islands: Annotated[int, Field(ge=1, le=100)] = Field(2, description="lineages at the start")
    patience: Annotated[int, Field(ge=0)] = Field(
        30, description="children without a gain after which a lineage is given up for a new one; 0: never"
    )
    stagnation: Annotated[int, Field(ge=0)] = Field(
        20, description="children without any gain after which the LLM is asked for something else; 0: never"
    )
    proposals: Annotated[float, Field(ge=0, le=100)] = Field(
        3.0, description="children proposed for each that is measured, the most promising; 0: measure each"
    )
    explored: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="share of those measured that is drawn from all proposals alike"
    )
    together: Count = Field(3, description="ideas put together in one child at most; 1: each by itself")
    pooled: bool = Field(True, description="judge variants by all that was measured of their relatives")
    selection: Literal["epsilon", "tournament"] = Field("tournament", description="how parents are chosen")
    epsilon: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="share of parents drawn from all alike, where selection is epsilon"
    )
    tournament: Count = Field(4, description="variants in a tournament")
    pressure: Annotated[float, Field(gt=0.5, le=1)] = Field(0.9, description="chance that its best one wins")
    ahead: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="candidates under way at once; default: slots, one more where bursts are short"
    )
    seed_replicates: Count = Field(6, description="bursts of the seed variant that measure the noise")
    replicates: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="share of bursts that may re-measure contenders"
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95, description="P(better than the champion) that a new champion needs"
    )
    rung: Annotated[float, Field(ge=0, lt=1), AfterValidator(_thousandths)] = Field(
        0.0, description="share of a full burst that a new child gets first; 0: none"
    )
    reduction: Annotated[int, Field(ge=2, le=100)] = Field(
        3, description="one in so many children goes on from there to a full burst"
    )
    early_stop: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="standard deviations that a learning curve may be worse than the champion's; 0: any"
    )
    control: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="share of bursts that may tell what a champion owes to its numbers; 0: none"
    )

    # memory
    remember: bool = Field(
        True, description="remember ideas: refuse those that failed twice, tell prompts of them"
    )
    retest: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="chance that an idea that failed twice is tested again; 1: refuse none"
    )
    lessons_every: Annotated[int, Field(ge=0)] = Field(
        25, description="children between two looks back that write lessons.md; 0: never"
    )


def flag_of(name: str) -> str:
    """Return what a setting is called on the command line."""
    return _FLAGS.get(name, "--" + name.replace("_", "-"))


def load(file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Put the file's settings and the flags together; flags win.

    Raises:
        InputError: the file cannot be read, or a setting is unknown or out of range.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values = _read(file)
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    where = {name: str(file) for name in values} | {name: flag_of(name) for name in given}
    try:
        return Settings(**(values | given))
    except ValidationError as error:
        raise InputError(_sentence(error, where)) from error


def _read(file: Path) -> dict[str, Any]:
    """Read a TOML file; paths in it are relative to its folder."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read the settings file {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not valid TOML: {error}") from error
    for name in ("seed_file", "data", "program", "workspace", "evaluator"):
        if isinstance(values.get(name), str):
            values[name] = file.parent / values[name]
    return values


def _sentence(error: ValidationError, where: Mapping[str, str]) -> str:
    """Say the first thing wrong in one sentence."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "the settings"
    source = where.get(name, name)
    if first["type"] == "extra_forbidden":
        return f"{source}: there is no setting {name!r}; docs/settings.md lists them all"
    message = first["msg"].removeprefix("Value error, ")
    value = str(first["input"]) if isinstance(first["input"], Path) else first["input"]
    return f"{source}: {name} = {value!r}: {message[0].lower()}{message[1:]}"


def dump(settings: Settings) -> str:
    """Return the settings as TOML; what was not set stands as a comment."""
    lines = []
    for name, field in Settings.model_fields.items():
        value = settings.model_dump(mode="json")[name]
        text = f"# {name} =" if value is None else f"{name} = {_toml(value)}"
        lines.append(f"{text:<40} # {field.description}")
    return "\n".join(lines) + "\n"


def differing(settings: Settings) -> dict[str, str]:
    """Return the settings that are not the defaults, for other people's eyes.

    Of a path, that is its last part; of an address, neither name nor password.
    """
    found = {name: getattr(settings, name) for name in Settings.model_fields}
    return {
        name: _shown(value) for name, value in found.items() if value != Settings.model_fields[name].default
    }


def _shown(value: Any) -> str:
    """Write a setting in words."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    text = str(value)
    if "://" in text and (parts := urlsplit(text)).netloc:
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return text


def _toml(value: Any) -> str:
    """Write a JSON-like value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # TOML knows no surrogate pairs, so letters beyond ASCII stand as they are; it wants DEL escaped
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
