import asyncio
import json
import stat
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.breaker import LIMIT, Breaker
from operators.chat import Ask, Model, Reply, ReplyForm, Silence
from operators.llm import LiteLLM, load
from population.ledger import Call
from tests.scripted_llm import Behaviour, Say, ScriptedLLM

PROGRAM = "Here it is:\n```python\nLR = 3e-3   # tune: log 1e-4..1e-1\nDEPTH = 4  # tune: int 2..12\n```\n"
X = Model("openai/x", 1.0, ReplyForm.DIFF, small=False)
KEY = "sk-test-0123456789abcdef"
SCHEMA = {"type": "object", "properties": {"value": {"type": "number"}}, "required": ["value"]}


@pytest.fixture(scope="module", autouse=True)
def _litellm() -> None:
    load()  # its 4 s are nobody's test


class Bench:
    """A LiteLLM before a scripted server, its ledger, and a clock that only sleeping moves."""

    def __init__(self, folder: Path, api_base: str, **settings: Any) -> None:
        self.calls: list[Call] = []
        self.slept: list[float] = []
        self.now = 0.0
        self.folder = folder / "transcripts"
        self.chat = LiteLLM(
            settings.pop("models", (X,)),
            transcripts=self.folder,
            record=self.calls.append,
            api_base=api_base,
            sleep=self.sleep,
            monotonic=lambda: self.now,
            **({"timeout": 5.0, "environment": {}} | settings),
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def ask(self, *messages: str, form: ReplyForm = ReplyForm.DIFF, times: int = 1) -> list[Reply | Silence]:
        schema = SCHEMA if form is ReplyForm.JSON else None
        ask = Ask(tuple(("user", m) for m in messages or (PROGRAM,)), "mutate", form, schema)
        return self.run(lambda: self._several(ask, times))

    async def _several(self, ask: Ask, times: int) -> list[Reply | Silence]:
        return [await self.chat.complete(self.chat.models[0], ask) for _ in range(times)]

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            try:
                return await work()
            finally:
                await self.chat.aclose()

        return asyncio.run(whole())

    def transcripts(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.iterdir())]


@contextmanager
def bench(folder: Path, *script: Behaviour, retry_after: float = 1, **settings: Any) -> Iterator[Any]:
    with ScriptedLLM(script, retry_after=retry_after) as server:
        made = Bench(folder, server.api_base, **settings)
        made.server = server  # type: ignore[attr-defined]
        yield made


def test_an_answer_is_a_reply_and_one_call_in_the_ledger(tmp_path: Path) -> None:
    with bench(tmp_path, "ok") as b:
        [reply] = b.ask()
    assert isinstance(reply, Reply)
    assert "<<<<<<< SEARCH" in reply.text
    [call] = b.calls
    assert (call.outcome, call.prompt_tokens, call.completion_tokens, call.attempts) == ("ok", 1000, 100, 1)


def test_the_same_question_gets_the_same_scripted_answer(tmp_path: Path) -> None:
    with bench(tmp_path, "ok") as b:
        one, two = b.ask(times=2)
    assert one == two


@pytest.mark.parametrize(
    ("behaviour", "outcome", "attempts"),
    [
        ("400", "bad-request", 1),
        ("401", "auth", 1),
        ("403", "auth", 1),
        ("404", "bad-request", 1),
        ("429", "rate-limit", 3),
        ("500", "server", 3),
        ("503", "server", 3),
        ("cutoff", "connection", 3),
        ("garbage", "malformed", 3),
        ("reset", "connection", 3),
        ("empty", "malformed", 1),
        ("length", "malformed", 1),
    ],
)
def test_each_misbehaviour_is_silence_and_named_in_the_ledger(
    tmp_path: Path, behaviour: str, outcome: str, attempts: int
) -> None:
    with bench(tmp_path, behaviour, retries=2) as b:
        [silence] = b.ask()
    assert isinstance(silence, Silence)
    assert silence.reason.startswith("openai/x: ")
    [call] = b.calls
    assert (call.outcome, call.attempts, len(b.server.requests)) == (outcome, attempts, attempts)


@pytest.mark.parametrize("behaviour", ["429", "500", "cutoff", "garbage", "reset"])
def test_what_passes_is_tried_again_until_it_is_answered(tmp_path: Path, behaviour: str) -> None:
    with bench(tmp_path, behaviour, behaviour, "ok") as b:
        [reply] = b.ask()
    assert isinstance(reply, Reply)
    assert (b.calls[0].outcome, b.calls[0].attempts) == ("ok", 3)


def test_prose_without_an_edit_is_a_reply_for_others_to_judge(tmp_path: Path) -> None:
    with bench(tmp_path, "prose", "nomatch", Say("hello"), lambda messages: messages[0]["content"][:4]) as b:
        replies = b.ask(times=4)
    assert all(isinstance(reply, Reply) for reply in replies)
    assert [reply.text for reply in replies[2:]] == ["hello", "Here"]


def test_a_hang_is_cut_off_at_the_timeout(tmp_path: Path) -> None:
    with bench(tmp_path, "hang", "ok", timeout=0.3) as b:
        started = time.monotonic()
        [reply] = b.ask()
    assert isinstance(reply, Reply)
    assert time.monotonic() - started < 3.0
    assert b.transcripts()[0]["attempts"][0]["outcome"] == "timeout"


def test_a_closed_port_is_a_lost_connection(tmp_path: Path) -> None:
    with ScriptedLLM(["ok"]) as server:
        address = server.api_base
    b = Bench(tmp_path, address, retries=0)
    [silence] = b.ask()
    assert isinstance(silence, Silence)
    assert b.calls[0].outcome == "connection"


def test_waits_grow_and_carry_jitter(tmp_path: Path) -> None:
    with bench(tmp_path, "500", "500", "500", "ok") as b:
        b.ask()
    assert len(b.slept) == 3
    assert all(2.0**n / 2 <= wait <= 2.0**n for n, wait in enumerate(b.slept, start=1))


def test_a_retry_after_is_honoured(tmp_path: Path) -> None:
    with bench(tmp_path, "429", "ok", retry_after=17) as b:
        b.ask()
    assert b.slept == [17.0]


def test_a_long_retry_after_rests_the_model_instead_of_waiting(tmp_path: Path) -> None:
    with bench(tmp_path, "429", "ok", retry_after=300) as b:
        first, second = b.ask(times=2)
        assert b.slept == []
        assert [call.outcome for call in b.calls] == ["rate-limit", "resting"]
        b.now = 301.0
        [third] = b.ask()
    assert isinstance(first, Silence)
    assert isinstance(second, Silence)
    assert isinstance(third, Reply)


def test_a_dead_endpoint_rests_is_not_asked_meanwhile_and_recovers(tmp_path: Path) -> None:
    with bench(tmp_path, *["500"] * LIMIT, "ok", "ok", retries=0) as b:
        b.ask(times=LIMIT + 10)
        assert len(b.server.requests) == LIMIT
        assert [call.outcome for call in b.calls] == ["server"] * LIMIT + ["resting"] * 10
        assert b.calls[-1].attempts == 0
        b.now += 61.0
        replies = b.ask(times=2)
    assert all(isinstance(reply, Reply) for reply in replies)


def test_a_breaker_rests_longer_each_time_and_lets_one_request_probe() -> None:
    breaker, now, rests = Breaker(), 0.0, []
    for _ in range(LIMIT - 1):
        breaker.fail(now, "down")
    assert breaker.rest(now) is None
    for _ in range(6):
        breaker.fail(now, "down")
        rests.append(breaker.rest(now))
        now = breaker.until
        assert breaker.rest(now) is None
        breaker.begin()
        assert breaker.rest(now) == 0.0
    assert rests == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    breaker.succeed()
    assert breaker.rest(now) is None


def test_failures_of_requests_already_under_way_do_not_lengthen_the_rest() -> None:
    breaker = Breaker()
    for _ in range(LIMIT + 20):
        breaker.fail(0.0, "down")
    assert breaker.rest(0.0) == 5.0


def test_a_schema_goes_along_and_is_dropped_where_the_server_knows_none(tmp_path: Path) -> None:
    with bench(tmp_path, "noschema") as b:
        replies = b.ask(form=ReplyForm.JSON, times=2)
    assert all(isinstance(reply, Reply) for reply in replies)
    formats = ["response_format" in request for request in b.server.requests]
    assert formats == [True, False, False]
    assert "JSON schema" in b.server.requests[1]["messages"][-1]["content"]


def test_a_schema_is_enforced_where_the_server_can(tmp_path: Path) -> None:
    with bench(tmp_path, "ok") as b:
        [reply] = b.ask(form=ReplyForm.JSON)
    assert isinstance(json.loads(reply.text)["value"], float)
    assert b.server.requests[0]["response_format"]["json_schema"]["schema"] == SCHEMA


def test_the_transcript_holds_the_exchange_whole_for_its_owner_only(tmp_path: Path) -> None:
    with bench(tmp_path, "500", "ok") as b:
        [reply] = b.ask()
    [path] = b.folder.iterdir()
    assert path.name == b.calls[0].transcript
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [content] = b.transcripts()
    assert content["request"]["messages"] == [{"role": "user", "content": PROGRAM}]
    assert content["response"] == reply.text
    assert [attempt["error"] is None for attempt in content["attempts"]] == [False, True]


def test_no_key_reaches_a_transcript_or_a_reason(tmp_path: Path) -> None:
    # the server repeats what it got; litellm sends the word "none" when no key is set
    secret = "hunter2-is-no-good-secret"
    with bench(tmp_path, "leak", Say(f"your key is {KEY}"), environment={"MY_TOKEN": secret}) as b:
        silence, reply = b.ask(f"what is {secret}? and Bearer abcdefgh12345678", times=2)
    written = "".join(path.read_text() for path in b.folder.iterdir())
    assert isinstance(reply, Reply)
    for leaked in (KEY, secret, "abcdefgh12345678"):
        assert leaked not in written
        assert leaked not in silence.reason
    assert "what is [hidden]?" in written


def test_given_prices_make_the_dollars(tmp_path: Path) -> None:
    with bench(tmp_path, "ok", prices={"openai/x": (2.0, 10.0)}) as b:
        b.ask()
    assert b.calls[0].dollars == pytest.approx(1000 * 2e-6 + 100 * 1e-5)


def test_a_server_on_this_machine_is_free(tmp_path: Path) -> None:
    with bench(tmp_path, "ok") as b:
        b.ask()
    assert b.calls[0].dollars == 0.0
    assert b.chat.price_known("openai/x")


def test_litellm_knows_prices_and_an_unknown_price_is_not_zero(tmp_path: Path) -> None:
    chat = LiteLLM((X,), transcripts=tmp_path, record=print)
    assert chat.price_known("openai/gpt-6-luna")
    assert chat.estimate("openai/gpt-6-luna", 1_000_000, 0) > 0.0
    assert not chat.price_known("openai/no-such-model")
    assert chat.estimate("openai/no-such-model", 1000, 1000) is None
    assert chat.estimate("local/smollm2", 1000, 1000) == 0.0


def test_a_request_that_may_have_been_billed_is_counted(tmp_path: Path) -> None:
    with bench(tmp_path, "reset", "500", retries=1, prices={"openai/x": (3.0, 1.0)}) as b:
        b.ask("x" * 3000)
    assert b.calls[0].dollars == pytest.approx((1000 * 3.0 + 1000 * 1.0) / 1e6)  # the 500 costs nothing


def test_cancelling_goes_through_and_leaves_a_record(tmp_path: Path) -> None:
    with bench(tmp_path, "hang") as b:

        async def cancelled() -> None:
            task = asyncio.create_task(b.chat.complete(X, Ask((("user", "x"),), "mutate", ReplyForm.DIFF)))
            while not b.server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        b.run(cancelled)
    [call] = b.calls
    assert (call.outcome, call.attempts) == ("cancelled", 1)


def test_requests_run_in_parallel_up_to_the_limit(tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=5.0)

    def wait(_: object) -> str:
        together.wait()
        return "done"

    with bench(tmp_path, wait, parallel=3) as b:
        ask = Ask((("user", "x"),), "mutate", ReplyForm.DIFF)
        replies = b.run(lambda: asyncio.gather(*(b.chat.complete(X, ask) for _ in range(3))))
    assert [reply.text for reply in replies] == ["done"] * 3


def test_models_are_picked_by_weight(tmp_path: Path) -> None:
    models = (Model("a", 3.0, ReplyForm.DIFF, False), Model("b", 1.0, ReplyForm.DIFF, False))
    chat = LiteLLM(models, transcripts=tmp_path, record=print)
    rng = np.random.default_rng(0)
    share = sum(chat.pick(rng).name == "a" for _ in range(2000)) / 2000
    assert share == pytest.approx(0.75, abs=0.05)


def test_a_resting_model_is_not_picked_while_another_is_awake(tmp_path: Path) -> None:
    other = Model("openai/y", 1.0, ReplyForm.DIFF, small=False)
    with bench(tmp_path, "500", models=(X, other), retries=9) as b:
        b.ask()
    rng = np.random.default_rng(0)
    assert {b.chat.pick(rng).name for _ in range(50)} == {"openai/y"}
