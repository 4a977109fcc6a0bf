"""The page as one file that needs no server: the same scripts, with the data of a run inside."""

from __future__ import annotations

import json
import re
from typing import Any

from evolve.finding import is_running
from evolve.page import assets
from evolve.page.data import overview
from evolve.page.detail import detail
from evolve.report.terminal import to_json
from population.lineage import children_index
from population.store import Population

HELD = 1000
"""Variants of which the file holds everything: of a larger run, those that a reader asks for most."""

_LINKED = re.compile(r"^<(?:link rel=\"(?:stylesheet|preload)\"|script) .*\n", re.MULTILINE)


def frozen(population: Population) -> str:
    """Return the page of a run as it is now, as HTML."""
    shown = overview(population, is_running(population.folder))
    known = children_index(population.variants.values())
    kept = {name: detail(population, name, known) for name in _asked_for(population, shown["graph"])}
    data = {"runs": [{"overview": {"version": 1, **shown}, "variants": kept}]}
    page = (assets.STATIC / "index.html").read_text(encoding="utf-8")
    head = _LINKED.sub("", page[: page.index("</head>")])
    style = (assets.STATIC / "page.css").read_text(encoding="utf-8")
    rest = page[page.index("</head>") : page.index("</body>")]
    return "".join(
        (
            head,
            f"<style>\n{style}</style>\n",
            rest,
            f'<script type="application/json" id="frozen">{_data(data)}</script>\n',
            f"<script>{_script(assets.plotly().read_text(encoding='utf-8'))}</script>\n",
            f"<script>\n{_script(assets.bundle())}</script>\n",
            "</body>\n</html>\n",
        )
    )


def _data(data: Any) -> str:
    """Return data as JSON that no text in it can end: a ``<`` is written as an escape."""
    compact = json.dumps(json.loads(to_json(data)), separators=(",", ":"))
    return compact.replace("<", "\\u003c")


def _script(text: str) -> str:
    """Return a script that cannot end the element that holds it, nor begin a comment in it."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _asked_for(population: Population, graph: dict[str, Any]) -> list[str]:
    """Return the variants to hold: the champion's descent, then the best, the failed, the latest in turns."""
    names: list[str] = graph["id"]
    if len(names) <= HELD:
        return names
    better = 1 if str(population.meta("direction") or "minimize") == "minimize" else -1
    scored = [n for n, score in enumerate(graph["score"]) if score is not None]
    queues = (
        sorted(scored, key=lambda n: better * graph["score"][n]),
        [n for n, failure in enumerate(graph["failure"]) if failure >= 0][::-1],
        list(range(len(names)))[::-1],
    )
    kept: dict[int, None] = dict.fromkeys(graph["line"])
    for place in range(len(names)):
        for queue in queues:
            if place < len(queue) and len(kept) < HELD:
                kept[queue[place]] = None
    return [names[n] for n in kept]
