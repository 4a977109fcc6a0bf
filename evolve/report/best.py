"""The champion and its source."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from evolve.errors import EvolveError
from evolve.report import figures
from evolve.report.standing import champion, labelled, standing, standing_data
from evolve.report.terminal import plain_dict
from evolve.report.untrusted import one_line
from evolve.report.verified import verified_data, verified_line
from population.store import Population
from population.variant import Variant


def best(population: Population) -> tuple[Variant, str]:
    """Return the champion and its source.

    Raises:
        EvolveError: nothing has a score yet.
    """
    variant = champion(population)
    if variant is None:
        raise EvolveError("this run has no champion yet: no variant has a score")
    return variant, population.source(variant.digest)


def best_line(population: Population) -> RenderableType:
    """Return one line on the champion: its score, its gain over the seed, its hypothesis; and its proof."""
    now = standing(population)
    decimals = figures.places(population.noise())
    text = Text(no_wrap=True, overflow="ellipsis")
    if now.champion is None:
        return Text("no champion yet: no variant has a score")
    text.append(f"★ {now.champion.id}", style="bold yellow")
    if now.best is not None:
        text.append(f"  {labelled(population)} {figures.estimate(now.best, decimals)}")
    if now.gain is not None and now.probability is not None:
        text.append(f"  {figures.gain(now.gain, decimals)} over the seed", style="green")
    text.append(f"  {one_line(now.champion.hypothesis)}")
    proof = verified_line(population)
    return Group(text, *([proof] if proof else []))  # a bare text would be wrapped


def best_data(population: Population) -> dict[str, Any]:
    """Return the champion and its source as plain data.

    Raises:
        EvolveError: nothing has a score yet.
    """
    variant, source = best(population)
    data: dict[str, Any] = {
        **standing_data(standing(population)),
        "variant": dataclasses.asdict(variant),
        "source": source,
        "verified": verified_data(population),
    }
    return plain_dict(data)
