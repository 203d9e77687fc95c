"""The doors of accounts: where OAuth comes back to, and where shops and Slack send what has happened."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ionflux_core import limits
from ionflux_core.errors import IonfluxError
from ionflux_core.services.account_doors import CALLBACK
from ionflux_core.web.bodies import read_body
from ionflux_core.web.problems import problem

if TYPE_CHECKING:
    from ionflux_core.application import Application

log = logging.getLogger(__name__)

_MOST_QUERY = 8 * limits.KIB


def account_routes(application: Application, edge: Callable[[ASGIApp], ASGIApp], nowhere: ASGIApp) -> list[BaseRoute]:
    """The routes of accounts; what lies beside them is nowhere."""
    doors = application.account_doors
    return [
        Route(CALLBACK, edge(OAuthDoor(application))),
        Route("/slack/actions/{account}", edge(SignedDoor(doors.slack_action, empty=True))),
        Route("/shopify/webhooks/{account}", edge(SignedDoor(doors.shopify_webhook))),
        *(Route(f"/{area}{rest}", nowhere) for area in ("oauth", "slack", "shopify") for rest in ("", "/{path:path}")),
    ]


class OAuthDoor:
    """GET from the browser of a person who has let the app in; they end on the page of accounts either way."""

    def __init__(self, application: Application) -> None:
        self._doors = application.account_doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the answer, and send the person on without its code in the address."""
        request = Request(scope, receive)
        answer: Response
        if request.method != "GET":
            answer = _only("GET")
        else:
            answer = RedirectResponse(f"/settings?tab=accounts&{await self._came_back(request)}", 303)
            answer.headers["Cache-Control"] = "no-store"
            answer.headers["Referrer-Policy"] = "no-referrer"
        await answer(scope, receive, send)

    async def _came_back(self, request: Request) -> str:
        """What the page is told: words of ours only, whatever the query holds."""
        pairs = request.query_params.multi_items()
        if len(request.scope["query_string"]) > _MOST_QUERY or len({name for name, _ in pairs}) < len(pairs):
            return "oauth=refused"
        try:
            account = await run_in_threadpool(self._doors.come_back, dict(pairs))
        except IonfluxError as error:
            log.warning("an answer of OAuth was not taken: %s", error.code)
            known = {"oauth_state": "stale", "unauthorized": "refused"}
            return f"oauth={known.get(error.code, 'failed')}"
        return f"workspace={account.workspace_id}&oauth={'connected' if account.status == 'connected' else 'untested'}"


class SignedDoor:
    """POST of a body somebody has signed for an account; answered as soon as it is stored."""

    def __init__(self, take: Callable[[str, dict[str, str], bytes], object], *, empty: bool = False) -> None:
        self._take = take
        self._empty = empty

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one delivery in."""
        request = Request(scope, receive)
        answer: Response
        if request.method != "POST":
            answer = _only("POST")
        else:
            body = await read_body(request, limits.WEBHOOK_BYTES)
            await run_in_threadpool(self._take, request.path_params["account"], dict(request.headers), body)
            # Slack shows whatever stands in the answer to the person who pressed.
            answer = Response(status_code=200) if self._empty else JSONResponse({"status": "accepted"}, 202)
        await answer(scope, receive, send)


def _only(method: str) -> Response:
    return problem(
        405, f"This address takes {method} only.", code="method_not_allowed", hint=f"Send {method}.",
        headers={"Allow": method},
    )  # fmt: skip
