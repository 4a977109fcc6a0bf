"""Which tasks there are, by the name in their spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolve.tasks.language import LanguageTask
from evolve.tasks.task import Task

_TASKS = {LanguageTask.name: LanguageTask}


def from_spec(spec: Mapping[str, Any]) -> Task:
    """Rebuild a task from its ``to_spec()``, holding what answers are scored on."""
    return _TASKS[spec["task"]].from_spec(spec)
