"""The scripted model over HTTP: an OpenAI-compatible server on 127.0.0.1.

    python -m benchmarks.peers.server --seed 1 [--port 0] [--latency 0.5]    # prints its port first

``POST /v1/chat/completions`` answers as ``dialogue`` says, ``GET /v1/models`` lists one model, ``GET /count``
returns how many questions of each form were answered, and what was answered. Needs only the standard library.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from benchmarks.peers.dialogue import Oracle


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing: the questions are counted instead."""

    def do_GET(self) -> None:
        """List the model, or what was asked."""
        match self.path.rstrip("/"):
            case "/v1/models":
                self._send(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})
            case "/count":
                self._send(200, self.server.owner.count())
            case _:
                self._send(404, {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        """Answer a question."""
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path.rstrip("/") != "/v1/chat/completions":
            self._send(404, {"error": {"message": "no such page"}})
            return
        time.sleep(self.server.owner.latency)
        text = self.server.owner.oracle.answer([_plain(one) for one in request["messages"]])
        self._send(200, _completion(request.get("model", "scripted"), text))

    def _send(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    owner: ScriptedServer

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client may go away."""


class ScriptedServer:
    """The server, running from construction until ``close``.

    Args:
        oracle: answers.
        port: 0 for a free one.
        latency: seconds before each answer.
    """

    def __init__(self, oracle: Oracle, port: int = 0, latency: float = 0.0) -> None:
        self.oracle = oracle
        self.latency = latency
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
        """What a client is given as its address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def count(self) -> dict[str, Any]:
        """Return how many questions of each form came, and how many replies of each kind were given."""
        oracle = self.oracle
        return {"calls": oracle.calls, "forms": dict(oracle.forms), "kinds": dict(oracle.kinds)}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plain(message: Mapping[str, Any]) -> dict[str, str]:
    """Return a message whose content is text, also when it came in parts."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(str(part.get("text", "")) for part in content)
    return {"role": str(message.get("role", "user")), "content": content}


def _completion(model: str, text: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    arguments = parser.parse_args()
    with ScriptedServer(Oracle(arguments.seed), arguments.port, arguments.latency) as server:
        print(server.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
