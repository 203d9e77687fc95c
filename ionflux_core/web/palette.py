"""GET /palette: what the command palette finds for a few letters, without the weight of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from ionflux_core.errors import NotFound
from ionflux_core.web.auth import caller
from ionflux_core.web.problems import problem

if TYPE_CHECKING:
    from ionflux_core.application import Application


class PaletteDoor:
    """Answers each pause of typing; the gate has let the caller in."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with `{"hits": [...]}`, the best first."""
        request = Request(scope, receive)
        if request.method not in ("GET", "HEAD"):
            hint, allow = "Send GET.", {"Allow": "GET"}
            refused = problem(405, "This is only read.", code="method_not_allowed", hint=hint, headers=allow)
            await refused(scope, receive, send)
            return
        workspace_id = request.query_params.get("workspace", "")
        if caller(request).workspace_id not in (None, workspace_id):
            raise NotFound("There is no such workspace.", hint="Use a token of its workspace.")
        hits = await run_in_threadpool(self._found, workspace_id, request.query_params.get("q", ""))
        answer = JSONResponse({"hits": hits}, headers={"Cache-Control": "no-store"})
        await answer(scope, receive, send)

    def _found(self, workspace_id: str, text: str) -> list[dict[str, object]]:
        app = self._application
        app.workspaces.get(workspace_id)
        found = app.palette.find(workspace_id, text, user_id=app.workspaces.owner().id)
        return [hit.model_dump() for hit in found]
