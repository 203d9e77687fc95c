"""Every HTTP route beside the pages: health, metrics, webhooks, the REST API, and our own static files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ionflux_core.web.headers import SecurityHeaders

if TYPE_CHECKING:
    from ionflux_core.application import Application

STATIC = Path(__file__).resolve().parent.parent.parent / "static"


def routes(application: Application) -> list[BaseRoute]:
    """The routes of an application; they come before the pages."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def hook(request: Request) -> Response:
        body = await request.body()
        received = await run_in_threadpool(
            application.hooks.receive, request.path_params["path"], request.method, dict(request.headers), body
        )
        return JSONResponse(received.body, received.status)

    return [
        Route("/healthz", healthz),
        Route("/hooks/{path:path}", hook, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        # Streamlit looks for static files beside the shell script; ours lie at the top.
        Mount("/app/static", StaticFiles(directory=STATIC)),
    ]


def middleware() -> list[Middleware]:
    """What every answer passes on its way out."""
    return [Middleware(SecurityHeaders)]
