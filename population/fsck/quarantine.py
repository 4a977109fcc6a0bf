"""Where a repair puts what it takes out of a run: ``quarantine.jsonl``, one JSON line each."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from population.database import encode
from population.disk import refused, sync_folder

FILE = "quarantine.jsonl"


@dataclass(frozen=True, slots=True)
class Taken:
    """Something that is taken out, or gives way to something else.

    Args:
        file: where it was, below the run folder.
        why: the reason, as a sentence.
        raw: reads it; the bytes as they were.
        place: where in the file: ``line`` and ``offset``, or ``table`` and ``id``.
    """

    file: str
    why: str
    raw: Callable[[], bytes]
    place: Mapping[str, int | str] = field(default_factory=dict)


def keep(folder: Path, taken: Iterable[Taken], when: str) -> None:
    """Append what is taken out to the quarantine of a run, on the disk before returning.

    A line holds when, why, where, and ``raw``, the text as it was; or ``base64`` where that is no UTF-8.

    Raises:
        StoreFull, StoreFailed: the disk did not take it; there may be a part of it.
    """
    path = folder / FILE
    try:
        with path.open("ab+") as file:
            if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                file.write(b"\n")  # a line that was cut short ends here
            for one in taken:
                where = {"file": one.file, **one.place}
                line = {"when": when, "why": one.why, "where": where, **_raw(one.raw())}
                file.write(encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    except OSError as error:
        raise refused(path, "nothing was repaired", error) from error


def _raw(data: bytes) -> dict[str, Any]:
    try:
        return {"raw": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
