"""What happened and what it cost: LLM calls and events, one record each."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self


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
class Paid:
    """What LLM calls came to.

    Args:
        calls: how many there were.
        dollars: of those whose price is known.
        unpriced: how many have no known price.
    """

    calls: int = 0
    dollars: float = 0.0
    unpriced: int = 0

    @classmethod
    def of(cls, calls: Iterable[Call]) -> Self:
        """Return what these calls came to."""
        return functools.reduce(cls.plus, calls, cls())

    def plus(self, call: Call) -> Self:
        """Return what they come to with one more."""
        return replace(
            self,
            calls=self.calls + 1,
            dollars=self.dollars + (call.dollars or 0.0),
            unpriced=self.unpriced + (call.dollars is None),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One thing worth knowing later: a refusal, a new champion, a lineage that is founded, a start or a stop.

    Args:
        kind: one word, such as ``refusal``, ``champion``, ``founded``, ``started``, ``stopped``.
        text: one sentence for a person.
        at: unix time, seconds.
        data: further fields, plain JSON.
    """

    kind: str
    text: str
    at: float
    data: Mapping[str, Any] = field(default_factory=dict)
