"""Which tasks there are, by the name in their spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolve.tasks.language import LanguageTask
from evolve.tasks.own import OwnTask
from evolve.tasks.task import Scorable

_TASKS: Mapping[str, type[LanguageTask | OwnTask]] = {one.name: one for one in (LanguageTask, OwnTask)}


def from_spec(spec: Mapping[str, Any]) -> Scorable:
    """Rebuild a task from its ``to_spec()``, holding what answers are scored on."""
    return _TASKS[spec["task"]].from_spec(spec)
