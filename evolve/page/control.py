"""Orders from the page, where the server was started with ``--allow-control``.

Each needs a token that only the page itself can read (a cross-site request cannot), in a header that a form
of another site cannot send; so nobody else in the same browser can give one.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evolve.errors import InputError
from evolve.ordering import give
from evolve.orders import CHILDREN, Kind, order
from evolve.report.untrusted import one_line

HEADER = "x-evolve-control"
ORDERS = frozenset(Kind) - {Kind.INJECT}
"""What can be ordered from the page: no program comes from there."""

_LONGEST = 10_000  # bytes of a request


@dataclass(frozen=True, slots=True)
class Control:
    """Lets a page give orders.

    Args:
        allowed: whether it may.
        token: what it has to show.
    """

    allowed: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def routes(self, runs: Sequence[Path]) -> list[Route]:
        """Return what is served for these runs: the token, and where orders are taken."""

        async def told(_: Request) -> Response:
            return JSONResponse({"token": self.token if self.allowed else ""})

        async def taken(request: Request) -> Response:
            number = int(request.path_params["number"])
            if number >= len(runs):
                raise HTTPException(404, "there is no such run")
            given = request.headers.get(HEADER, "")
            if not self.allowed or not hmac.compare_digest(given.encode(), self.token.encode()):
                raise HTTPException(
                    403, "this page may only look: `evolve serve --allow-control` lets it steer"
                )
            wanted = _order(await _body(request))
            try:
                sent = await run_in_threadpool(give, runs[number], wanted)
            except InputError as error:
                raise HTTPException(400, one_line(str(error))) from error
            except OSError as error:
                raise HTTPException(507, f"the order could not be written: {error.strerror}") from error
            return JSONResponse({"told": one_line(sent.told())})

        return [
            Route("/api/control", told),
            Route("/api/run/{number:int}/control", taken, methods=["POST"]),
        ]


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object that is sent (HTTPException for anything else)."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _LONGEST:
            raise HTTPException(413, f"an order has {_LONGEST} bytes at most")
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HTTPException(400, "an order is a JSON object")
    return found


def _order(said: dict[str, Any]) -> Any:
    """Return the order that is meant (HTTPException where it is none)."""
    text, variant, children = said.get("text", ""), said.get("variant", ""), said.get("children", CHILDREN)
    budgets = said.get("budgets", {})
    sound = (
        said.get("kind") in {kind.value for kind in ORDERS}
        and isinstance(text, str)
        and isinstance(variant, str)
        and isinstance(children, int)
        and isinstance(budgets, dict)
        and all(isinstance(one, int | float) for one in budgets.values())
    )
    if not sound:
        raise HTTPException(400, f"an order has a kind ({', '.join(sorted(ORDERS))}), and what belongs to it")
    kind = Kind(said["kind"])
    if not variant and kind in (Kind.BAN, Kind.FAVOUR, Kind.APPROVE):
        raise HTTPException(400, f"{kind.value} needs a variant")
    return order(kind, text=text, variant=variant, children=children, budgets=budgets)
