from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolve.errors import InputError
from evolve.page.data import overview
from evolve.page.detail import detail, index
from evolve.report.terminal import to_json
from population.ledger import Call, Event
from population.store import Population


def test_the_answers_are_the_engine_s_own(run: Population) -> None:
    found = overview(run, running=False)
    assert found["champion"]["id"] == "v1"
    assert found["champion"]["score"] == {"text": "2.305 ± 0.008", "n": 2}
    assert found["champion"]["gain"].startswith("+0.205 ± ")
    assert found["real"]["level"] == "likely"
    assert "not verified" in found["real"]["text"]
    assert found["ended"] == "the budget of 10 evaluations is used"
    assert found["cost"]["dollars"] == "$0.2500 + 1 call of unknown price"
    assert found["cost"]["evaluations"] == "8"


def test_the_steps_of_the_champion_have_their_gains(run: Population) -> None:
    (step,) = overview(run, running=False)["steps"]
    assert (step["id"], step["parent"]) == ("v1", "v0")
    assert step["gain"].startswith("+0.205 ± ")


def test_failures_are_told_by_kind_with_whom_and_why(run: Population) -> None:
    (failure,) = overview(run, running=False)["failures"]
    assert failure == {
        "kind": "exception",
        "bursts": 1,
        "variants": 1,
        "examples": ["v2"],
        "said": "ValueError: bad shape",
    }
    (refusal,) = overview(run, running=False)["refusals"]
    assert refusal == {"kind": "reply", "proposals": 1, "said": ["mutate: no edit"]}


def test_whose_word_the_scores_are_is_said(run: Population) -> None:
    with Population.open(run.folder) as before:
        assert overview(before, running=False)["score"] == "val_bpb"
    run.set_meta(trust="self-reported")
    found = overview(run, running=False)
    assert (found["score"], found["trust"]) == ("val_bpb (self-reported)", "self-reported")
    assert detail(run, "v1")["score"] == "val_bpb (self-reported)"


def test_an_empty_run_has_a_page(empty: Population) -> None:
    found = json.loads(to_json(overview(empty, running=True)))
    assert found["champion"] is None
    assert found["real"]["level"] == "open"
    assert found["running"]


def test_a_variant_is_shown_with_its_change_and_its_failure(run: Population) -> None:
    assert "+LR = 7e-3  # tune: log 1e-4..1e-1" in detail(run, "v1")["diff"]
    assert detail(run, "1")["id"] == "v1"
    assert detail(run, "v1")["trials"]["values"] == {"LR": [0.007]}
    (failure,) = detail(run, "v2")["failures"]
    assert failure["message"] == "ValueError: bad shape"
    assert "\x1b" not in failure["traceback"]


def test_what_a_variant_hides_in_its_source_is_spelled_out(run: Population) -> None:
    assert r"# \u202e hidden\x1b[2J" in detail(run, "v3")["source"]


def test_a_variant_whose_source_is_gone_is_shown_all_the_same(run: Population) -> None:
    path = run.folder / "variants"
    for source in path.rglob("*.py"):
        source.unlink()
    assert "cannot be read" in detail(run, "v1")["missing"]


def test_a_variant_that_is_not_there_is_said_so(run: Population) -> None:
    with pytest.raises(InputError, match="no variant 'v9' in this run"):
        detail(run, "v9")


def kept(folder: Path, name: str, **fields: object) -> None:
    exchange = {
        "model": "openai/x",
        "outcome": "ok",
        "seconds": 2.0,
        "dollars": 0.25,
        "request": {"messages": [{"role": "user", "content": "Improve \u202e it"}]},
        "response": "<script>alert(1)</script>",
        "reason": "",
    }
    (folder / "transcripts").mkdir(exist_ok=True)
    (folder / "transcripts" / name).write_text(json.dumps({**exchange, **fields}))


def call(name: str) -> Call:
    return Call("openai/x", "mutate", "ok", 1, 1, 0.25, 2.0, 1, name, 1.0)


def test_prompt_and_reply_of_a_variant_are_those_of_its_ideas(run: Population) -> None:
    data = {"variant": "v1", "ticket": 12, "ideas": [3, 4]}
    run.commit(
        Event("admitted", "v1 from v0", 1.0, data),
        *map(call, ("000003-mutate.json", "000004-mutate-2.json", "000005-mutate.json")),
    )
    kept(run.folder, "000003-mutate.json")
    assert index(run).exchanges == {"v1": ["000003-mutate.json", "000004-mutate-2.json"]}
    first, second = detail(run, "v1")["exchanges"]
    assert first["messages"] == [{"role": "user", "text": r"Improve \u202e it"}]
    assert first["reply"] == "<script>alert(1)</script>"
    assert "cannot be read" in second["missing"]


def test_who_was_made_without_a_model_has_no_exchange(run: Population) -> None:
    assert detail(run, "v2")["exchanges"] == []
