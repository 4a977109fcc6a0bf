"""A scripted OpenAI-compatible server over real HTTP: answers, or misbehaves, as its script says.

    with ScriptedLLM(["ok", "429", Say("hello")]) as server:
        ... server.api_base ... server.requests ...

or ``python tests/scripted_llm.py --port 0 --script ok,429,ok,500,hang,cutoff,prose,nomatch``, which prints
its port first. Request n gets behaviour n of the script, around and around. What ``ok`` answers depends on
the request's text alone, so that a run against it can be repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

Messages = list[dict[str, Any]]
TUNE = re.compile(r"^(?P<name>\w+)(?P<set>\s*=\s*)(?P<value>\S+)(?P<gap>\s*# tune:\s*)(?P<rule>.+?)\s*$")
FENCE = re.compile(r"^(?P<bar>`{3,})\w*\n(?P<body>.*?)^(?P=bar)\s*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(
    r"(?:(?P<kind>log|int)\s+)?(?P<low>[-+.\w]+?)\.\.(?P<high>[-+.\w]+)(?:\s+step\s+(?P<step>\S+))?"
)


@dataclass(frozen=True, slots=True)
class Say:
    """A fixed reply."""

    text: str


Behaviour = str | Say | Callable[[Messages], str]

NAMES = (
    *("ok", "json", "prose", "nomatch", "empty", "length", "400", "401", "403", "404", "429", "500", "503"),
    *("noschema", "hang", "cutoff", "garbage", "reset", "leak"),
)
REPLIES = {
    "prose": "One could try a smaller learning rate, or train for longer. It is hard to say in general.",
    "nomatch": (
        "Hypothesis: a line that is not there\n\n<<<<<<< SEARCH\nTHIS_LINE_IS_NOWHERE = 1\n=======\n"
        "THIS_LINE_IS_NOWHERE = 2\n>>>>>>> REPLACE\n"
    ),
    "empty": "",
    "length": "Hypothesis: a reply that ends too ear",
}
ERRORS = {
    "400": "bad request",
    "401": "wrong api key",
    "403": "not allowed",
    "404": "no such model",
    "429": "slow down",
    "500": "internal error",
    "503": "overloaded",
}


def digest(text: str) -> int:
    """Return a large number that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def moved(value: str, rule: str, draw: int) -> str | None:
    """Return another value that the ``# tune:`` rule allows, or None when this rule is not understood."""
    if rule.startswith("choice "):
        others = [word for word in rule.split()[1:] if word.strip("\"'") != value.strip("\"'")]
        if not others:
            return None
        word = others[draw % len(others)].strip("\"'")
        return f'"{word}"' if value[0] in "\"'" else word
    span = SPAN.match(rule)
    if span is None:
        return None
    low, high, share = float(span["low"]), float(span["high"]), (draw % 997 + 1) / 999
    if span["kind"] == "int":
        step = int(span["step"] or 1)
        number = int(low) + step * round(share * ((high - low) // step))
        return str(number if str(number) != value else int(low) + step * (number - int(low) != step))
    if span["kind"] == "log":
        return f"{math.exp(math.log(low) + share * (math.log(high) - math.log(low))):.4g}"
    return f"{low + share * (high - low):.4g}"


def last_program(text: str) -> str:
    """Return the last fenced block that holds a ``# tune:`` line, the whole text when none does."""
    blocks = [found["body"] for found in FENCE.finditer(text)]
    return next((body for body in reversed(blocks) if "# tune:" in body), text)


def tune_edit(messages: Messages) -> str:
    """Answer with a SEARCH/REPLACE edit of one ``# tune:`` line of the last user message."""
    text = next((str(m["content"]) for m in reversed(messages) if m["role"] == "user"), "")
    draw = digest(json.dumps(messages, sort_keys=True))
    shown = last_program(text).splitlines()
    lines = [(line, found) for line in shown if (found := TUNE.match(line)) is not None]
    unique = [pair for pair in lines if shown.count(pair[0]) == 1]
    for shift in range(len(unique)):
        line, found = unique[(draw + shift) % len(unique)]
        value = moved(found["value"], found["rule"], draw >> 8)
        if value is None or value == found["value"]:
            continue
        changed = line.replace(f"{found['set']}{found['value']}", f"{found['set']}{value}", 1)
        return (
            f"Hypothesis: {found['name']} at {value} learns faster\n\n"
            f"<<<<<<< SEARCH\n{line}\n=======\n{changed}\n>>>>>>> REPLACE\n"
        )
    return REPLIES["prose"]


def from_schema(schema: Mapping[str, Any], draw: int) -> Any:
    """Make a value that a JSON schema allows (objects, enums, numbers, strings, arrays of one)."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][draw % len(schema["enum"])]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return from_schema(schema[several][draw % len(schema[several])], draw >> 3)
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {
                key: from_schema(part, draw >> (3 * i)) for i, (key, part) in enumerate(properties.items())
            }
        case "array":
            return [from_schema(schema.get("items", {}), draw >> 3)]
        case "integer" | "number":
            low, high = schema.get("minimum", 1), schema.get("maximum", 100)
            number = low + (high - low) * (draw % 997 + 1) / 999
            return round(number) if schema["type"] == "integer" else float(f"{number:.4g}")
        case "boolean":
            return bool(draw % 2)
        case _:
            return "a small change"[: schema.get("maxLength", 100)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the body waits 40 ms for the headers' acknowledgement
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing: the requests are counted instead."""

    def do_GET(self) -> None:
        page = self.server.owner.page(self.path.rstrip("/"))
        self._send(*((404, {"error": {"message": "no such page"}}) if page is None else (200, page)))

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path.rstrip("/") != "/v1/chat/completions":
            self._send(404, {"error": {"message": "no such page"}})
            return
        behaviour = self.server.owner.next_behaviour(request, dict(self.headers))
        if isinstance(behaviour, Say):
            self._answer(request, behaviour.text)
        elif callable(behaviour):
            self._answer(request, behaviour(request["messages"]))
        else:
            self._named(behaviour, request)

    def _named(self, name: str, request: dict[str, Any]) -> None:
        form = request.get("response_format")
        if name == "noschema" and form is not None:
            self._send(400, {"error": {"message": "response_format is not supported"}})
        elif name in ("ok", "json", "noschema"):
            self._answer(request, self._ok(request, form))
        elif name in REPLIES:
            self._answer(request, REPLIES[name], "length" if name == "length" else "stop")
        elif name == "leak":
            self._send(401, {"error": {"message": f"wrong key: {self.headers.get('Authorization')}"}})
        elif name in ERRORS:
            wait = {"Retry-After": str(self.server.owner.retry_after)} if name == "429" else {}
            self._send(int(name), {"error": {"message": ERRORS[name], "type": "scripted"}}, wait)
        else:
            self._break(name)

    def _ok(self, request: dict[str, Any], form: Mapping[str, Any] | None) -> str:
        messages = request["messages"]
        if form is None or "json_schema" not in form:
            return tune_edit(messages)
        return json.dumps(
            from_schema(form["json_schema"]["schema"], digest(json.dumps(messages, sort_keys=True)))
        )

    def _break(self, name: str) -> None:
        """End the exchange as no server should: no answer, half an answer, or a connection cut."""
        self.close_connection = True
        if name == "hang":
            self.server.owner.closing.wait()
        elif name == "cutoff":  # the length promised is never sent
            body = b'{"id": "x", "object": "chat.completion", "choices": [{"index": 0, "mess'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body) + 500))
            self.end_headers()
            self.wfile.write(body)
        elif name == "garbage":  # a whole body that is no JSON
            closing = {"Connection": "close"}  # or the client would ask again on this connection
            self._send_bytes(200, b'{"id": "x", "choices": [{"index": 0, "mess', closing)
        elif name == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _answer(self, request: dict[str, Any], text: str, finish: str = "stop") -> None:
        prompt, completion = self.server.owner.usage
        self._send(
            200,
            {
                "id": "chatcmpl-scripted",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [
                    {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
                ],
                "usage": {
                    "prompt_tokens": prompt,
                    "completion_tokens": completion,
                    "total_tokens": prompt + completion,
                },
            },
        )

    def _send(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), headers or {})

    def _send_bytes(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    owner: ScriptedLLM

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that goes away is part of the script."""


class ScriptedLLM:
    """The server, running from construction until ``close``.

    Args:
        script: behaviours, one request each, around and around: a name of ``NAMES``, a ``Say``, or a
            function from the request's messages to the reply's text.
        port: 0 for a free one.
        usage: ``(prompt, completion)`` tokens that each answer claims.
        retry_after: seconds in the header of a 429.
    """

    def __init__(
        self,
        script: Sequence[Behaviour],
        port: int = 0,
        usage: tuple[int, int] = (1000, 100),
        retry_after: float = 1,
    ) -> None:
        unknown = [b for b in script if isinstance(b, str) and b not in NAMES]
        if unknown or not script:
            raise ValueError(f"a script holds names of {', '.join(NAMES)}; got {unknown or 'nothing'}")
        self.script = list(script)
        self.usage = usage
        self.retry_after = retry_after
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def api_base(self) -> str:
        """What to give as ``--api-base``."""
        return f"http://127.0.0.1:{self.port}/v1"

    def page(self, path: str) -> object | None:
        """Return what stands at a path, None when nothing does."""
        models = {"object": "list", "data": [{"id": "scripted", "object": "model"}]}
        return models if path == "/v1/models" else None

    def next_behaviour(self, request: dict[str, Any], headers: dict[str, str]) -> Behaviour:
        """Count a request and choose what it gets."""
        with self._lock:
            behaviour = self.script[len(self.requests) % len(self.script)]
            self.requests.append(request)
            self.headers.append(headers)
            self.counts[behaviour if isinstance(behaviour, str) else "reply"] += 1
            return behaviour

    def close(self) -> None:
        """Stop listening and let go of whoever hangs."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_script(text: str) -> list[str]:
    """Read a script given as names with commas, or as a file of names, one or more to a line."""
    if not set(text.split(",")) <= set(NAMES) and Path(text).is_file():
        text = Path(text).read_text()
    return [name for name in re.split(r"[,\s]+", text) if name]


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="ok", help=f"a file, or some of {','.join(NAMES)}")
    arguments = parser.parse_args()
    with ScriptedLLM(read_script(arguments.script), arguments.port) as server:
        print(server.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
