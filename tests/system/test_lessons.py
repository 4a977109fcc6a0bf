"""Lessons of a real search: a model looks back, a person edits, and prompts tell of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evolve.lessons import FILE
from tests.scripted_llm import Messages, ScriptedLLM, tune_edit
from tests.system.command import SEED, TASK, events, evolve, report

pytestmark = pytest.mark.system


def looking_back(messages: Messages) -> str:
    """Answer a look back with two lessons, anything else with an edit."""
    text = str(messages[-1]["content"])
    if text.startswith("You look back"):
        return "- a lesson of the model's\n- ! another one\n"
    return tune_edit(messages)


def asked(server: ScriptedLLM) -> list[str]:
    return [str(request["messages"][-1]["content"]) for request in server.requests]


def test_a_model_looks_back_and_what_a_person_writes_is_kept(text: Path, tmp_path: Path) -> None:
    flags = ("--burst-tokens", 2000, "--seed", 2, "--trials", 0, "--seed-replicates", 3, "--lessons-every", 3)
    models = ("--model", "openai/scripted:0.2", "--model", "openai/strong:0.8")
    with ScriptedLLM([looking_back]) as server:
        command = ("run", SEED, "--data", text, *TASK, "--run", "run", "--api-base", server.api_base, *models)
        done = evolve(*command, *flags, "--evaluations", 24, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        learnt = [event for event in events(done.stdout) if event["event"] == "lessons"]
        assert learnt[0]["data"]["lines"] == ["a lesson of the model's", "another one"]
        file = tmp_path / "run" / FILE
        assert file.read_text().endswith("- a lesson of the model's\n- another one\n")
        births = [prompt for prompt in asked(server) if not prompt.startswith("You look back")]
        assert any("- a lesson of the model's\n- another one" in prompt for prompt in births)
        backs = [
            dict(r) for r in server.requests if str(r["messages"][-1]["content"]).startswith("You look back")
        ]
        assert {request["model"] for request in backs} == {"strong"}
        assert "Best ideas" in backs[-1]["messages"][-1]["content"]
        calls = [json.loads(p.read_text()) for p in (tmp_path / "run" / "transcripts").glob("*-reflect.json")]
        assert len(calls) == len(backs) == len(learnt)

        file.write_text("! try a convolution\n- an old lesson\n")
        before = len(server.requests)
        done = evolve("resume", "run", "--evaluations", 60, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        later = asked(server)[before:]
    assert any("- ! try a convolution\n- an old lesson" in prompt for prompt in later)
    assert file.read_text().endswith("! try a convolution\n- a lesson of the model's\n- another one\n")
    status: dict[str, Any] = report("status", "run", cwd=tmp_path)
    assert status["lessons"] == ["! try a convolution", "a lesson of the model's", "another one"]
    assert "3 in run/lessons.md" in evolve("status", "run", cwd=tmp_path).stdout
