"""Folders that were laid out for another system, recognised by what lies in them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_AUTORESEARCH_DATA = "~/.cache/autoresearch"


def recognised(folder: Path) -> Mapping[str, Any] | None:
    """Return the settings that a folder stands for, None when it is nothing known.

    autoresearch (github.com/karpathy/autoresearch): ``train.py`` beside ``prepare.py``, which it imports; it
    prints ``val_bpb:`` and ``peak_vram_mb:`` at its end, and is given up after ten minutes.
    """
    script, fixed = folder / "train.py", folder / "prepare.py"
    if not (script.is_file() and fixed.is_file()):
        return None
    if "val_bpb:" not in script.read_text(encoding="utf-8", errors="replace"):
        return None
    data = [_AUTORESEARCH_DATA] if Path(_AUTORESEARCH_DATA).expanduser().is_dir() else []
    return {
        "seed_file": script,
        "command": f"{shlex.quote(python(folder))} {{file}}",
        "metric": r"^val_bpb:\s*([0-9.eE+-]+|nan|inf)",
        "direction": "minimize",
        "also": ("peak_vram_mb",),
        "copies": (fixed.name, *data),
        "burst": 600.0,
    }


def python(folder: Path) -> str:
    """Return the Python of a folder's own environment, else the one that runs us."""
    own = folder.absolute() / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable
