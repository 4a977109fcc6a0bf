import socket
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.addresses import get_json, unreachable
from operators.chat import Model, ReplyForm
from operators.llm import listed, load
from operators.models import (
    PROVIDERS,
    UNLISTED,
    ModelError,
    check_models,
    choose_default,
    is_small,
    parse_model,
)
from tests.scripted_llm import ScriptedLLM


def nobody(_: str) -> Any:
    return None


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check(
    *names: str, api_base: str | None = None, environment: Mapping[str, str] | None = None, **rest: Any
) -> None:
    check_models([parse_model(name) for name in names], api_base, environment or {}, **rest)


@pytest.mark.parametrize(
    ("text", "name", "weight"),
    [
        ("openai/gpt-x", "openai/gpt-x", 1.0),
        ("openai/gpt-x:0.3", "openai/gpt-x", 0.3),
        ("ollama/llama3:8b", "ollama/llama3:8b", 1.0),
        ("ollama/llama3:8b:2", "ollama/llama3:8b", 2.0),
        ("ft:gpt-4o:org::id", "ft:gpt-4o:org::id", 1.0),
    ],
)
def test_a_weight_is_the_last_part_when_it_is_a_number(text: str, name: str, weight: float) -> None:
    model = parse_model(text)
    assert (model.name, model.weight) == (name, weight)


@pytest.mark.parametrize("text", ["", ":0.5", "a:0", "a:-1", "a:nan", "a:inf", "two words"])
def test_a_model_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        parse_model(text)


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=100, derandomize=True)
def test_any_text_is_a_model_or_refused(text: str) -> None:
    try:
        model = parse_model(text)
    except ModelError:
        return
    assert model.name
    assert 0.0 < model.weight < float("inf")


def test_an_unknown_reply_form_is_refused() -> None:
    with pytest.raises(ModelError, match="diff, whole, json"):
        parse_model("openai/x", "xml")


@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("local/smollm2", True),
        ("ollama/qwen2.5-coder:0.5b", True),
        ("ollama/gemma3:270m", True),
        ("openai/Llama-3.2-1B-Instruct", True),
        ("ollama/llama3:8b", False),
        ("openai/gpt-oss-120b", False),
        ("groq/qwen/qwen3.8-27b", False),
        ("openai/gpt-6-luna", False),
        ("nebius/Qwen/Qwen3-30B-A3B-Instruct", False),
    ],
)
def test_small_models_choose_values_and_others_write_edits(name: str, small: bool) -> None:
    assert is_small(name) is small
    assert parse_model(name).form is (ReplyForm.JSON if small else ReplyForm.DIFF)


def test_a_form_given_wins_over_the_size() -> None:
    assert parse_model("local/smollm2", "whole") == Model("local/smollm2", 1.0, ReplyForm.WHOLE, small=True)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.name)
def test_each_default_model_is_one_that_litellm_prices(provider: Any) -> None:
    load()
    entry = listed(provider.model)
    assert (entry is None) == (provider.name in UNLISTED)
    assert entry is None or entry["input_cost_per_token"] > 0.0
    assert not is_small(provider.model)


def test_a_key_chooses_its_provider_and_the_sentence_names_no_key() -> None:
    choice = choose_default({"MISTRAL_API_KEY": "very-secret"}, nobody, lambda: True)
    assert [model.name for model in choice.models] == ["mistral/devstral-latest"]
    assert "MISTRAL_API_KEY" in choice.why
    assert "very-secret" not in choice.why
    assert not choice.local


def test_ollama_is_found_on_its_port_and_embedding_models_are_passed_over() -> None:
    def probe(address: str) -> Any:
        if address == "http://127.0.0.1:11434/api/tags":
            return {"models": [{"name": "nomic-embed-text:latest"}, {"name": "llama3:8b"}]}
        return None

    choice = choose_default({}, probe, lambda: True)
    assert [model.name for model in choice.models] == ["openai/llama3:8b"]
    assert choice.api_base == "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"data": None}, {"data": [1, {"id": 3}, {}]}])
def test_a_port_that_answers_something_else_is_no_model(answer: Any) -> None:
    assert choose_default({}, lambda _: answer, lambda: False).models == ()


def test_an_openai_compatible_server_is_found() -> None:
    with ScriptedLLM(["ok"]) as server:
        real = f"{server.api_base}/models"
        choice = choose_default({}, lambda address: get_json(real) if ":8080/" in address else None)
    assert [model.name for model in choice.models] == ["openai/scripted"]
    assert choice.api_base == "http://127.0.0.1:8080/v1"


def test_with_nothing_else_the_embedded_model_is_chosen() -> None:
    choice = choose_default({}, nobody, lambda: True)
    assert [model.name for model in choice.models] == ["local/smollm2"]
    assert choice.local


def test_with_nothing_at_all_the_sentence_says_how_to_get_one() -> None:
    choice = choose_default({}, nobody, lambda: False)
    assert choice.models == ()
    assert "pip install 'evolve-train[local]'" in choice.why


def test_a_probe_of_a_closed_port_finds_nothing() -> None:
    assert get_json(f"http://127.0.0.1:{closed_port()}/v1/models") is None


def test_an_error_page_is_an_answer() -> None:
    with ScriptedLLM(["ok"]) as server:
        assert unreachable(f"http://127.0.0.1:{server.port}/nowhere/models") is None


@pytest.mark.parametrize("name", ["foo", "nonesuch/x"])
def test_an_unknown_provider_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=f"unknown model '{name}': litellm knows no such provider"):
        check(name)


def test_an_unknown_model_of_a_known_provider_is_refused_unless_it_has_a_price() -> None:
    keys = {"OPENAI_API_KEY": "k"}
    with pytest.raises(ModelError, match="litellm lists no such model of openai"):
        check("openai/gpt-99", environment=keys)
    check("openai/gpt-99", environment=keys, priced={"openai/gpt-99"})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ModelError, match="set GEMINI_API_KEY or GOOGLE_API_KEY in the environment"):
        check("gemini/gemini-3.8-flash")
    check("gemini/gemini-3.8-flash", environment={"GOOGLE_API_KEY": "k"})


def test_an_api_base_where_nobody_listens_is_refused_in_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"nobody answers at the api-base http://\S+: connection refused"):
        check("openai/x", api_base=f"http://127.0.0.1:{closed_port()}/v1")


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://x/v1", "nonsense", "http://"])
def test_an_api_base_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ModelError, match="an api-base is an address"):
        check("openai/x", api_base=address)


def test_a_password_in_an_api_base_is_not_repeated() -> None:
    with pytest.raises(ModelError) as caught:
        check("openai/x", api_base="http://me:hunter2@localhost/v1", reach=lambda _: "refused")
    assert "hunter2" not in str(caught.value)


def test_a_server_of_ones_own_needs_no_key_and_may_name_models_as_it_likes() -> None:
    with ScriptedLLM(["ok"]) as server:
        check("openai/x", "openai/whatever:2", api_base=server.api_base)


def test_the_embedded_model_needs_its_packages() -> None:
    with pytest.raises(ModelError, match="not installed"):
        check("local/smollm2", installed=lambda: False)
    with pytest.raises(ModelError, match="the embedded model is local/smollm2"):
        check("local/llama", installed=lambda: True)
    check("local/smollm2", installed=lambda: True)
