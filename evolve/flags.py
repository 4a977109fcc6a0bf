"""The flags of the command line that are settings, and how they are read."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve.errors import InputError
from evolve.settings import FILE, Settings, load


def option(name: str, *flags: str) -> Any:
    """Return the option of a setting, with the setting's own description."""
    return typer.Option(*flags, help=Settings.model_fields[name].description, show_default=False)


Evaluations = Annotated[int | None, option("evaluations")]
Hours = Annotated[float | None, option("hours")]
Dollars = Annotated[float | None, option("dollars")]
Target = Annotated[float | None, option("target")]
Command = Annotated[str | None, option("command")]
Metric = Annotated[str | None, option("metric")]
MetricFile = Annotated[str | None, option("metric_file")]
MetricLine = Annotated[str | None, option("metric_line")]
Evaluator = Annotated[Path | None, option("evaluator")]
Objective = Annotated[str | None, option("objective")]
Direction = Annotated[str | None, option("direction")]
Also = Annotated[list[str] | None, option("also")]
Limit = Annotated[list[str] | None, option("limits", "--limit")]
Copy = Annotated[list[str] | None, option("copies", "--copy")]
Data = Annotated[Path | None, option("data")]
Device = Annotated[str | None, option("device")]
Burst = Annotated[float | None, option("burst", "--burst", "--timeout")]
Slots = Annotated[int | None, option("slots")]
Sandbox = Annotated[str | None, option("sandbox")]
Track = Annotated[list[str] | None, option("track")]
Model = Annotated[list[str] | None, option("models", "--model")]
ApiBase = Annotated[str | None, option("api_base")]
Price = Annotated[
    list[str] | None,
    typer.Option("--price", help="MODEL=INPUT,OUTPUT in dollars per million tokens", show_default=False),
]


def settings(words: Mapping[str, Any]) -> Settings:
    """Put the flags of ``run`` and the settings file together."""
    default = Path(FILE) if Path(FILE).is_file() else None
    return load(Path(words["config"]) if words.get("config") else default, given(words))


def given(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return what flags say, by the names of settings."""
    flags = {name: value for name, value in words.items() if name in Settings.model_fields}
    flags |= {"models": tuple(words.get("model") or ()), "prices": _prices(words.get("price"))}
    flags |= {"track": tuple(name.strip() for text in words.get("track") or () for name in text.split(","))}
    flags |= {"stages": _stages(words.get("stages"))}
    flags |= {"limits": tuple(words.get("limit") or ()), "also": tuple(words.get("also") or ())}
    flags |= {"copies": _copies(words.get("copy"))}
    return flags


def _stages(given: str | None) -> list[float] | None:
    """Read ``--stages``, numbers between commas; ``none`` for no stages."""
    if given is None:
        return None
    try:
        return [float(one) for one in given.split(",")] if given != "none" else []
    except ValueError:
        raise InputError(f"--stages {given}: give numbers such as 0.5,0.75, or none") from None


def _copies(given: list[str] | None) -> tuple[str, ...] | None:
    """Read ``--copy``, which may name several files as a shell would."""
    try:
        return tuple(name for text in given for name in shlex.split(text)) if given else None
    except ValueError as error:
        raise InputError(f"--copy cannot be read as a shell would: {error}") from error


def _prices(given: list[str] | None) -> Mapping[str, tuple[float, float]] | None:
    """Read ``MODEL=INPUT,OUTPUT`` prices."""
    prices = {}
    for text in given or ():
        name, _, numbers = text.rpartition("=")
        try:
            dollars_in, dollars_out = map(float, numbers.split(",") if name else ())
        except ValueError:
            raise InputError(f"--price {text}: write MODEL=INPUT,OUTPUT, such as openai/x=0.5,2") from None
        prices[name] = (dollars_in, dollars_out)
    return prices or None
