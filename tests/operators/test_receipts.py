import asyncio
import dataclasses
import json
import os
import resource
import shutil
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from operators.breaker import LIMIT
from operators.chat import Ask, Model, Reply, ReplyForm, Silence
from operators.llm import GUESSED_REPLY, LiteLLM, load
from operators.transcripts import write_transcript
from population.ledger import Call
from tests.scripted_llm import Behaviour, Messages, Say, ScriptedLLM

X = Model("openai/x", 1.0, ReplyForm.DIFF, small=False)
Y = Model("openai/y", 1.0, ReplyForm.DIFF, small=False)
PROMPT = "x" * 3000  # taken for 1000 tokens
ANSWER = (1000 * 2.0 + 100 * 10.0) / 1e6  # dollars of what the server counts
DOUBT = ANSWER  # of a request without an answer, once an answer of 100 tokens was seen
UNSEEN = (1000 * 2.0 + GUESSED_REPLY * 10.0) / 1e6  # and before any was
FIRST, SECOND = "000007-mutate.json", "000007-mutate-2.json"


@pytest.fixture(scope="module", autouse=True)
def _litellm() -> None:
    load()  # its 4 s are nobody's test


class Run:
    """A run folder with its ledger, before a server: each ``ask`` is a process of its own to it."""

    def __init__(self, folder: Path, server: ScriptedLLM) -> None:
        self.folder, self.server = folder / "transcripts", server
        self.calls: list[Call] = []

    @property
    def dollars(self) -> float:
        return sum(call.dollars or 0.0 for call in self.calls)

    def recorded(self, name: str) -> bool:
        return any(call.transcript == name for call in self.calls)

    def chat(self, **settings: Any) -> LiteLLM:
        given: dict[str, Any] = {
            "transcripts": self.folder,
            "record": self.calls.append,
            "recorded": self.recorded,
            "api_base": self.server.api_base,
            "prices": {"openai/x": (2.0, 10.0), "openai/y": (2.0, 10.0)},
            "environment": {},
            "timeout": 5.0,
            "retries": 0,
        }
        return LiteLLM((X, Y), **(given | settings))

    def ask(self, prompt: str = PROMPT, model: Model = X, **settings: Any) -> Reply | Silence:
        """Ask for birth 7, whatever it costs."""
        return dataclasses.replace(self.priced(prompt, model, **settings), dollars=0.0)

    def priced(self, prompt: str = PROMPT, model: Model = X, **settings: Any) -> Reply | Silence:
        """Ask for birth 7, and be told what it cost."""
        return self.tell(self.chat(**settings), question(prompt), model)

    def tell(self, chat: LiteLLM, ask: Ask, model: Model = X) -> Reply | Silence:
        return run(chat, lambda: chat.complete(model, ask))

    def read(self, name: str = FIRST) -> Any:
        return json.loads((self.folder / name).read_text())

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def keep(self, after: Path) -> Callable[[Messages], str]:
        """Return a server's behaviour: to keep a copy of what would be on the disk if it killed us now."""

        def kept(_: Messages) -> str:
            shutil.copytree(self.folder, after)
            return "too late"

        return kept

    def after_kill(self, left: Path) -> None:
        """Put back the disk as it was at the kill; what the process did later never happened."""
        shutil.rmtree(self.folder)
        left.rename(self.folder)
        self.calls.clear()


def question(prompt: str = PROMPT, number: int | None = 7, schema: Any = None) -> Ask:
    form = ReplyForm.DIFF if schema is None else ReplyForm.JSON
    return Ask((("user", prompt),), "mutate", form, schema, number=number)


def run(chat: LiteLLM, work: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        try:
            return await work()
        finally:
            await chat.aclose()

    return asyncio.run(whole())


@contextmanager
def running(folder: Path, *script: Behaviour) -> Iterator[Run]:
    with ScriptedLLM(script) as server:
        yield Run(folder, server)


def left_by_a_kill(run: Run, tmp_path: Path, **settings: Any) -> None:
    """Ask a server that keeps the disk as it is while its request is under way; go back to that."""
    with ScriptedLLM([run.keep(tmp_path / "left")]) as server:
        run.ask(**({"api_base": server.api_base} | settings))
    run.after_kill(tmp_path / "left")


# answered from the receipt


def test_an_answer_is_read_from_its_receipt_and_not_paid_again(tmp_path: Path) -> None:
    with running(tmp_path, Say("first"), Say("second")) as r:
        replies = [r.ask(), r.ask()]
        assert replies == [Reply("first", "openai/x")] * 2
        assert len(r.server.requests) == 1
    assert r.dollars == pytest.approx(ANSWER)
    assert [call.transcript for call in r.calls] == [FIRST]


def test_a_reply_and_a_silence_say_what_they_cost_asked_or_read_again(tmp_path: Path) -> None:
    with running(tmp_path, Say("first"), "400") as r:
        assert [r.priced().dollars for _ in range(2)] == pytest.approx([ANSWER] * 2)
        assert [r.priced("another").dollars for _ in range(2)] == [0.0, 0.0]  # an error costs nothing


def test_a_silence_that_may_be_charged_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "hang") as r:
        said = [r.priced(timeout=0.3), r.priced(timeout=0.3)]
    assert all(isinstance(one, Silence) for one in said)
    assert [one.dollars for one in said] == pytest.approx([UNSEEN] * 2)
    assert r.dollars == pytest.approx(UNSEEN)


def test_a_call_that_never_came_to_be_recorded_is_recorded_from_its_receipt(tmp_path: Path) -> None:
    with running(tmp_path, Say("first")) as r:
        r.ask()
        [before] = r.calls
        r.calls.clear()
        r.ask()
        assert len(r.server.requests) == 1
    assert r.calls == [before]


@pytest.mark.parametrize("behaviour", ["401", "500", "garbage", "length", "empty"])
def test_a_silence_is_read_from_its_receipt_too(tmp_path: Path, behaviour: str) -> None:
    with running(tmp_path, behaviour, "ok") as r:
        one, two = r.ask(), r.ask()
        assert len(r.server.requests) == 1
    assert isinstance(one, Silence)
    assert one == two
    assert len(r.calls) == 1


@pytest.mark.parametrize("text", ["a\u2028b\x00ö\U0001f600", "half a pair: \ud83d", "[hidden]\r\n\t\\u0041"])
def test_any_text_is_read_as_it_was_written(tmp_path: Path, text: str) -> None:
    with running(tmp_path, Say(text)) as r:
        assert r.ask() == r.ask() == Reply(text, "openai/x")
        assert len(r.server.requests) == 1


def test_a_question_that_the_server_made_us_reword_is_still_the_same_question(tmp_path: Path) -> None:
    ask = question(schema={"type": "object", "properties": {"value": {"type": "number"}}})
    with running(tmp_path, "noschema") as r:
        replies = [r.tell(r.chat(), ask) for _ in range(2)]
        assert len(r.server.requests) == 2  # with the schema, then with words instead
    assert replies[0] == replies[1]
    assert "JSON schema" in r.read()["request"]["messages"][-1]["content"]


def test_a_question_with_a_key_in_it_is_known_again_and_the_key_is_never_on_the_disk(tmp_path: Path) -> None:
    secret, prompt = "hunter2-is-no-good-secret", "what is hunter2-is-no-good-secret?"
    with running(tmp_path, Say("hello")) as r:
        left = tmp_path / "left"
        r.server.script.insert(0, r.keep(left))
        for _ in range(2):
            r.ask(prompt, environment={"MY_TOKEN": secret})
        assert len(r.server.requests) == 1
    for folder in (left, r.folder):
        [path] = folder.iterdir()
        assert secret not in path.read_text()
        assert "what is [hidden]?" in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_question_of_the_same_birth_is_asked_and_overwrites_nothing(tmp_path: Path) -> None:
    with running(tmp_path, Say("first"), Say("second"), Say("third")) as r:
        replies = [r.ask(), r.ask("another"), r.ask("another"), r.ask("another", Y)]
    assert replies == [
        Reply("first", "openai/x"),
        *[Reply("second", "openai/x")] * 2,
        Reply("third", "openai/y"),
    ]
    assert r.names() == sorted([FIRST, SECOND, "000007-mutate-3.json"])
    assert r.dollars == pytest.approx(3 * ANSWER)


def test_the_call_of_another_question_is_recorded_when_nobody_did(tmp_path: Path) -> None:
    with running(tmp_path, "ok") as r:
        r.ask()
        r.calls.clear()
        r.ask("another")
    assert [call.transcript for call in r.calls] == [FIRST, SECOND]


def test_births_and_operators_have_receipts_of_their_own(tmp_path: Path) -> None:
    asks = [question(number=7), question(number=8), dataclasses.replace(question(), operator="repair")]
    with running(tmp_path, "ok") as r:
        for ask in asks:
            r.tell(r.chat(), ask)
        assert len(r.server.requests) == 3
    assert r.names() == [FIRST, "000007-repair.json", "000008-mutate.json"]


def test_without_a_number_everything_is_asked(tmp_path: Path) -> None:
    with running(tmp_path, "ok") as r:
        for _ in range(2):
            r.tell(r.chat(), question(number=None))
        assert len(r.server.requests) == 2
    assert len(r.names()) == len(r.calls) == 2


def test_a_silence_read_from_its_receipt_says_nothing_of_the_length_of_answers(tmp_path: Path) -> None:
    with running(tmp_path, "401", "reset") as r:
        r.ask()
        chat = r.chat()

        async def work() -> None:
            await chat.complete(X, question())
            await chat.complete(X, question(number=8))

        run(chat, work)
    assert r.calls[-1].dollars == pytest.approx(UNSEEN)


# killed while a request was under way


def test_a_stub_says_what_is_asked_before_the_request_goes_out(tmp_path: Path) -> None:
    with running(tmp_path, "ok") as r:
        left_by_a_kill(r, tmp_path)
    stub = r.read()
    assert (stub["model"], stub["operator"], stub["outcome"]) == ("openai/x", "mutate", None)
    assert stub["request"]["messages"] == [{"role": "user", "content": PROMPT}]
    assert stub["at"] > 0.0


def test_a_request_under_way_at_a_kill_is_charged_and_asked_again(tmp_path: Path) -> None:
    with running(tmp_path, Say("again")) as r:
        left_by_a_kill(r, tmp_path)
        assert r.ask() == r.ask() == Reply("again", "openai/x")
        assert len(r.server.requests) == 1
    assert r.dollars == pytest.approx(ANSWER + DOUBT)
    [call] = r.calls
    assert (call.transcript, call.attempts) == (FIRST, 2)
    assert [attempt.get("outcome") for attempt in r.read()["attempts"]] == ["lost", None]


def test_each_kill_is_charged(tmp_path: Path) -> None:
    with running(tmp_path, "ok") as r:
        left_by_a_kill(r, tmp_path)
        left_by_a_kill(r, tmp_path)
        r.ask()
    assert r.dollars == pytest.approx(ANSWER + 2 * DOUBT)


def test_what_failed_before_the_kill_is_charged_too(tmp_path: Path) -> None:
    async def at_once(_: float) -> None:
        return

    with running(tmp_path, "ok") as r:
        with ScriptedLLM(["reset", "500", r.keep(tmp_path / "left")]) as server:
            r.ask(api_base=server.api_base, retries=2, sleep=at_once)
        r.after_kill(tmp_path / "left")
        r.ask()
    assert r.dollars == pytest.approx(ANSWER + 2 * DOUBT)  # the 500 costs nothing
    outcomes = [attempt.get("outcome") for attempt in r.read()["attempts"]]
    assert outcomes == ["connection", "server", "lost", None]


def test_a_request_of_another_question_is_charged_as_what_it_was(tmp_path: Path) -> None:
    with running(tmp_path, "ok") as r:
        left_by_a_kill(r, tmp_path, model=Y)
        r.ask("short")
    assert r.dollars == pytest.approx(ANSWER + UNSEEN)  # openai/y has not answered yet


def test_a_stub_is_charged_also_when_the_model_cannot_be_asked_again(tmp_path: Path) -> None:
    with running(tmp_path, "500") as r:
        left_by_a_kill(r, tmp_path)
        chat = r.chat()

        async def work() -> list[Reply | Silence]:
            for number in range(100, 100 + LIMIT):
                await chat.complete(X, question(number=number))
            return [await chat.complete(X, question()) for _ in range(2)]

        one, two = run(chat, work)
    assert isinstance(one, Silence)
    assert "rests for" in one.reason
    assert one == two
    [call] = [call for call in r.calls if call.transcript == FIRST]
    assert (call.outcome, call.attempts) == ("resting", 1)
    assert call.dollars == pytest.approx(UNSEEN)


DAMAGE = [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"outcome": "ok", "response": "forged"}']


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_receipt_that_cannot_be_read_is_charged_kept_and_asked_again(tmp_path: Path, damage: bytes) -> None:
    with running(tmp_path, Say("again")) as r:
        r.folder.mkdir()
        (r.folder / FIRST).write_bytes(damage)
        assert r.ask() == r.ask() == Reply("again", "openai/x")
        assert len(r.server.requests) == 1
    assert (r.folder / FIRST).read_bytes() == damage
    assert r.dollars == pytest.approx(ANSWER + DOUBT)
    assert r.read(SECOND)["attempts"][0]["error"].startswith(f"{FIRST} cannot be read")


def test_a_receipt_on_record_that_cannot_be_read_is_not_charged_twice(tmp_path: Path) -> None:
    with running(tmp_path, "ok") as r:
        r.ask()
        (r.folder / FIRST).unlink()
        r.ask()
    assert r.dollars == pytest.approx(2 * ANSWER)
    assert [call.transcript for call in r.calls] == [FIRST, SECOND]


def test_what_a_killed_engine_left_can_be_settled_without_asking(tmp_path: Path) -> None:
    with running(tmp_path, Say("again")) as r:
        left_by_a_kill(r, tmp_path)
        r.tell(r.chat(), question(number=8))
        r.calls.clear()
        for _ in range(2):
            r.chat().settle()
        assert [(call.transcript, call.outcome) for call in r.calls] == [
            (FIRST, "cancelled"),
            ("000008-mutate.json", "ok"),
        ]
        assert r.dollars == pytest.approx(UNSEEN + ANSWER)
        assert r.ask() == Reply("again", "openai/x")
    assert r.dollars == pytest.approx(UNSEEN + 2 * ANSWER)
    assert r.calls[-1].transcript == SECOND


# cancelled


def cancelled(r: Run, when: Callable[[], bool], then: Callable[[], object] = int, **settings: Any) -> None:
    """Ask, and cancel that as soon as ``when``."""
    chat = r.chat(**settings)

    async def work() -> None:
        task = asyncio.create_task(chat.complete(X, question()))
        while not when():
            await asyncio.sleep(0.01)
        then()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(chat, work)


def test_what_was_cancelled_is_asked_again_under_a_new_name(tmp_path: Path) -> None:
    with running(tmp_path, "hang", Say("again")) as r:
        cancelled(r, lambda: bool(r.server.requests))
        before = (r.folder / FIRST).read_bytes()
        assert r.ask() == r.ask() == Reply("again", "openai/x")
        assert len(r.server.requests) == 2
    assert (r.folder / FIRST).read_bytes() == before
    assert [(call.outcome, call.transcript) for call in r.calls] == [("cancelled", FIRST), ("ok", SECOND)]
    assert r.dollars == pytest.approx(UNSEEN + ANSWER)


def test_what_was_cancelled_and_not_recorded_is_recorded_when_asked_again(tmp_path: Path) -> None:
    with running(tmp_path, "hang", Say("again")) as r:
        cancelled(r, lambda: bool(r.server.requests))
        before = r.calls.copy()
        r.calls.clear()
        r.ask()
    assert r.calls[:1] == before
    assert len(r.calls) == 2


# a disk that is full


@contextmanager
def full(size: int = 0) -> Iterator[Callable[[], None]]:
    """Let no file grow past ``size`` bytes; yields how to end that early."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    def relieve() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    try:
        yield relieve
    finally:
        relieve()


class Patience:
    """Waits for room on the disk, which somebody makes after so many tries."""

    def __init__(self, tries: int, make_room: Callable[[], None]) -> None:
        self.tries, self.make_room = tries, make_room
        self.waits = 0

    async def __call__(self, write: Callable[[], None]) -> None:
        while True:
            try:
                return write()
            except OSError:
                self.waits += 1
                if self.waits == self.tries:
                    self.make_room()
                await asyncio.sleep(0.01)


def test_nothing_is_asked_before_its_stub_is_on_the_disk(tmp_path: Path) -> None:
    with running(tmp_path, Say("hello")) as r, full() as relieve:
        asked: list[int] = []

        def make_room() -> None:
            asked.append(len(r.server.requests))
            relieve()

        patience = Patience(3, make_room)
        assert r.ask(durably=patience) == Reply("hello", "openai/x")
    assert (asked, patience.waits) == ([0], 3)
    assert r.names() == [FIRST]
    assert r.dollars == pytest.approx(ANSWER)


def test_a_reply_waits_for_room_and_is_not_asked_for_again(tmp_path: Path) -> None:
    reply = Say("y" * 20_000)
    with running(tmp_path, reply) as r, full(8_000) as relieve:
        patience = Patience(3, relieve)
        assert r.ask(durably=patience) == r.ask() == Reply(reply.text, "openai/x")
        assert len(r.server.requests) == 1
    assert patience.waits == 3
    assert r.dollars == pytest.approx(ANSWER)


def test_a_full_disk_goes_through_to_the_caller_who_did_not_wait(tmp_path: Path) -> None:
    with running(tmp_path, "ok") as r:
        with full(), pytest.raises(OSError, match="too large"):
            r.ask()
        assert r.server.requests == []
    assert r.names() == []


def test_a_reply_that_is_cancelled_while_it_waits_for_room_is_kept(tmp_path: Path) -> None:
    reply = Say("y" * 20_000)
    with running(tmp_path, reply) as r:
        with full(8_000) as relieve:
            patience = Patience(-1, relieve)
            cancelled(r, lambda: patience.waits > 0, relieve, durably=patience)
        assert r.ask() == Reply(reply.text, "openai/x")
        assert len(r.server.requests) == 1
    assert [call.outcome for call in r.calls] == ["ok"]


def test_a_reply_that_found_no_room_before_the_end_is_charged_once(tmp_path: Path) -> None:
    reply = Say("y" * 20_000)
    with running(tmp_path, reply) as r:
        with full(8_000) as relieve:
            patience = Patience(-1, relieve)
            cancelled(r, lambda: patience.waits > 0, durably=patience)
        assert r.ask() == Reply(reply.text, "openai/x")
        assert len(r.server.requests) == 2
    assert r.dollars == pytest.approx(2 * ANSWER)
    assert [call.transcript for call in r.calls] == [FIRST, SECOND]


def test_a_wait_for_the_stub_that_is_cancelled_costs_nothing(tmp_path: Path) -> None:
    with running(tmp_path, Say("again")) as r:
        with full() as relieve:
            patience = Patience(-1, relieve)
            cancelled(r, lambda: patience.waits > 0, durably=patience)
        assert r.dollars == 0.0
        assert r.ask() == Reply("again", "openai/x")
    assert r.dollars == pytest.approx(ANSWER)


def test_file_and_folder_are_synced_around_the_rename(tmp_path: Path) -> None:
    seen: list[str] = []

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called is os.fsync:
            file = frame.f_locals["file"]
            mode = os.fstat(file if isinstance(file, int) else file.fileno()).st_mode
            seen.append("folder" if stat.S_ISDIR(mode) else "file")
        elif event == "c_call" and called in (os.replace, os.rename):
            seen.append("rename")

    folder = tmp_path / "transcripts"
    sys.setprofile(watch)
    try:
        write_transcript(folder, "a.json", {"one": 1}, {})
        made, seen = seen, []
        write_transcript(folder, "a.json", {"two": 2}, {})
    finally:
        sys.setprofile(None)
    assert made == ["folder", "file", "rename", "folder"]
    assert seen == ["file", "rename", "folder"]
