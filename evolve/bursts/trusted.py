"""The processes beside the engine that it trusts, zygotes and scorers: started, talked to, ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evolve.errors import EngineFault

_STARTS = 180.0  # seconds; importing torch from a cold disk is slow
_EXITS = 2.0  # seconds between the end of a process's last word and its own
_TRIES = 3  # starts, one after the other, that may fail before it is given up
_STRIKES = 30  # starts, one after the other, that may be killed from outside
_LARGEST = 1 << 18
_ALLOWED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "TZ", "VIRTUAL_ENV")


class Struck(EngineFault):
    """A process of ours was killed while it started: by a person, or for want of memory."""


class Trusted:
    """A trusted process of ours, and the engine's end of its control socket.

    It ends itself when that end closes, so that it cannot outlive the engine.

    Args:
        module: what runs, as ``python -m module CONTROL_FD ARGUMENTS``; it says one message when ready.
        arguments: its arguments.
        log: file that its outputs are appended to.
        prefix: command that it is started by, if any; it must keep descriptors and die with us.
    """

    def __init__(self, module: str, arguments: list[str], log: Path, prefix: Sequence[str] = ()) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setblocking(False)
        with theirs, log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*prefix, sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=scrubbed(os.environ),
                start_new_session=True,
            )
        self._name = module.rpartition(".")[2]
        self._log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    async def ready(self) -> dict[str, Any]:
        """Wait for the process's first message; if none comes, it is ended.

        Raises:
            Struck: somebody killed it while it started.
            EngineFault: it did not start.
        """
        message: dict[str, Any] | None = None
        struck = False
        try:
            async with asyncio.timeout(_STARTS):
                message = await self.receive()
            struck = message is None and await self._struck()
        except TimeoutError:
            pass
        finally:
            if message is None:
                self.kill()
        if struck:
            raise Struck(f"the {self._name} process was killed while it started; see {self._log}")
        if message is None:
            raise EngineFault(f"the {self._name} process did not start; see {self._log}")
        return message

    async def _struck(self) -> bool:
        """Say whether a process whose control socket has closed was killed; bubblewrap says so of its own."""
        give_up = time.monotonic() + _EXITS
        while self.alive() and time.monotonic() < give_up:
            await asyncio.sleep(0.01)
        return self._popen.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)

    def send(self, message: Mapping[str, Any], descriptors: list[int]) -> bool:
        """Send one message with descriptors; False when the process is gone."""
        try:
            socket.send_fds(self.control, [json.dumps(message).encode()], descriptors)
        except OSError:
            return False
        return True

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None when the process is gone."""
        return await receive(self.control)

    def stop(self) -> None:
        """End the process: by closing its control socket, then by force."""
        self.control.close()
        try:
            self._popen.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()

    def alive(self) -> bool:
        """Say whether it runs."""
        return self._popen.poll() is None

    def kill(self) -> None:
        """End the process at once."""
        self.control.close()
        self._popen.kill()
        self._popen.wait()


async def launched(begin: Callable[[], Trusted]) -> Trusted:
    """Start a process of ours, again and again if need be, until it is ready.

    Raises:
        EngineFault: it failed too often, or was killed very often.
    """
    failed = struck = 0
    while True:
        process = begin()
        try:
            await process.ready()
            return process
        except Struck:
            struck += 1
            if struck == _STRIKES:
                raise
        except EngineFault:
            failed += 1
            if failed == _TRIES:
                raise


async def receive(sock: socket.socket) -> dict[str, Any] | None:
    """Return the next JSON message of a packet socket, or None at its end."""
    loop = asyncio.get_running_loop()
    try:
        try:
            data = await loop.sock_recv(sock, _LARGEST)
        except ConnectionResetError:  # it went without reading our last message; what it said comes after
            data = await loop.sock_recv(sock, _LARGEST)
    except OSError:
        return None
    message: dict[str, Any] | None = json.loads(data) if data else None
    return message


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without anything secret, with one thread and a fixed hash seed."""
    kept = {name: environment[name] for name in _ALLOWED if name in environment}
    root = str(Path(__file__).parents[2])
    return kept | {
        "PYTHONPATH": root,
        "USER": "burst",  # torch asks for a name, and a user need not have one
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # its workers would find no GPU, and count as memory
    }
