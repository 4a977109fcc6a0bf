"""A search whose LLM endpoint is down: it goes on without, and with it as soon as it is there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from operators.breaker import FIRST_REST, LIMIT
from population.ledger import Call
from population.store import Population
from tests.scripted_llm import ScriptedLLM
from tests.system.command import SEED, TASK, Event, report
from tests.system.sitting import Sitting, sitting

pytestmark = pytest.mark.system

MODEL = "openai/scripted"
PARALLEL = 2
EVALUATIONS = 30
FLAGS = ("--burst", 0.4, "--slots", 1, "--ahead", 6, "--llm-parallel", PARALLEL, "--seed", 1)


@contextmanager
def deserted(text: Path, cwd: Path, *flags: object) -> Iterator[tuple[Sitting, int]]:
    """Start a search whose model's server goes away before it is asked anything; give it and the port."""
    with ScriptedLLM(["ok"]) as server:
        base = ("--model", MODEL, "--api-base", server.api_base)
        command = ("run", SEED, "--data", text, *TASK, "--run", "run", *FLAGS, *base, *flags)
        with sitting(*command, cwd=cwd) as one:
            assert one.until(lambda: one.count("started") > 0), one.errors
            server.close()
            assert server.requests == []
            yield one, server.port


@dataclass(frozen=True)
class Down:
    """A search to whose model nobody listened."""

    one: Sitting
    status: dict[str, Any]
    calls: list[Call]


@pytest.fixture(scope="module")
def down(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Down:
    cwd = tmp_path_factory.mktemp("down")
    with deserted(text, cwd, "--evaluations", EVALUATIONS) as (one, _):
        one.end()
    with Population.open(cwd / "run") as population:
        return Down(one, report("status", "run", cwd=cwd), list(population.calls))


def test_without_its_model_a_search_uses_its_budget(down: Down) -> None:
    assert down.one.process.returncode == 0, down.one.errors
    final = down.one.told[-1]
    assert final["evaluations"] == EVALUATIONS
    assert final["reason"] == f"the budget of {EVALUATIONS} evaluations is used"
    children = [one for one in final["variants"] if one["parents"]]
    assert len(children) > 3
    assert {one["model"] for one in children} == {""}
    assert "Traceback" not in down.one.errors


def test_status_says_what_came_of_calls_that_nobody_took(down: Down) -> None:
    rows = {row["outcome"]: row for row in down.status["calls"]}
    assert "connection" in rows
    assert rows.keys() <= {"connection", "resting", "cancelled"}
    assert sum(row["calls"] for row in rows.values()) == len(down.calls)
    assert {row["model"] for row in rows.values()} == {MODEL}
    assert down.status["refusals"]["llm"] > 0


def test_an_endpoint_that_is_down_is_asked_the_more_rarely(down: Down) -> None:
    most = LIMIT + PARALLEL + down.status["seconds"] / FIRST_REST
    assert 0 < sum(call.attempts for call in down.calls) <= most
    assert len(down.calls) < PARALLEL * (2 + down.status["seconds"] / 2)  # those not made are on record too


@pytest.mark.parametrize("policy", ["evolve", "greedy"])  # the second one has nothing to do but ask
def test_a_model_that_comes_up_late_has_children_without_a_restart(
    text: Path, tmp_path: Path, policy: str
) -> None:
    def refused(told: list[Event]) -> int:
        return sum(e["event"] == "refusal" and e["data"]["kind"] == "llm" for e in told)

    def written(told: list[Event]) -> bool:
        return any(e["event"] == "measured" and e["data"]["model"] == MODEL for e in told)

    with deserted(text, tmp_path, "--seed-replicates", 1, "--policy", policy) as (one, port):
        assert one.until(lambda: refused(one.told) >= 2), one.errors
        with ScriptedLLM(["ok"], port=port):
            assert one.until(lambda: written(one.told)), one.errors
        one.process.send_signal(signal.SIGINT)
        assert one.end() == 130
