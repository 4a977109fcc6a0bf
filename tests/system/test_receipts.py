"""An engine that is killed while a model is asked, at any point, pays for the reply once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from operators.chat import Reply
from population.ledger import Call
from tests.operators.test_receipts import FIRST, running
from tests.scripted_llm import Messages
from tests.system import killed_chat

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("point", "requests"), [("stub", 1), ("request", 2), ("receipt", 1), ("recorded", 1)]
)
def test_a_kill_at_any_point_pays_for_a_reply_once_and_records_no_less(
    tmp_path: Path, point: str, requests: int
) -> None:
    victim: list[subprocess.Popen[bytes]] = []

    def answer(_: Messages) -> str:
        if point == "request" and victim[0].poll() is None:
            victim[0].kill()
        return "an answer"

    ledger = tmp_path / "ledger"
    with running(tmp_path, answer) as r:
        command = [sys.executable, killed_chat.__file__, r.folder, ledger, r.server.api_base, point]
        root = Path(__file__).parents[2]
        victim.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root)}))
        assert victim[0].wait() == -signal.SIGKILL
        if ledger.exists():
            r.calls += [Call(**json.loads(line)) for line in ledger.read_text().splitlines()]
        replies = [r.tell(r.chat(), killed_chat.ASK) for _ in range(2)]
        assert len(r.server.requests) == requests
    assert [(reply.text, reply.model) for reply in replies if isinstance(reply, Reply)] == [
        ("an answer", "openai/x")
    ] * 2
    assert [call.transcript for call in r.calls] == [FIRST]
    assert r.dollars >= requests * 100 * 10.0 / 1e6
