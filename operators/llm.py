"""Asks language models through litellm: retries, rests, costs, receipts. The only import of litellm."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import importlib
import itertools
import json
import logging
import os
import time
import warnings
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.random import Generator

from operators.addresses import is_loopback
from operators.breaker import Breaker
from operators.chat import Ask, Model, Reply, ReplyForm, Silence
from operators.faults import Fault, classify
from operators.receipts import CANCELLED, Doubt, Exchange, Receipt, Receipts, question_digest
from operators.transcripts import scrub
from population.ledger import Call

Prices = Mapping[str, tuple[float, float]]
"""Dollars per million prompt tokens and per million completion tokens, by model name."""

SMALL_REPLY = 512  # tokens; a small model that rambles inside its JSON is stopped here
GUESSED_REPLY = 1000  # tokens charged for a request that may have been billed, before any answer was seen


@functools.cache
def load() -> ModuleType:
    """Import litellm (about 4 s) and make it quiet: no telemetry, no price download, no debug prints."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    around = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    os.environ["no_proxy"] = ",".join(filter(None, [around, "127.0.0.1,localhost,::1"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its dependencies deprecate is no concern of ours
        litellm: Any = importlib.import_module("litellm")
        litellm.ModelResponse(
            choices=[{"message": {"role": "assistant", "content": ""}}]
        )  # builds its schemas
        importlib.import_module("openai.resources")  # half a second, which would fall on the first call
    litellm.telemetry = False
    litellm.drop_params = True  # a model that takes no temperature is asked without one
    litellm.suppress_debug_info = True
    litellm.disable_aiohttp_transport = True  # httpx alone: one kind of client to close
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    return cast(ModuleType, litellm)


def provider_of(model: str, api_base: str | None = None) -> str | None:
    """Return the provider that litellm takes ``model`` to belong to, None when it knows none."""
    litellm = load()
    try:
        return str(litellm.get_llm_provider(model, api_base=api_base)[1])
    except litellm.BadRequestError:
        return None


def listed(model: str) -> Mapping[str, Any] | None:
    """Return what litellm's price list says of ``model``, None when it does not know it."""
    prices: Mapping[str, Mapping[str, Any]] = load().model_cost
    provider, _, bare = model.partition("/")
    entry = prices.get(model)
    if (
        entry is None
        and (other := prices.get(bare)) is not None
        and other.get("litellm_provider") == provider
    ):
        entry = other
    return entry


def missing_keys(model: str) -> list[str]:
    """Return the variables that litellm looks for in the process's environment and does not find."""
    return list(load().validate_environment(model)["missing_keys"])


async def write_once(write: Callable[[], None]) -> None:
    """Run a write; a disk that does not take it is the caller's to hear of (OSError)."""
    write()


class LiteLLM:
    """Implements ``operators.chat.Chat`` over litellm; one ``Call`` is recorded for each exchange.

    A reply is paid for once, although the engine may be killed at any instant. The transcript is its
    receipt: a stub is on the disk before a request is sent, the whole exchange before its ``Call`` is
    recorded. An ask with a number is answered from the birth's receipt when that holds what came of the
    same question. A stub that a killed engine left is asked again, and charged for both.

    Retries (exponential backoff with equal jitter: Brooker, AWS Architecture Blog, 2015) on 429, 5xx,
    time-outs, lost connections and bodies cut off; never on 400, 401, 403, 404. An endpoint that keeps
    failing rests (see ``Breaker``): meanwhile ``complete`` returns a ``Silence`` at once, recorded as
    ``resting``.

    Dollars of a call: by ``prices``, else the provider's own figure, else litellm's list, else None
    (unknown, which is not 0). A request that ended with no answer but may be charged counts as an
    estimate. Models on this machine are free.

    Args:
        models: who may be asked.
        transcripts: folder that gets one file for each exchange.
        record: called once for each exchange, cancelled ones too; not again when a receipt answers.
        api_base: address for all models but ``local/...``; None for each provider's own.
        local_base: address of the embedded server, for ``local/...``.
        timeout: seconds for one request.
        parallel: requests under way at once.
        retries: further requests after a failed one.
        prices: the user's own prices; they win over litellm's list.
        seed: of the generator that draws the jitter.
        environment: variables whose secrets are kept out of whatever is written.
        clock: unix time, seconds.
        monotonic: seconds, for durations and rests.
        sleep: waits that many seconds.
        recorded: says whether a ``Call`` with this transcript is on record, those of earlier processes
            and those just given to ``record`` included.
        durably: runs the write of a receipt; may wait for room on the disk and run it again. What it
            raises goes through to whoever called ``complete``.
    """

    def __init__(
        self,
        models: tuple[Model, ...],
        *,
        transcripts: Path,
        record: Callable[[Call], None],
        api_base: str | None = None,
        local_base: str | None = None,
        timeout: float = 120.0,
        parallel: int = 4,
        retries: int = 3,
        prices: Prices | None = None,
        seed: int = 0,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        recorded: Callable[[str], bool] = lambda _: False,
        durably: Callable[[Callable[[], None]], Awaitable[None]] = write_once,
    ) -> None:
        if not models:
            raise ValueError("at least one model is needed, got none")
        self.models = models
        self._receipts = Receipts(transcripts, environment, recorded)
        self._record, self._durably = record, durably
        self._api_base, self._local_base = api_base, local_base
        self._timeout, self._retries = timeout, retries
        self._slots = asyncio.Semaphore(parallel)
        self._prices: Prices = prices or {}
        self._jitter = np.random.default_rng(seed)
        self._environment = environment
        self._clock, self._monotonic, self._sleep = clock, monotonic, sleep
        self._breakers: defaultdict[str, Breaker] = defaultdict(Breaker)
        self._schemaless: set[str] = set()
        self._longest: dict[str, int] = {}
        self._numbers = itertools.count()

    def pick(self, rng: Generator) -> Model:
        """Choose a model by weight, among those that do not rest as long as there are any."""
        draw = rng.random()
        awake = [m for m in self.models if self.rest(m.name) is None] or list(self.models)
        shares = np.cumsum([m.weight for m in awake])
        return awake[min(int(np.searchsorted(shares, draw * shares[-1], side="right")), len(awake) - 1)]

    def rest(self, model: str) -> float | None:
        """Return for how many seconds more a model is left alone, None when it may be asked."""
        return self._breakers[model].rest(self._monotonic())

    async def complete(self, model: Model, ask: Ask) -> Reply | Silence:
        """Ask ``model`` and return what it wrote, or why it wrote nothing; from a receipt where there is one.

        Raises:
            OSError: the receipt cannot be written, and ``durably`` does not wait until it can.
        """
        asked = question_digest(model.name, ask.messages, self._environment)
        exchange = Exchange(model, ask, asked, self._monotonic())
        said = self._taken_up(exchange)
        if said is not None:
            return said
        breaker = self._breakers[model.name]
        rest = self.rest(model.name)
        if rest is not None:
            exchange.outcome = "resting"
            exchange.reason = (
                f"rests for {rest:.0f} s more after failures in a row, the last: {breaker.reason}"
            )
            return await self._close(exchange)
        breaker.begin()
        try:
            litellm = load() if load.cache_info().currsize else await asyncio.to_thread(load)
            exchange.params = self._parameters(model, ask)
            await self._until_answered(litellm, exchange, breaker)
        except asyncio.CancelledError:
            exchange.outcome, exchange.reason = CANCELLED, "the search ended"
            receipt = self._receipt(exchange)
            self._write_last(exchange, receipt)
            self._record(receipt.call(exchange.name if exchange.kept else ""))
            raise
        finally:
            breaker.release()
        return await self._close(exchange)

    def settle(self) -> None:
        """Record the exchanges without a ``Call`` that a killed engine left, a stub at what it may have cost.

        For a run that goes on, before anything is asked: nobody may come back to some of its births.
        """
        for name, receipt in self._receipts.unrecorded():
            if receipt.outcome is None:
                receipt = receipt.given_up(self._total(0.0, receipt.doubts))
            self._record(receipt.call(name))

    def price_known(self, model: str) -> bool:
        """Say whether calls to ``model`` can be priced (imports litellm)."""
        return self.estimate(model, 1, 1) is not None

    def estimate(self, model: str, prompt: int, completion: int) -> float | None:
        """Return the dollars for so many tokens, None when no price is known (imports litellm)."""
        if model in self._prices:
            per_prompt, per_completion = self._prices[model]
            return (prompt * per_prompt + completion * per_completion) / 1e6
        if self._is_free(model):
            return 0.0
        entry = listed(model)
        if entry is None or not (entry.get("input_cost_per_token") or entry.get("output_cost_per_token")):
            return None
        costs = load().cost_per_token(model=model, prompt_tokens=prompt, completion_tokens=completion)
        return float(sum(costs))

    async def aclose(self) -> None:
        """Close what litellm keeps open for the whole process: HTTP clients and its logging task."""
        if not load.cache_info().currsize:
            return
        litellm = load()
        worker = importlib.import_module("litellm.litellm_core_utils.logging_worker").GLOBAL_LOGGING_WORKER
        await worker.flush()
        await worker.stop()
        clients = litellm.in_memory_llm_clients_cache
        for client in list(clients.cache_dict.values()):
            close = getattr(client, "close", None)  # openai's clients and litellm's own handlers both have it
            ended = close() if close is not None else None
            if isinstance(ended, Awaitable):
                await ended
        clients.flush_cache()

    def _is_free(self, model: str) -> bool:
        """Say whether ``model`` runs on this machine."""
        return model.startswith(("local/", "ollama/", "ollama_chat/")) or is_loopback(self._api_base)

    def _parameters(self, model: Model, ask: Ask) -> dict[str, Any]:
        """Return what litellm is asked with; no key among it but the word ``none``."""
        params: dict[str, Any] = {
            "model": model.name,
            "messages": [{"role": role, "content": content} for role, content in ask.messages],
            "temperature": ask.temperature,
            "timeout": self._timeout,
            "num_retries": 0,  # the retries are ours: seen by the breaker and the transcript
            "max_retries": 0,
        }
        if model.name.startswith("local/"):
            name = model.name.removeprefix("local/")
            params |= {"model": f"openai/{name}", "api_base": self._local_base, "api_key": "none"}
        elif self._api_base is not None:
            params["api_base"] = self._api_base
            if model.name.startswith("openai/") and not self._environment.get("OPENAI_API_KEY"):
                params["api_key"] = "none"  # a server of one's own often wants none, its client always does
        if ask.form is ReplyForm.JSON and ask.schema is not None:
            if model.name in self._schemaless:
                _say_schema(params, ask.schema)
            else:
                form = {"name": "reply", "strict": True, "schema": dict(ask.schema)}
                params["response_format"] = {"type": "json_schema", "json_schema": form}
        if model.small and ask.form is ReplyForm.JSON:
            params["max_tokens"] = SMALL_REPLY
        return params

    async def _until_answered(self, litellm: ModuleType, exchange: Exchange, breaker: Breaker) -> None:
        """Send the request until it is answered, refused for good, or not worth another try."""
        tries = 0
        while True:
            fault = await self._attempt(litellm, exchange)
            if fault is None:
                breaker.succeed()
                if exchange.ask.schema is not None and "response_format" not in exchange.params:
                    self._schemaless.add(exchange.model.name)
                return
            exchange.outcome, exchange.reason = fault.outcome, fault.reason
            if fault.outcome == "bad-request" and exchange.params.pop("response_format", None) is not None:
                _say_schema(exchange.params, exchange.ask.schema or {})  # some servers know no schemas
                continue
            breaker.fail(self._monotonic(), fault.reason, fault.wait)
            tries += 1
            if not fault.again or tries > self._retries or breaker.rest(self._monotonic()) is not None:
                return
            await self._sleep(max(fault.wait, float(self._jitter.uniform(0.5, 1.0)) * min(2.0**tries, 30.0)))

    async def _attempt(self, litellm: ModuleType, exchange: Exchange) -> Fault | None:
        """Send one request and read the answer into ``exchange``, or say why there is none."""
        async with self._slots:
            attempt = await self._announce(exchange)
            sent = self._monotonic()
            try:
                async with asyncio.timeout(
                    self._timeout
                ):  # litellm's own is per read: a trickle never ends it
                    response = await litellm.acompletion(**exchange.params)
            except Exception as error:  # noqa: BLE001  litellm lets any exception of its 100 providers through
                fault = classify(litellm, error, self._clock())
                fault = dataclasses.replace(fault, reason=self._clean(fault.reason))
                attempt |= {"error": fault.reason, "outcome": fault.outcome}
                if not fault.billed:
                    exchange.doubts.pop()
                return fault
            finally:
                attempt["seconds"] = self._monotonic() - sent
        exchange.doubts.pop()
        self._read(exchange, response)
        return None

    def _read(self, exchange: Exchange, response: Any) -> None:
        """Take text, tokens and price from an answer."""
        choice, usage = next(iter(response.choices), None), getattr(response, "usage", None)
        prompt, completion = (
            int(getattr(usage, f"{part}_tokens", 0) or 0) for part in ("prompt", "completion")
        )
        exchange.text = (choice.message.content or "") if choice is not None else ""
        exchange.finish = choice.finish_reason if choice is not None else None
        exchange.tokens = (prompt, completion)
        name = exchange.model.name
        self._note_length(name, completion)
        exchange.dollars = self._price(name, response, usage, exchange.tokens)
        exchange.outcome = "ok"
        if exchange.finish == "length":
            exchange.outcome, exchange.reason = (
                "malformed",
                f"its reply was cut off after {completion} tokens",
            )
        elif not exchange.text.strip():
            exchange.outcome, exchange.reason = "malformed", "its reply is empty"

    def _price(self, name: str, response: Any, usage: Any, tokens: tuple[int, int]) -> float | None:
        """Return the dollars of an answer; an answer that counts no tokens has no known price."""
        told = getattr(usage, "cost", None)  # OpenRouter's own figure
        if name not in self._prices and isinstance(told, int | float):
            return float(told)
        if tokens == (0, 0) and (name in self._prices or not self._is_free(name)):
            return None
        if name in self._prices or self._is_free(name) or not self.price_known(name):
            return self.estimate(name, *tokens)
        return float(load().completion_cost(completion_response=response, model=name))  # knows cached tokens

    def _taken_up(self, exchange: Exchange) -> Reply | Silence | None:
        """Name an exchange; return what the last one of its birth came to, or take over what that owes."""
        ask, now = exchange.ask, self._clock()
        if ask.number is None:
            moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
            exchange.name = f"{moment:%Y%m%dT%H%M%S.%f}-{next(self._numbers):04d}-{ask.operator}.json"
            return None
        latest, exchange.name = self._receipts.places(ask.number, ask.operator)
        if latest is None:
            return None
        receipt, recorded = self._receipts.read(latest), self._receipts.recorded(latest)
        if receipt is not None and receipt.outcome is not None:
            if not recorded:  # killed between receipt and record
                self._record(receipt.call(latest))
            self._note_length(receipt.model, receipt.usage.completion_tokens)
            same = receipt.asked == exchange.asked
            return receipt.said(latest) if same and receipt.outcome != CANCELLED else None
        if not recorded:  # else cancelled on a full disk: paid for, and the answer is nowhere
            exchange.take_over(latest, receipt, now)
        return None

    async def _announce(self, exchange: Exchange) -> dict[str, Any]:
        """Put a stub on the disk that says what is about to be sent, then count the request as sent."""
        attempt: dict[str, Any] = {"at": self._clock(), "error": None}
        exchange.kept = True
        stub = exchange.stub(attempt["at"])
        await self._durably(functools.partial(self._receipts.write, exchange.name, stub))
        exchange.attempts.append(attempt)
        exchange.doubts.append(exchange.doubt())  # until it is known how it ended
        return attempt

    async def _close(self, exchange: Exchange) -> Reply | Silence:
        """Write the receipt, record the call and say what came of it."""
        receipt = self._receipt(exchange)
        try:
            if exchange.kept:
                await self._durably(functools.partial(self._receipts.write, exchange.name, receipt))
        except asyncio.CancelledError:
            self._write_last(exchange, receipt)
            raise
        finally:
            self._record(receipt.call(exchange.name if exchange.kept else ""))
        return receipt.said(exchange.name if exchange.kept else "")

    def _write_last(self, exchange: Exchange, receipt: Receipt) -> None:
        """Write the receipt of an exchange that is cancelled, if the disk takes it."""
        # The search ends and must not wait for room. The stub stays then; its call is on record, which
        # tells whoever finds it that there is nothing left to charge.
        if exchange.kept:
            with contextlib.suppress(OSError):
                self._receipts.write(exchange.name, receipt)

    def _receipt(self, exchange: Exchange) -> Receipt:
        """Return the receipt of an exchange that has ended."""
        dollars = self._total(exchange.dollars, exchange.doubts)
        return exchange.receipt(self._clock(), self._monotonic() - exchange.started, dollars)

    def _total(self, dollars: float | None, doubts: Sequence[Doubt]) -> float | None:
        """Add to the price of the answer what the requests without one may have cost."""
        for doubt in doubts:
            guess = self._longest.get(doubt.model, GUESSED_REPLY)
            cost = self.estimate(doubt.model, doubt.prompt_tokens, guess)
            dollars = None if dollars is None or cost is None else dollars + cost
        return dollars

    def _note_length(self, model: str, completion: int) -> None:
        """Keep the length of the longest answer: what a doubtful one is taken to have had."""
        if completion:
            self._longest[model] = max(self._longest.get(model, 0), completion)

    def _clean(self, text: str) -> str:
        """Return one short line without a key in it."""
        line = " ".join(scrub(text, self._environment).split())
        return line if len(line) <= 300 else line[:299] + "…"


def _say_schema(params: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Ask in words for what the server does not enforce."""
    last = params["messages"][-1]
    words = f"\n\nAnswer with one JSON object of this JSON schema and nothing else:\n{json.dumps(schema)}"
    params["messages"] = [*params["messages"][:-1], {**last, "content": last["content"] + words}]
