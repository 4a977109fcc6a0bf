"""The page, served: its files, the runs as JSON, and a stream that says when a run has changed.

/                            the page
/static/NAME                 page.css, page.js (our modules as one), plotly.min.js (from its package)
/api/runs                    the runs, by number
/api/run/N                   all that the page shows of a run
/api/run/N/variant/ID        all that it shows of a variant
/api/run/N/events            server-sent events: the version of a run, whenever it has changed
/api/control                 the token that orders need; empty where the page may only look
/api/run/N/control           takes orders (see ``control``)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from evolve.errors import InputError
from evolve.page import assets
from evolve.page.control import Control
from evolve.page.data import folder_name
from evolve.page.following import SHORTEST, Followed
from evolve.page.guard import Guard
from evolve.report.terminal import to_json
from evolve.report.untrusted import one_line
from population.errors import PopulationError

LOOKING = Control()
"""For a page that may only look."""

_ALIVE = 15.0  # seconds after which a silent stream says that it is there


def app(
    runs: Sequence[Path],
    guard: Guard,
    ending: Callable[[], bool] = lambda: False,
    begun: Callable[[], object] = lambda: None,
    control: Control = LOOKING,
) -> Starlette:
    """Return the application for some runs.

    Args:
        runs: their folders.
        guard: who may read it.
        ending: says whether the server is about to end, and streams with it.
        begun: called once the server answers, and minds Ctrl-C.
        control: whether the page may give orders.

    Raises:
        InputError: one of them is no run.
    """
    plotly, script = assets.plotly(), assets.bundle()
    followed = [Followed(folder) for folder in runs]

    def chosen(request: Request) -> Followed:
        number = int(request.path_params["number"])
        if number >= len(followed):
            raise HTTPException(404, "there is no such run")
        return followed[number]

    def listed(_: Request) -> Response:
        names = [folder_name(one.folder) for one in followed]
        return _json(to_json([{"number": n, "name": name} for n, name in enumerate(names)]))

    def run(request: Request) -> Response:
        view = chosen(request).view()
        return _json(view.packed, {"Content-Encoding": "gzip"})

    def variant(request: Request) -> Response:
        try:
            return _json(to_json(chosen(request).variant(request.path_params["name"])))
        except InputError as error:
            raise HTTPException(404, one_line(str(error))) from error

    async def events(request: Request) -> Response:
        stream = _changes(chosen(request), ending)
        return StreamingResponse(
            stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        begun()
        yield

    async def unreadable(_: Request, error: Exception) -> Response:
        return PlainTextResponse(one_line(str(error)), 500)

    return Starlette(
        lifespan=life,
        exception_handlers={PopulationError: unreadable},
        routes=[
            Route("/", lambda _: FileResponse(assets.STATIC / "index.html")),
            Route("/static/page.css", lambda _: FileResponse(assets.STATIC / "page.css")),
            Route("/static/page.js", lambda _: Response(script, media_type="text/javascript")),
            Route("/static/plotly.min.js", lambda _: FileResponse(plotly)),
            Route("/api/runs", listed),
            Route("/api/run/{number:int}", run),
            Route("/api/run/{number:int}/variant/{name}", variant),
            Route("/api/run/{number:int}/events", events),
            *control.routes(runs),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard)],
    )


def _json(body: str | bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(
        body, media_type="application/json", headers={"Cache-Control": "no-store", **(headers or {})}
    )


async def _changes(followed: Followed, ending: Callable[[], bool]) -> AsyncIterator[str]:
    """Yield the version of a run now, and whenever it has changed."""
    told, silent = 0, 0.0
    while not ending():
        try:
            view = await anyio.to_thread.run_sync(followed.view)
        except PopulationError:
            return  # whoever asks for the run is told why
        if view.version != told:
            told, silent = view.version, 0.0
            yield f"data: {view.version}\n\n"
        elif silent >= _ALIVE:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(SHORTEST / 2)
        silent += SHORTEST / 2
