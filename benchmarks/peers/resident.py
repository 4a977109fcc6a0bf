"""An evaluator that stays: for a peer that starts a process for each evaluation.

    python -m benchmarks.peers.resident SOCKET

Reading a program is dear in a fresh interpreter. What the peer starts (``CLIENT``) only says which file to
score and where its results go, waits for them, and ends.
"""

from __future__ import annotations

import json
import socketserver
import sys
from pathlib import Path

from benchmarks.peers.ended import CEILING
from benchmarks.peers.evaluator import evaluate

CLIENT = """
import _socket
import sys

given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
line.connect({socket!r})
line.sendall("\\0".join((given["--program_path"], given["--results_dir"], "")).encode())
line.recv(1)
"""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Score one program, write its results, say that they are there."""
        asked = b""
        while asked.count(b"\0") < 2:
            asked += self.request.recv(1 << 16)
        program, results, _ = asked.decode().split("\0")
        _score(Path(program), Path(results))
        self.request.sendall(b".")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def _score(program: Path, results: Path) -> None:
    said = evaluate(program)
    score = 0.0 if said.score is None else CEILING - said.score
    results.mkdir(parents=True, exist_ok=True)
    told = {"correct": said.score is not None, "error": said.failure or None}
    metrics = {"combined_score": score, "public": {}, "private": {}, "text_feedback": said.failure}
    (results / "correct.json").write_text(json.dumps(told))
    (results / "metrics.json").write_text(json.dumps(metrics))


def main() -> None:
    """Serve until killed; say when the socket is there."""
    with _Server(sys.argv[1], _Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
