"""Each exchange with a model as one file, whole, and without a key in it."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from population.disk import sync_folder, write_all

SECRET_NAMES = ("_API_KEY", "_TOKEN", "_SECRET")
SHORTEST_SECRET = 6  # a shorter value is a switch such as "1" or "true", and stands in any text
HIDDEN = "[hidden]"

_KEY_SHAPES = re.compile(
    r"\b(?:sk-|gsk_|xai-|pplx-|hf_|ghp_|AIza)[A-Za-z0-9_\-*.]{8,}"
    r"|(?<=://)[^/@\s]+(?=@)"  # user:password@ in an address
    r"|(?<=Bearer )\S{8,}"
)


def scrub(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` without the values of secret variables and without whatever looks like a key."""
    return _hidden(text, tuple(secrets_of(environment)))


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """List the values of variables named as secrets, longest first."""
    names = [name for name in environment if name.endswith(SECRET_NAMES)]
    values = {value for name in names if len(value := environment[name]) >= SHORTEST_SECRET}
    return sorted(values, key=len, reverse=True)


def scrubbed(value: Any, environment: Mapping[str, str]) -> Any:
    """Return plain JSON with each string in it scrubbed."""
    return _all_hidden(value, tuple(secrets_of(environment)))


@functools.lru_cache(maxsize=256)  # a prompt goes by three times: in its question, its stub and its receipt
def _hidden(text: str, secrets: tuple[str, ...]) -> str:
    for value in secrets:
        text = text.replace(value, HIDDEN)
    return _KEY_SHAPES.sub(HIDDEN, text)


def _all_hidden(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _hidden(value, secrets)
    if isinstance(value, Mapping):
        return {_hidden(str(k), secrets): _all_hidden(v, secrets) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_all_hidden(part, secrets) for part in value]
    return value


def write_transcript(
    folder: Path, name: str, exchange: Mapping[str, Any], environment: Mapping[str, str]
) -> None:
    """Write ``exchange`` as ``folder/name``, readable by its owner only; whole or not at all, and for good.

    Args:
        folder: made when missing.
        name: file name.
        exchange: plain JSON; scrubbed here, on its way to the disk.
        environment: variables whose secrets must not be written.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(folder.parent)
    text = json.dumps(scrubbed(exchange, environment), indent=1, ensure_ascii=False)
    draft = folder / f".draft-{name}"
    try:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            write_all(file, text.encode("utf-8", "backslashreplace"), 0)
            os.fsync(file)
        finally:
            os.close(file)
        draft.replace(folder / name)
        sync_folder(folder)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
