"""A search that asks language models over real HTTP, whatever these do."""

from __future__ import annotations

import json
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.scripted_llm import Behaviour, ScriptedLLM
from tests.system.command import (
    SEED,
    TASK,
    Event,
    ended,
    events,
    family,
    follow,
    left,
    report,
    side_by_side,
    started,
)

pytestmark = pytest.mark.system

KEY = "a-key-that-nobody-may-ever-see-again"
OUTCOMES = {
    "ok": "ok",
    "prose": "ok",
    "nomatch": "ok",
    "429": "rate-limit",
    "500": "server",
    "hang": "timeout",
    "cutoff": "connection",
    "garbage": "malformed",
    "leak": "auth",
}
"""What comes of a call to the model that behaves like this every time."""

REFUSED = {"prose": "reply", "nomatch": "edit"} | {
    name: "llm" for name, outcome in OUTCOMES.items() if outcome != "ok"
}
"""The kind of refusal that follows."""


class ByModel(ScriptedLLM):
    """Behaves as the name of the model asked says."""

    def next_behaviour(self, request: dict[str, Any], headers: dict[str, str]) -> Behaviour:
        super().next_behaviour(request, headers)
        return str(request["model"])


@dataclass(frozen=True)
class Tried:
    """A search among models that misbehave, interrupted once each has been asked."""

    run: Path
    code: int
    seen: list[Event]
    status: dict[str, Any]
    asked_with: set[str]
    survivors: list[psutil.Process]


@pytest.fixture(scope="module")
def tried(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    cwd = tmp_path_factory.mktemp("tried")
    models = [word for name in OUTCOMES for word in ("--model", f"openai/{name}")]
    flags = ("--burst", 0.2, "--seed", 1, "--ahead", 14, "--llm-parallel", 12, "--llm-timeout", 2)
    flags = (*flags, "--reply", "diff", "--json")

    def all_asked(seen: list[Event]) -> bool:
        refused = {e["data"]["model"].removeprefix("openai/") for e in seen if e["event"] == "refusal"}
        return refused >= REFUSED.keys() and any(child(e, "openai/ok") for e in seen)

    with ByModel(["ok"], retry_after=0) as server:
        command = ("run", SEED, "--data", text, *TASK, "--run", "run", "--api-base", server.api_base)
        with started(*command, *models, *flags, cwd=cwd, OPENAI_API_KEY=KEY) as search:
            seen = follow(search, all_asked)
            everything = family(search)
            search.send_signal(signal.SIGINT)
            done = ended(search)
        asked_with = {header["Authorization"] for header in server.headers}
    seen += events(done.stdout)
    status = report("status", "run", cwd=cwd)
    return Tried(cwd / "run", done.returncode, seen, status, asked_with, left(everything))


def child(event: Event, model: str) -> bool:
    return event["event"] == "measured" and event["data"]["model"] == model


@pytest.mark.parametrize("behaviour", OUTCOMES)
def test_each_way_to_answer_is_survived_and_its_calls_counted(behaviour: str, tried: Tried) -> None:
    outcomes = {row["outcome"] for row in tried.status["calls"] if row["model"] == f"openai/{behaviour}"}
    assert outcomes - {"cancelled", "resting"} == {OUTCOMES[behaviour]}


@pytest.mark.parametrize("behaviour", REFUSED)
def test_what_gives_no_child_is_a_refusal_of_its_kind(behaviour: str, tried: Tried) -> None:
    events = [
        e for e in tried.seen if e["event"] == "refusal" and e["data"]["model"] == f"openai/{behaviour}"
    ]
    assert {e["data"]["kind"] for e in events} == {REFUSED[behaviour]}


def test_refusals_are_counted_by_kind_and_operator(tried: Tried) -> None:
    told = Counter(event["data"]["kind"] for event in tried.seen if event["event"] == "refusal")
    assert tried.status["refusals"] == told
    assert sum(row["refused"] for row in tried.status["operators"]) == told.total()


def test_a_child_names_the_operator_and_the_model_that_made_it(tried: Tried) -> None:
    made = {(e["data"]["operator"], e["data"]["model"]) for e in tried.seen if e["event"] == "measured"}
    assert ("mutate", "openai/ok") in made
    assert ("syntactic", "") in made
    assert {model for _, model in made} == {"", "openai/ok"}


def test_every_exchange_is_kept_whole_and_without_the_key(tried: Tried) -> None:
    assert tried.asked_with == {f"Bearer {KEY}"}
    kept = [json.loads(path.read_text()) for path in (tried.run / "transcripts").glob("*.json")]
    assert {exchange["model"] for exchange in kept} == {f"openai/{name}" for name in OUTCOMES}
    answered = [
        exchange
        for exchange in kept
        if exchange["model"] == "openai/ok" and exchange["response"] and exchange["operator"] != "reflect"
    ]
    assert all("<<<<<<< SEARCH" in exchange["response"] for exchange in answered)
    assert all("def train(burst)" in json.dumps(exchange["request"]) for exchange in answered)
    files = [path for path in tried.run.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_calls_under_way_are_given_up_when_the_search_is_interrupted(tried: Tried) -> None:
    assert tried.code == 130
    assert tried.survivors == []


def test_a_server_that_dies_half_way_leaves_a_search_that_goes_on(text: Path, tmp_path: Path) -> None:
    command = ("run", SEED, "--data", text, *TASK, "--run", "run", "--model", "openai/scripted", "--json")
    flags = ("--burst", 0.2, "--seed", 1, "--evaluations", 30)
    with ScriptedLLM(["ok"]) as server:
        address = ("--api-base", server.api_base)
        with started(*command, *flags, *address, cwd=tmp_path) as search:
            before = follow(search, lambda seen: any(child(event, "openai/scripted") for event in seen))
            server.close()
            done = ended(search)
    assert done.returncode == 0, done.stderr
    after = events(done.stdout)
    assert any(child(event, "") for event in after)
    assert after[-1]["evaluations"] == 30
    assert after[-1]["reason"] == "the budget of 30 evaluations is used"
    assert not any(event["event"] == "torn" for event in before)


def test_with_a_server_too_the_same_seed_and_tokens_give_the_same_search(text: Path, tmp_path: Path) -> None:
    with ScriptedLLM(["ok"]) as server:
        command = ("run", SEED, "--data", text, *TASK, "--model", "openai/scripted", "--json")
        flags = ("--burst-tokens", 3000, "--seed", 1, "--evaluations", 14, "--ahead", 4, "--trials", 2)
        flags = (*flags, "--proposals", 0)  # each child is measured, so that some are the model's
        address = ("--api-base", server.api_base)
        commands = [(*command, *flags, *address, "--run", name) for name in ("a", "b")]
        one, two = (events(done.stdout)[-1] for done in side_by_side(commands, tmp_path))
    assert one == two
    assert "openai/scripted" in {variant["model"] for variant in one["variants"]}
