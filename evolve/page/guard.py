"""Who may read the page: nobody from another site, and from another machine only who has the token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

COOKIE = "evolve-token"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-eval'",  # plotly compiles what it draws by WebGL; no script is inline
    "style-src": "'self' 'unsafe-inline'",  # it also sets styles by itself
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_Next = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets requests pass, or not.

    Args:
        host: the address that is listened on.
        token: what everyone must know; empty where nothing is asked for.
    """

    host: str
    token: str

    async def __call__(self, request: Request, call_next: _Next) -> Response:
        """Answer a request."""
        response = self._refusal(request) or await call_next(request)
        response.headers.update(HEADERS)
        return response

    def _refusal(self, request: Request) -> Response | None:
        """Return what is said instead of an answer, None to let it pass."""
        if is_loopback(self.host) and not is_loopback(name_of(request.headers.get("host", ""))):
            return PlainTextResponse("this page answers under a name of this machine only", 421)
        if not self.token:
            return None
        given = request.query_params.get("token")
        if given is not None and self._known(given):
            response = RedirectResponse(request.url.path)
            response.set_cookie(COOKIE, given, httponly=True, samesite="strict", path="/")
            return response
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._known(request.cookies.get(COOKIE, "")) or self._known(bearer):
            return None
        return PlainTextResponse("open the address with the token that `evolve serve` has printed", 401)

    def _known(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


def name_of(host: str) -> str:
    """Return the name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(name: str) -> bool:
    """Say whether a name or an address is that of this machine alone."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
