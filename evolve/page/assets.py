"""The files that the page is made of: ours, and plotly's script as its package brings it."""

from __future__ import annotations

import importlib.util
import re
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
    "edges",
    "graph",
    "course",
    "panel",
    "runs",
    "control",
    "source",
    "main",
)
"""The scripts, each after those that it imports."""

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|const) (\w+))", re.MULTILINE)


def plotly() -> Path:
    """Return where plotly's script lies.

    Raises:
        EngineFault: the package is not installed.
    """
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise EngineFault("the page needs plotly, which is not installed: pip install plotly")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


def bundle() -> str:
    """Return our modules as one script, each a function that returns what it exports."""
    made = []
    for name in MODULES:
        text = (STATIC / f"{name}.js").read_text(encoding="utf-8")
        exported = ", ".join(known for _, known in _EXPORT.findall(text))
        body = _EXPORT.sub(r"\1", _IMPORT.sub(r"const \1 = $\2;", text))
        made.append(f"const ${name} = (() => {{\n{body}return {{ {exported} }};\n}})();\n")
    return '"use strict";\n' + "".join(made)
