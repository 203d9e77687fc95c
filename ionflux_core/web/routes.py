"""Every HTTP route beside the pages: health, metrics, webhooks, the REST API, and our own static files."""

from __future__ import annotations

import asyncio
import re
import threading
from functools import partial
from os import PathLike, stat_result
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ionflux_core import limits
from ionflux_core.errors import Forbidden, IonfluxError, Unavailable
from ionflux_core.services.health import Health
from ionflux_core.services.hook_batches import Delivery, HookBatch, WaitsForResult
from ionflux_core.services.hooks import RESULT_SECONDS, Received
from ionflux_core.web.account_doors import account_routes
from ionflux_core.web.auth import Gate
from ionflux_core.web.bodies import check_json, check_kind, read_body
from ionflux_core.web.crew import Crew, Line
from ionflux_core.web.files import FilesDoor
from ionflux_core.web.front import Front
from ionflux_core.web.headers import SecurityHeaders
from ionflux_core.web.live import LiveDoor
from ionflux_core.web.metrics import Counting, Exposition, Requests
from ionflux_core.web.palette import PaletteDoor
from ionflux_core.web.problems import problem, problem_of, unexpected

if TYPE_CHECKING:
    from ionflux_core.application import Application

STATIC = Path(__file__).resolve().parent.parent.parent / "static"
_QUICK_THREADS = 4
# What takes a file for its body.
_FILES = re.compile(r"/runs/import|/pages/import|/channels/[^/]+/files")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def routes() -> list[BaseRoute]:
    """The routes that lie among the pages: our own static files."""
    # Streamlit looks for static files beside the shell script; ours lie at the top.
    return [Mount("/app/static", StaticFiles(directory=STATIC))]


def middleware(application: Application, requests: Requests, *, original: str = "", page: str = "") -> list[Middleware]:
    """What requests pass on their way in and answers on their way out.

    `page` is the HTML all pages start as, in place of Streamlit's `original`.
    """
    return [
        Middleware(Counting, requests=requests, traces=application.traces),
        Middleware(SecurityHeaders, page=page, sources=application.workspaces.media_sources),
        *([Middleware(Front, original=original, page=page)] if page else []),
        Middleware(Gate, tokens=application.tokens, needs_token=application.settings.needs_token),
        Middleware(Doors, rooms=_rooms(application, requests)),
    ]


def _rooms(application: Application, requests: Requests) -> Router:
    """Everything that is no page.

    What takes one method only is given all of them and answers 405 itself: what no route takes falls through to the
    pages, which answer anything with 200.
    """
    hooks = Edge(HookDoor(application))
    return Router(
        [
            Route("/hooks/{path:path}", hooks),
            Route("/hooks", hooks),
            Route("/healthz", Edge(HealthDoor(application))),
            WebSocketRoute("/live", LiveDoor(application.live)),
            Route("/live", LiveDoor(application.live)),
            Route("/files/{workspace}/{sha256}", Edge(FilesDoor(application.stored))),
            Route("/files/{path:path}", Nowhere()),
            Route("/palette", Edge(PaletteDoor(application))),
            Route("/metrics", Edge(MetricsDoor(application, requests))),
            *account_routes(application, Edge, Nowhere()),
            Route("/api/v1", RedirectResponse("/api/v1/docs")),
            Mount("/api/v1", Edge(ApiDoor(application))),
            Route("/api", Nowhere()),
            Route("/api/{path:path}", Nowhere()),
        ],
        redirect_slashes=False,
    )


class Doors:
    """Answers what is no page before the pages' own middlewares (sessions, compression) have had their turn."""

    _AREAS = frozenset({"hooks", "healthz", "metrics", "api", "live", "files", "palette", "oauth", "slack", "shopify"})

    def __init__(self, app: ASGIApp, *, rooms: Router) -> None:
        self._app = app
        self._rooms = rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the request to its room, or on to the pages."""
        ours = scope["type"] in ("http", "websocket") and scope["path"].split("/", 2)[1] in self._AREAS
        await (self._rooms if ours else self._app)(scope, receive, send)


class Kept(StaticFiles):
    """Our own files, which a browser may keep for a day; one that is asked for by its version, for good."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file with how long it may be kept."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        versioned = b"v=" in scope.get("query_string", b"")
        answer.headers["Cache-Control"] = (
            "public, immutable, max-age=31536000" if versioned else "public, max-age=86400"
        )
        return answer


class Edge:
    """The edge no error gets past: it becomes a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer for it when that fails before it has answered itself."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        answer: Response
        try:
            await self._app(scope, receive, noting)
            return
        except IonfluxError as error:
            answer = problem_of(error)
        except Exception as error:
            answer = unexpected(error)
        if not begun:
            await answer(scope, receive, send)


class Nowhere:
    """What lies under /api or /files and is not there."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404, whatever the method."""
        answer = problem(404, "There is no such address.", code="not_found", hint="See /api/v1/docs.")
        await answer(scope, receive, send)


class HealthDoor:
    """GET /healthz: a real write and read of the database."""

    def __init__(self, application: Application) -> None:
        self._health = Health(application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200, or 503 with a sentence."""
        answer: Response
        if scope["method"] not in ("GET", "HEAD"):
            answer = _only("GET")
        else:
            check = await run_in_threadpool(self._health.quick)
            if check.status == "error":
                answer = problem(503, check.message, code="unhealthy", hint=check.hint)
            else:
                answer = JSONResponse({"status": "ok", "detail": check.message})
            answer.headers["Cache-Control"] = "no-store"
        await answer(scope, receive, send)


class MetricsDoor:
    """GET /metrics: figures for Prometheus."""

    def __init__(self, application: Application, requests: Requests) -> None:
        self._exposition = Exposition(application, requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with everything as of now."""
        answer: Response
        if scope["method"] not in ("GET", "HEAD"):
            answer = _only("GET")
        else:
            answer = Response(await run_in_threadpool(self._exposition.text), media_type=METRICS_TYPE)
        await answer(scope, receive, send)


class HookDoor:
    """Any method on /hooks/...: read the raw body, at most 1 MiB of it, and hand it over."""

    def __init__(self, application: Application) -> None:
        self._hooks = application.hooks
        # Threads of its own: senders who wait for a result must not keep the pages and the health check waiting.
        self._crew = Crew(application.settings.workers + _QUICK_THREADS, "ionflux-hook")
        # Those that are answered before their run stand in a line of their own.
        self._line = Line(partial(HookBatch, application.hooks), "ionflux-hook-line")
        application.crowded = lambda: self._line.is_behind or self._crew.is_behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one delivery in."""
        path = scope.get("path_params", {}).get("path", "")
        if not path or "\0" in path:
            raise Forbidden("There is no such webhook.", hint="Copy the address from the agent's Triggers.")
        request = Request(scope, receive)
        body = await read_body(request, limits.WEBHOOK_BYTES)
        answer: Response
        try:
            received = await self._received(Delivery(path, request.method, dict(request.headers), body, _sender(scope)))
            answer = JSONResponse(received.body, received.status)
        except IonfluxError as error:
            if error.code != "method":
                raise
            answer = _only(error.hint.removeprefix("Send ").rstrip("."))
        await answer(scope, receive, send)

    async def _received(self, delivery: Delivery) -> Received:
        if self._hooks.answers_at_once(delivery.path):
            try:
                async with asyncio.timeout(RESULT_SECONDS):
                    return await self._line.call(delivery)
            except TimeoutError:
                raise _too_late() from None
            except WaitsForResult:
                # Somebody has configured it anew meanwhile.
                pass
        return await self._waited_for(delivery)

    async def _waited_for(self, delivery: Delivery) -> Received:
        told: list[Received] = []
        taken = self._crew.call(partial(self._hooks.receive, *delivery, accepted=told.append))
        await asyncio.wait([taken], timeout=RESULT_SECONDS)
        if taken.done():
            return taken.result()
        # Nobody asks it for its answer any more.
        taken.cancel()
        if not told:
            raise _too_late()
        return await run_in_threadpool(self._hooks.without_result, told[-1])


def _too_late() -> Unavailable:
    return Unavailable("The webhook could not be taken in time.", hint="Send it again.")


class ApiDoor:
    """Everything under /api/v1. FastAPI is imported by the first request: most visitors never make one."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._made: list[ASGIApp] = []
        self._lock = threading.Lock()

    def api(self) -> ASGIApp:
        """The API, made once."""
        with self._lock:
            if not self._made:
                from ionflux_core.web.api import make_api

                self._made.append(make_api(self._application))
            return self._made[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the body's size and depth before anything parses it, then hand the request over."""
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            answer = problem(400, "An address cannot hold a NUL character.", code="nul_character", hint="Take it out.")
            await answer(scope, receive, send)
            return
        api = self._made[0] if self._made else await run_in_threadpool(self.api)
        if scope["method"] == "POST" and _FILES.fullmatch(scope["path"].removeprefix(scope.get("root_path", ""))):
            # The body is no JSON and may be long: the endpoint reads it, with a limit of its own.
            await api(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await read_body(request, limits.API_BODY_BYTES)
        if body:
            check_kind(request)
            check_json(body)
        await api(scope, _again(body, receive), send)


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, to be read once more."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _sender(scope: Scope) -> str:
    """The address a request came from; behind a proxy that the server trusts, the one the proxy names."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _only(method: str) -> Response:
    return problem(
        405,
        f"This address takes {method} only.",
        code="method_not_allowed",
        hint=f"Send {method}.",
        headers={"Allow": method},
    )
