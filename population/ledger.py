"""What happened and what it cost: LLM calls and events, one record each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One LLM call, paid or not.

    Args:
        model: the model asked, in litellm's spelling.
        operator: the operator that asked.
        outcome: ``ok``, or what went wrong in one word (``timeout``, ``rate-limit``, ``server``,
            ``connection``, ``bad-request``, ``auth``, ``malformed``, ``resting``, ``cancelled``).
        prompt_tokens: tokens sent.
        completion_tokens: tokens received.
        dollars: price of the call; None when no price is known for the model.
        seconds: wall-clock seconds, retries and waits included.
        attempts: how many requests were sent.
        transcript: file name under ``transcripts/``.
        at: unix time of its end, seconds.
    """

    model: str
    operator: str
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    dollars: float | None
    seconds: float
    attempts: int
    transcript: str
    at: float


@dataclass(frozen=True, slots=True)
class Event:
    """One thing worth knowing later: a refusal, a new champion, a migration, a start or a stop.

    Args:
        kind: one word, such as ``refusal``, ``champion``, ``migration``, ``started``, ``stopped``.
        text: one sentence for a person.
        at: unix time, seconds.
        data: further fields, plain JSON.
    """

    kind: str
    text: str
    at: float
    data: Mapping[str, Any] = field(default_factory=dict)
