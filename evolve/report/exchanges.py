"""What a model was asked for a variant, and what it wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from evolve.report import figures
from evolve.report.tables import section
from evolve.report.untrusted import lines, one_line
from population.store import Population
from population.variant import Variant

FOLDER = "transcripts"


def read(population: Population, variant: Variant) -> list[dict[str, Any]]:
    """Return the exchanges that a variant came from, as written; those that are gone are left out."""
    written = ((name, kept(population, name)) for name in variant.transcripts)
    return [{"transcript": name, **one} for name, one in written if one is not None]


def kept(population: Population, name: str) -> dict[str, Any] | None:
    """Return an exchange as it was written, None where it cannot be read."""
    try:
        written = json.loads((population.folder / FOLDER / name).read_bytes())
    except (OSError, ValueError):
        return None
    return written if isinstance(written, dict) else None


def shown(population: Population, variant: Variant) -> Iterator[RenderableType]:
    """Yield each exchange: who was asked, the messages, the reply."""
    for one in read(population, variant):
        usage = one.get("usage") or {}
        sent, back = (int(usage.get(f"{kind}_tokens") or 0) for kind in ("prompt", "completion"))
        dollars = one.get("dollars")
        price = "unknown price" if dollars is None else figures.dollars(float(dollars), 0)
        title = f"asked {one_line(str(one.get('model')))}: {figures.tokens(sent)} tokens, {price}"
        yield from section(title, _messages(one.get("request") or {}))
        reply = _text(str(one.get("response") or one.get("reason") or "nothing"))
        yield from section(f"it wrote {figures.tokens(back)} tokens", reply)


def _messages(request: Any) -> RenderableType:
    """Return the messages of a request."""
    text = Text()
    for message in request.get("messages", ()) if isinstance(request, dict) else ():
        text.append(f"{one_line(str(message.get('role')))}\n", style="bold dim")
        text.append_text(_text(str(message.get("content")))).append("\n")
    return text


def _text(written: str) -> Text:
    """Return what was written, without what could steer a terminal."""
    return Text("\n".join(lines(written)))
