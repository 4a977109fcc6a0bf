"""The scripted model over HTTP: an OpenAI-compatible server on 127.0.0.1.

    python -m benchmarks.peers.server --seed 1 [--port 0] [--latency 0.5]    # prints its port first

``POST /v1/chat/completions`` answers as ``dialogue`` says, ``GET /v1/models`` lists one model, ``GET /count``
returns how many questions of each form were answered, and what was answered. Needs only the standard library.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.peers.dialogue import Oracle
from tests.scripted_llm import Messages, ScriptedLLM


class ScriptedServer(ScriptedLLM):
    """The server, running from construction until ``close``.

    Args:
        oracle: answers.
        port: 0 for a free one.
        latency: seconds before each answer.
    """

    def __init__(self, oracle: Oracle, port: int = 0, latency: float = 0.0) -> None:
        def reply(messages: Messages) -> str:
            time.sleep(latency)
            return oracle.answer([_plain(one) for one in messages])

        self.oracle = oracle
        super().__init__([reply], port)

    def page(self, path: str) -> object | None:
        """Return what stands at a path, None when nothing does."""
        return self.count() if path == "/count" else super().page(path)

    def count(self) -> dict[str, Any]:
        """Return how many questions of each form came, and how many replies of each kind were given."""
        oracle = self.oracle
        return {"calls": oracle.calls, "forms": dict(oracle.forms), "kinds": dict(oracle.kinds)}


def _plain(message: Mapping[str, Any]) -> dict[str, str]:
    """Return a message whose content is text, also when it came in parts."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(str(part.get("text", "")) for part in content)
    return {"role": str(message.get("role", "user")), "content": content}


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
