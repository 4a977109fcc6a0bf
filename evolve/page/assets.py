"""The files that the page is made of: ours, and plotly's script as its package brings it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from evolve.errors import EngineFault

STATIC = Path(__file__).parent / "static"
MODULES = (
    "dom",
    "theme",
    "charts",
    "cards",
    "tables",
    "variants",
    "graph",
    "course",
    "panel",
    "runs",
    "source",
    "main",
)
"""The scripts, each after those that it imports."""


def plotly() -> Path:
    """Return where plotly's script lies.

    Raises:
        EngineFault: the package is not installed.
    """
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise EngineFault("the page needs plotly, which is not installed: pip install plotly")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"
