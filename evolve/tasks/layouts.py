"""Folders that were laid out for another system, recognised by what lies in them."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evolve.errors import InputError

_AUTORESEARCH_DATA = "~/.cache/autoresearch"
_EVALUATORS = ("evaluator.py", "evaluate.py")  # of OpenEvolve, of ShinkaEvolve
_PROGRAMS = ("initial_program", "initial", "program")  # stems of what they begin with
_MARK = "EVOLVE-BLOCK-START"
_CONFIGS = ("config.yaml", "config.yml")
_OPENAI = "https://api.openai.com/v1"
_MOST = 40  # notes


@dataclass(frozen=True, slots=True)
class Layout:
    """What a folder stands for.

    Args:
        settings: in our words.
        notes: what of it is not honoured, a line each.
    """

    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def recognised(folder: Path) -> Layout | None:
    """Return what a folder stands for, None when it is nothing known.

    Raises:
        InputError: its config.yaml cannot be read.
    """
    return _autoresearch(folder) or _evaluated(folder)


def _autoresearch(folder: Path) -> Layout | None:
    """Recognise autoresearch (github.com/karpathy/autoresearch).

    It has ``train.py``, which prints ``val_bpb:`` and ``peak_vram_mb:`` at its end and is given up after ten
    minutes, beside ``prepare.py``, which it imports.
    """
    script, fixed = folder / "train.py", folder / "prepare.py"
    if not (script.is_file() and fixed.is_file() and "val_bpb:" in _text(script)):
        return None
    data = [_AUTORESEARCH_DATA] if Path(_AUTORESEARCH_DATA).expanduser().is_dir() else []
    return Layout(
        {
            "seed_file": script,
            "command": f"{shlex.quote(python(folder))} {{file}}",
            "metric": r"^val_bpb:\s*([0-9.eE+-]+|nan|inf)",
            "direction": "minimize",
            "also": ("peak_vram_mb",),
            "copies": (fixed.name, *data),
            "burst": 600.0,
        }
    )


def _evaluated(folder: Path) -> Layout | None:
    """Recognise an initial program beside ``evaluator.py`` or ``evaluate.py``."""
    evaluator = next((folder / name for name in _EVALUATORS if (folder / name).is_file()), None)
    program = None if evaluator is None else _program(folder, evaluator)
    if evaluator is None or program is None:
        return None
    config = next((folder / name for name in _CONFIGS if (folder / name).is_file()), None)
    defaults = Layout({}) if config is None else configured(config)
    return Layout({"seed_file": program, "evaluator": evaluator} | dict(defaults.settings), defaults.notes)


def _program(folder: Path, evaluator: Path) -> Path | None:
    """Return the initial program: by its name, or the only one with a mark of what may change."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path != evaluator)
    for stem in _PROGRAMS:
        if named := [path for path in files if path.stem == stem]:
            return named[0]
    marked = [path for path in files if path.stat().st_size < 1 << 20 and _MARK in _text(path)]
    return marked[0] if len(marked) == 1 else None


def configured(file: Path) -> Layout:
    """Return what a config.yaml of OpenEvolve says in our words: model, address, iterations, and the like.

    Raises:
        InputError: it is no YAML, or no mapping.
    """
    try:
        read = yaml.safe_load(_text(file))
        given = dict(_leaves(read)) if isinstance(read, dict) else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = str(error).replace("\n", " ")
        raise InputError(f"{file} is no YAML that can be used: {where}") from error
    if read is None:
        return Layout({})
    if not isinstance(read, dict):
        raise InputError(f"{file} holds no settings: it is no mapping")
    found, used = {}, set()
    for key, (name, kind) in _KNOWN.items():
        value = given.get(key)
        if isinstance(value, kind) and not isinstance(value, bool):
            used.add(key)
            found[name] = value
    if found.get("api_base") == _OPENAI:
        del found["api_base"]
    if given.get("evaluator.cascade_evaluation") is False:
        found["stages"] = ()
    elif isinstance(stages := given.get("evaluator.cascade_thresholds"), list):
        found["stages"] = tuple(stages)
    used |= {"evaluator.cascade_evaluation", "evaluator.cascade_thresholds"} & given.keys()
    try:
        models, named = _models(given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{file}: a model's weight is no number: {error}") from error
    if models:
        found["models"] = models
        used |= named
    unused = [f"{file.name}: {key} is not honoured" for key in given if key not in used]
    return Layout(found, tuple(unused[:_MOST]))


_KNOWN: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "max_iterations": ("evaluations", int),
    "random_seed": ("seed", int),
    "llm.api_base": ("api_base", str),
    "llm.timeout": ("llm_timeout", (int, float)),
    "prompt.system_message": ("about", str),
    "evaluator.timeout": ("burst", (int, float)),
}
"""Settings of a config.yaml of OpenEvolve 0.4.0, what they are called here, and what they must be."""


def _models(given: Mapping[str, Any]) -> tuple[tuple[str, ...], set[str]]:
    """Return the models that a config names, with their weights, and the keys that say so."""
    listed = given.get("llm.models")
    if isinstance(listed, list) and all(isinstance(one, dict) and one.get("name") for one in listed):
        weights = [(str(one["name"]), _weight(one.get("weight"))) for one in listed]
        return tuple(f"{_model(name)}:{weight:g}" for name, weight in weights if weight > 0), {"llm.models"}
    found, used = [], set()
    for which in ("primary", "secondary"):
        name, weight = given.get(f"llm.{which}_model"), _weight(given.get(f"llm.{which}_model_weight"))
        if isinstance(name, str) and name and weight > 0:
            found.append(f"{_model(name)}:{weight:g}")
            used |= {f"llm.{which}_model", f"llm.{which}_model_weight"}
    return tuple(found), used


def _weight(value: Any) -> float:
    """Return a weight, 1 where none is given (TypeError, ValueError when it is no number)."""
    weight = 1.0 if value is None else float(value)
    if not math.isfinite(weight):
        raise ValueError(f"{weight}")
    return weight


def _model(name: str) -> str:
    """Return a model's name as litellm knows it: theirs speak to servers as OpenAI does."""
    return name if name.startswith("openai/") else f"openai/{name}"


def _leaves(read: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting by its dotted key."""
    for key, value in read.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def python(folder: Path) -> str:
    """Return the Python of a folder's own environment, else the one that runs us."""
    own = folder.absolute() / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable
