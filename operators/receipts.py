"""What an exchange with a model leaves on the disk: what was said, and what it cost or may have cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from operators.chat import Ask, Model, Reply, Silence
from operators.transcripts import scrubbed, write_transcript
from population.ledger import Call

CANCELLED = "cancelled"
LOST = "the engine was killed while this request was under way; it may have been billed"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A request that may have been billed although no answer to it was read.

    Args:
        model: the model asked.
        prompt_tokens: about how many tokens were sent.
    """

    model: str
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens that an answer counts."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """One exchange, as its transcript holds it.

    A receipt without an outcome is a stub: it was written before a request was sent, which is among its
    doubts and not yet among its attempts. Where a stub is left, the engine was killed.

    Args:
        model: the model asked.
        operator: the operator that asked.
        asked: digest of the question (see ``question_digest``).
        request: what litellm was asked with, without the key.
        attempts: the requests in order: when, how long, what went wrong.
        doubts: requests that may have been billed although no answer was read.
        at: unix time of its end; of a stub, of the request.
        outcome: as in ``Call``; None while requests are under way.
        reason: why there is no reply.
        response: what the model wrote.
        finish_reason: why it stopped writing.
        usage: tokens of the answer.
        dollars: price with all doubts; None when it is not known.
        seconds: wall-clock seconds.
    """

    model: str
    operator: str
    asked: str
    request: Mapping[str, Any]
    attempts: tuple[Mapping[str, Any], ...]
    doubts: tuple[Doubt, ...]
    at: float
    outcome: str | None = None
    reason: str = ""
    response: str | None = None
    finish_reason: str | None = None
    usage: Usage = Usage()
    dollars: float | None = None
    seconds: float = 0.0

    def call(self, name: str) -> Call:
        """Return the record of a finished exchange whose transcript is ``name``."""
        return Call(
            model=self.model,
            operator=self.operator,
            outcome=self.outcome or CANCELLED,
            prompt_tokens=self.usage.prompt_tokens,
            completion_tokens=self.usage.completion_tokens,
            dollars=self.dollars,
            seconds=self.seconds,
            attempts=len(self.attempts),
            transcript=name,
            at=self.at,
        )

    def given_up(self, dollars: float | None) -> Receipt:
        """Return the receipt of a stub that nobody asks again, at what it may have cost."""
        attempts = (*self.attempts, _lost(self.at, LOST))
        return replace(self, outcome=CANCELLED, reason=LOST, attempts=attempts, dollars=dollars)

    def said(self, name: str) -> Reply | Silence:
        """Return what came of a finished exchange whose transcript is ``name``."""
        if self.outcome == "ok":
            return Reply(self.response or "", self.model, self.dollars or 0.0, name)
        return Silence(f"{self.model}: {self.reason}", self.model, self.dollars or 0.0)


@dataclass(slots=True)
class Exchange:
    """One exchange under way: filled in attempt by attempt, closed once.

    Args:
        model: who is asked.
        ask: what.
        asked: digest of both.
        started: seconds of the monotonic clock.
        name: file name of its receipt.
        kept: a receipt of this name is on the disk, or has to be.
        dollars: price of the answer alone.
        doubts: as in ``Receipt``.
    """

    model: Model
    ask: Ask
    asked: str
    started: float
    name: str = ""
    kept: bool = False
    params: dict[str, Any] = field(default_factory=dict)
    outcome: str = CANCELLED
    reason: str = ""
    text: str | None = None
    finish: str | None = None
    tokens: tuple[int, int] = (0, 0)
    dollars: float | None = 0.0
    doubts: list[Doubt] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def doubt(self) -> Doubt:
        """Return what one request of this exchange may have been billed for."""
        length = sum(len(content) for _, content in self.ask.messages)
        return Doubt(self.model.name, length // 3)  # about 3 characters a token

    def take_over(self, name: str, left: Receipt | None, now: float) -> None:
        """Owe what an exchange that was killed may have cost; ``left`` is its stub, None if unreadable."""
        self.kept = True
        if left is None:  # the file stays as it is, for a person to look at
            self.doubts = [self.doubt()]
            self.attempts = [_lost(now, f"{name} cannot be read; its request may have been billed")]
        else:
            self.name, self.params = name, dict(left.request)
            self.doubts = list(left.doubts)
            self.attempts = [*map(dict, left.attempts), _lost(left.at, LOST)]

    def stub(self, at: float) -> Receipt:
        """Return what has to be on the disk before one more request is sent."""
        return Receipt(
            model=self.model.name,
            operator=self.ask.operator,
            asked=self.asked,
            request={key: value for key, value in self.params.items() if key != "api_key"},
            attempts=tuple(self.attempts),
            doubts=(*self.doubts, self.doubt()),
            at=at,
        )

    def receipt(self, at: float, seconds: float, dollars: float | None) -> Receipt:
        """Return the receipt of an exchange that has ended; ``dollars`` is its price with all doubts."""
        return replace(
            self.stub(at),
            doubts=tuple(self.doubts),
            outcome=self.outcome,
            reason=self.reason,
            response=self.text,
            finish_reason=self.finish,
            usage=Usage(*self.tokens),
            dollars=dollars,
            seconds=seconds,
        )


class Receipts:
    """The receipts of a run: one file for each exchange, found again by the number of the birth.

    Args:
        folder: made when missing.
        environment: variables whose secrets must not be written.
        recorded: says whether a ``Call`` with this transcript is on record.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], recorded: Callable[[str], bool]) -> None:
        self._folder, self._environment = folder, environment
        self.recorded = recorded

    def places(self, number: int, operator: str) -> tuple[str | None, str]:
        """Return the name of a birth's latest receipt, None when it has none, and the next free one.

        A name on record is taken even when its file is gone: no two calls have the same transcript.
        """
        latest = None
        for name in _names(number, operator):
            if not (self.recorded(name) or (self._folder / name).exists()):
                return latest, name
            latest = name
        raise AssertionError("names do not end")

    def read(self, name: str) -> Receipt | None:
        """Return what a file holds, None when that is no receipt."""
        try:
            written = json.loads((self._folder / name).read_bytes())  # msgspec's own refuses lone surrogates
            return msgspec.convert(written, Receipt)
        except (OSError, ValueError):
            return None

    def write(self, name: str, receipt: Receipt) -> None:
        """Put a receipt in the place of the one of this name, for good once this returns.

        Raises:
            OSError: the disk does not take it.
        """
        write_transcript(self._folder, name, msgspec.to_builtins(receipt), self._environment)

    def unrecorded(self) -> Iterator[tuple[str, Receipt]]:
        """Yield each receipt without a ``Call``, and its name; what cannot be read is left out."""
        for name in sorted(path.name for path in self._folder.glob("*.json")):
            if not self.recorded(name) and (receipt := self.read(name)) is not None:
                yield name, receipt


def question_digest(model: str, messages: tuple[tuple[str, str], ...], environment: Mapping[str, str]) -> str:
    """Return a digest of who is asked and what, scrubbed as on the disk, so that it tells nothing of keys."""
    question = json.dumps(scrubbed([model, messages], environment))
    return hashlib.sha256(question.encode()).hexdigest()


def _lost(at: float, why: str) -> dict[str, Any]:
    """Return the attempt of which nobody knows the end."""
    return {"at": at, "error": why, "outcome": "lost"}


def _names(number: int, operator: str) -> Iterator[str]:
    """Yield the names of a birth's exchanges, without end."""
    stem = f"{number:06d}-{operator}"
    yield f"{stem}.json"
    further = 2
    while True:
        yield f"{stem}-{further}.json"
        further += 1
