from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from evolve import orders
from evolve.page.control import HEADER, Control
from evolve.page.guard import Guard
from evolve.page.server import app
from population.store import Population

BAN = {"kind": "ban", "variant": "v1"}


def sent(
    folder: Path, order: Any, control: Control, token: str | None = None, host: str = "127.0.0.1"
) -> httpx.Response:
    """Post an order to a page of one run."""
    served = app([folder], Guard("127.0.0.1", ""), control=control)
    headers = {HEADER: control.token if token is None else token, "host": host}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asked:
            body = order if isinstance(order, bytes) else json.dumps(order).encode()
            return await asked.post("/api/run/0/control", content=body, headers=headers)

    return asyncio.run(ask())


def waiting(folder: Path) -> list[tuple[str, str]]:
    return [(order.kind.value, order.variant) for _, order in orders.waiting(folder)]


def test_an_order_of_the_page_reaches_the_run(run: Population) -> None:
    answer = sent(run.folder, BAN, Control(allowed=True))
    assert answer.status_code == 200
    assert answer.json()["told"].endswith("bans v1")
    assert waiting(run.folder) == [("ban", "v1")]


@pytest.mark.parametrize(
    ("control", "token", "host", "status"),
    [
        (Control(), None, "127.0.0.1", 403),  # it may only look
        (Control(allowed=True), "", "127.0.0.1", 403),
        (Control(allowed=True), "guessed", "127.0.0.1", 403),
        (Control(allowed=True), None, "elsewhere.example", 421),
    ],
)
def test_nobody_else_can_give_one(
    run: Population, control: Control, token: str | None, host: str, status: int
) -> None:
    assert sent(run.folder, BAN, control, token, host).status_code == status
    assert waiting(run.folder) == []


@pytest.mark.parametrize(
    ("order", "status", "said"),
    [
        (b"{ torn", 400, "a JSON object"),
        ([], 400, "a JSON object"),
        ({"kind": "dance"}, 400, "an order has a kind"),
        ({"kind": "inject", "source": "import os"}, 400, "an order has a kind"),
        ({"kind": "ban"}, 400, "ban needs a variant"),
        ({"kind": "ban", "variant": "v0"}, 400, "cannot be banned"),
        ({"kind": "ban", "variant": ["v1"]}, 400, "an order has a kind"),
        ({"kind": "ban", "variant": "v99"}, 400, "no variant 'v99'"),
        ({"kind": "favour", "variant": "v2"}, 400, "has no score"),
        ({"kind": "steer", "text": "x" * 20_000}, 413, "10000 bytes"),
    ],
)
def test_what_is_no_order_is_told_so(run: Population, order: Any, status: int, said: str) -> None:
    answer = sent(run.folder, order, Control(allowed=True))
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert waiting(run.folder) == []


@pytest.mark.parametrize("allowed", [False, True])
def test_a_page_that_may_only_look_gets_no_token(run: Population, allowed: bool) -> None:
    control = Control(allowed)
    served = app([run.folder], Guard("127.0.0.1", ""), control=control)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asked:
            return await asked.get("/api/control")

    assert asyncio.run(ask()).json()["token"] == (control.token if allowed else "")
