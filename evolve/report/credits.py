"""What gains are owed to: structure or numbers, and which numbers matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from evolve.crediting import CREDIT
from evolve.report import figures
from evolve.report.untrusted import one_line
from evolve.tuned import newest_weights
from population.store import Population


def credits_of(population: Population) -> dict[str, Mapping[str, Any]]:
    """Return what is known of each credited variant's gain."""
    return {str(event.data["variant"]): event.data for event in population.events_of(CREDIT)}


def credit_data(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a credit as plain data."""
    return None if found is None else {name: value for name, value in found.items() if name != "variant"}


def credit_text(found: Mapping[str, Any], decimals: int) -> Text:
    """Say what a gain is owed to: ``+0.031: structure +0.024 ± 0.008, numbers +0.007 ± 0.006``."""
    whole = figures.gain(float(found["gain"]), decimals)
    parts = ", ".join(f"{name} {_part(found, name, decimals)}" for name in ("structure", "numbers"))
    return Text(f"{whole}: {parts}")


def weights_text(population: Population, name: str) -> Text | None:
    """Say which of a variant's numbers matter; None before there are enough trials."""
    weights = newest_weights(population, name)
    words = {True: "matters", False: "does not matter", None: "matters little"}
    said = [
        f"{one} {words[found['matters']]} ({100 * found['share']:.0f} %)" for one, found in weights.items()
    ]
    return Text(one_line(", ".join(said))) if said else None


def _part(found: Mapping[str, Any], name: str, decimals: int) -> str:
    """Write one part of a gain, with its error as far as that is known."""
    text, error = figures.gain(float(found[name]), decimals), found[f"{name}_error"]
    return text if error is None else f"{text} ± {figures.score(float(error), decimals)}"
