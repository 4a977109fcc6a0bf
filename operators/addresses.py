"""Whose an address is, and whether anybody answers there."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

QUICK = 0.3  # seconds that a server on this machine gets to show itself
PATIENT = 5.0  # seconds that the user's own api-base gets
LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}


def is_loopback(api_base: str | None) -> bool:
    """Say whether an address is this machine's own."""
    return api_base is not None and urllib.parse.urlsplit(api_base).hostname in LOOPBACK


def get_json(address: str) -> Any:
    """Return the JSON behind an address of this machine, None when there is none in 0.3 s."""
    try:
        with _open(address, QUICK) as answer:
            return json.loads(answer.read(1_000_000))
    except (OSError, ValueError):  # nobody there, too slow, an error page, not JSON
        return None


def unreachable(address: str) -> str | None:
    """Say why nobody answers at an address, None when anybody does, whatever the answer."""
    try:
        with _open(address, PATIENT):
            return None
    except urllib.error.HTTPError:
        return None
    except urllib.error.URLError as error:
        return _said(error.reason)
    except (OSError, ValueError) as error:
        return _said(error)


def _open(address: str, timeout: float) -> Any:
    """Open an address: through the user's proxy, but never for this machine's own."""
    proxies: dict[str, str] | None = {} if is_loopback(address) else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    return opener.open(address, timeout=timeout)


def _said(reason: object) -> str:
    """Return an error in words, without its number."""
    if isinstance(reason, TimeoutError):
        return f"no answer in {PATIENT:g} s"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason)
