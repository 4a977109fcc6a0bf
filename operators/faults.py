"""What a failed request means: worth another try, or not, and whether it may have been billed."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request failed.

    Args:
        outcome: the word for the ledger (see ``population.ledger.Call``).
        reason: what the server or the connection said.
        again: the same request may do better later.
        billed: nobody knows whether the provider charges for it.
        wait: seconds that the server asked to be left alone.
    """

    outcome: str
    reason: str
    again: bool
    billed: bool = False
    wait: float = 0.0


def classify(litellm: ModuleType, error: Exception, now: float) -> Fault:
    """Say what a failed request means, by litellm's exception types and by what they were raised from."""
    chain = list(_causes(error))
    names = {kind.__name__ for cause in chain for kind in type(cause).__mro__}
    status = getattr(error, "status_code", None) or 0
    text = _message(error)
    if isinstance(error, TimeoutError | litellm.Timeout):
        return Fault("timeout", "no answer in time", again=True, billed="ConnectTimeout" not in names)
    if any(isinstance(cause, json.JSONDecodeError) for cause in chain):
        return Fault("malformed", f"its answer is no JSON: {text}", again=True, billed=True)
    if "TransportError" in names or isinstance(error, litellm.APIConnectionError):  # litellm calls these 500
        return Fault("connection", f"{text} {chain[-1]}", again=True, billed="ConnectError" not in names)
    if isinstance(error, litellm.RateLimitError):
        return Fault("rate-limit", text, again="quota" not in text, wait=_retry_after(error, now))
    if status in (401, 403):
        return Fault("auth", text, again=False)
    if 400 <= status < 500 and status not in (408, 409, 425):
        return Fault("bad-request", text, again=False)
    if status:
        return Fault("server", text, again=True, wait=_retry_after(error, now))
    return Fault("malformed", f"{type(error).__name__}: {text}", again=False, billed=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it was raised from, outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _message(error: Exception) -> str:
    """Return litellm's message without the class names it puts before it."""
    text = str(getattr(error, "message", "") or error)
    while (parts := text.partition(": "))[1] and parts[0].removeprefix("litellm.").endswith(
        ("Error", "Timeout")
    ):
        text = parts[2]
    status = getattr(error, "status_code", None)
    return f"{text} (HTTP {status})" if status and text else text or type(error).__name__


def _retry_after(error: Exception, now: float) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3), 0.0 without one."""
    value = (getattr(error, "litellm_response_headers", None) or {}).get("retry-after", "")
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - now, 0.0)
    except ValueError:
        return 0.0
