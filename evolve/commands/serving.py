"""The command that serves the page."""

from __future__ import annotations

import contextlib
import secrets
import socket
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from evolve import finding
from evolve.commands.common import Json, console, errors
from evolve.errors import InputError
from evolve.page.control import Control
from evolve.page.guard import Guard, is_loopback
from evolve.page.server import app as page
from evolve.report.terminal import to_json

PORT = 8765

app = typer.Typer()


@app.command()
def serve(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR...", help="run folders; default: the newest in runs/", show_default=False
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help=f"default: {PORT}, or a free one if that is taken; 0: a free one"
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on")] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            "--token", help="ask for this token; made up if --host is not this machine", show_default=False
        ),
    ] = None,
    allow_control: Annotated[
        bool, typer.Option("--allow-control", help="let the page pause, stop and steer searches")
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve the page of runs, live while a search writes them, until Ctrl-C."""
    runs = folders or [finding.newest()]
    asked = token or ("" if is_loopback(host) else secrets.token_urlsafe(16))
    with _listening(host, port) as listening:
        number = listening.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{number}/" + (f"?token={asked}" if asked else "")
        server: uvicorn.Server

        def told() -> None:
            if as_json:
                print(to_json({"address": address, "runs": [str(run) for run in runs]}), flush=True)
                return
            if port is None and number != PORT:
                errors.print(f"port {PORT} is taken; this is on another one", style="dim", highlight=False)
            console.print(f"{address}   Ctrl-C ends it", markup=False, highlight=False, soft_wrap=True)

        control = Control(allow_control)
        served = page(runs, Guard(host, asked), lambda: server.should_exit, told, control)
        server = uvicorn.Server(
            uvicorn.Config(served, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        )
        with contextlib.suppress(KeyboardInterrupt):  # how it is meant to end
            server.run(sockets=[listening])


def _listening(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens; where nobody has asked for a port, on any that is free.

    Raises:
        InputError: it cannot be had.
    """
    wanted = [PORT, 0] if port is None else [port]
    reason = ""
    for number in wanted:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
            found = socket.socket(family, kind)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen()
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            return found
    raise InputError(f"cannot listen on {host}, port {wanted[-1]}: {reason}")
