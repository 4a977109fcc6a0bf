"""Real training as a service on 127.0.0.1: every system's programs run in the same confined bursts.

    python -m benchmarks.peers.bursts --cache FOLDER [--port 0] [--slots 2]       # prints its port first

``POST /burst`` trains the program in ``{"source": ...}`` once and answers ``{"score": ..., "failure":
...}``. The request may name the ``seed`` and say ``smoke``; without a seed each burst has a fresh one.
``POST /truth`` answers with the mean of eight bursts under seeds that nothing else uses, and their standard
error; what was measured once is kept in the cache, by content.

The task is the engine's own: bytes of Python's standard library, ``val_bpb``, a budget in tokens
(``TOKENS``), on one CPU thread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.peers.evaluator import digest_of
from evolve.bursts.executor import Job, LocalExecutor, Result
from evolve.preparing import NO_MODEL, prepare
from evolve.session import plan
from evolve.settings import Settings

TOKENS = 32_768
CONTEXT = 32
WINDOWS = 512
TRUTHS = 8
_TRUTH_SEEDS = 1 << 40


def settings(slots: int) -> Settings:
    """Return what bursts are run with."""
    return Settings(
        seed_file=Path(__file__).with_name("seed.py"),
        device="cpu",
        burst=60.0,
        burst_tokens=TOKENS,
        context=CONTEXT,
        windows=WINDOWS,
        slots=slots,
        memory_mb=2048,
        models=(NO_MODEL,),
        seed=0,
    )


@dataclass
class Bursts:
    """Runs bursts, from whatever thread.

    Args:
        executor: running in ``loop``.
        loop: where it runs.
        cache: folder of what is known.
    """

    executor: LocalExecutor
    loop: asyncio.AbstractEventLoop
    cache: Path
    _times: Counter[tuple[int, str]] = field(default_factory=Counter)
    _number: int = 0

    def burst(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one burst."""
        source, instance = request["source"], int(request.get("instance", 0))
        key = (instance, digest_of(source))
        again = self._times[key]
        self._times[key] += 1
        seed = request.get("seed", random.Random(f"{key} {again}").randrange(2**32))
        result = self._run(source, seed, bool(request.get("smoke")))
        return {"score": result.score, "failure": _said(result), "late": False, "seconds": result.seconds}

    def truth(self, source: str) -> dict[str, Any]:
        """Return the mean of several bursts, its standard error, and the deviation of one."""
        path = self.cache / f"{TOKENS}-{CONTEXT}-{digest_of(source)}.json"
        if path.exists():
            return json.loads(path.read_text())
        results = [self._run(source, _TRUTH_SEEDS + n) for n in range(TRUTHS)]
        scores = [one.score for one in results if one.score is not None]
        failure = next((_said(one) for one in results if one.score is None), "")
        known: dict[str, Any] = {"mean": None, "deviation": None, "failure": failure}
        if not failure:
            mean = sum(scores) / len(scores)
            spread = sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)
            known |= {"mean": mean, "deviation": spread**0.5}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{threading.get_ident()}")
        draft.write_text(json.dumps(known))
        draft.replace(path)
        return known

    def _run(self, source: str, seed: int, smoke: bool = False) -> Result:
        self._number += 1
        job = Job(f"b{self._number}", source, seed % 2**32, smoke)
        return asyncio.run_coroutine_threadsafe(self.executor.run(job, _never), self.loop).result()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Run what is asked for."""
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        known = {
            "/burst": self.server.bursts.burst,
            "/truth": lambda it: self.server.bursts.truth(it["source"]),
        }
        work = known.get(self.path.rstrip("/"))
        body = json.dumps({"error": "no such page"} if work is None else work(request)).encode()
        self.send_response(404 if work is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    bursts: Bursts


def _said(result: Result) -> str:
    return "" if result.failure is None else f"{result.failure.kind}: {result.failure.message}"


def _never(*_: object) -> bool:
    """Prune nothing."""
    return False


async def _serve(port: int, slots: int, cache: Path) -> None:
    """Serve until told to end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        executor = LocalExecutor(plan(folder, prepare(settings(slots))))
        await executor.start()
        server = _Server(("127.0.0.1", port), _Handler)
        server.bursts = Bursts(executor, asyncio.get_running_loop(), cache)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        print(server.server_address[1], flush=True)
        ended = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, ended.set)
        try:
            await ended.wait()
        finally:
            server.shutdown()
            await executor.close()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.slots, arguments.cache))


if __name__ == "__main__":
    main()
