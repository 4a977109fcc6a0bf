"""The seam to a language model: what an operator asks, and the three things that come back."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.random import Generator


class ReplyForm(enum.StrEnum):
    """How a model is asked to write its edit."""

    DIFF = "diff"  # SEARCH/REPLACE blocks
    WHOLE = "whole"  # the whole file in one code fence
    JSON = "json"  # a choice bound by a JSON schema, for small models


@dataclass(frozen=True, slots=True)
class Model:
    """A model that may be asked.

    Args:
        name: in litellm's spelling, such as ``openai/gpt-x`` or ``local/smollm2``.
        weight: its share among the models, relative to the others'.
        form: how it is asked to write its edit.
        small: it gets short prompts.
    """

    name: str
    weight: float
    form: ReplyForm
    small: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """What an operator asks.

    Args:
        messages: ``(role, content)`` pairs; the parts that never change come first, so that a server
            can cache them.
        operator: name of the operator that asks, for the transcript.
        form: the form of the reply.
        schema: JSON schema of the reply for ``ReplyForm.JSON``, else None.
        temperature: sampling temperature.
        number: number of the birth that it is for; names the exchange, so that it is found again after
            the engine was killed. None for an exchange that nobody comes back to.
    """

    messages: tuple[tuple[str, str], ...]
    operator: str
    form: ReplyForm
    schema: Mapping[str, Any] | None = None
    temperature: float = 0.8
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, what that cost, and the file name of the exchange under ``transcripts/``."""

    text: str
    model: str
    dollars: float = 0.0
    transcript: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Silence:
    """The model could not be asked or did not answer; why, in one sentence."""

    reason: str
    model: str
    dollars: float = 0.0


class Chat(Protocol):
    """Whoever can be asked. A model that does not answer is data (``Silence``), not an exception."""

    def pick(self, rng: Generator) -> Model:
        """Choose a model by weight."""

    def rest(self, model: str) -> float | None:
        """Return for how many seconds more a model of this name is left alone, None when it may be asked."""

    async def complete(self, model: Model, ask: Ask) -> Reply | Silence:
        """Ask ``model`` and return what it wrote, or why it wrote nothing."""
