"""GET /files/{workspace}/{sha256}: a stored file, as a picture, a film, or a download; never as a page."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from ionflux_core.errors import NotFound
from ionflux_core.services.files import ATTACHMENT, Files
from ionflux_core.web.auth import caller
from ionflux_core.web.problems import problem

# Whatever the bytes hold, they run nothing and reach nothing, also when somebody opens the address by itself.
_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"


class FilesDoor:
    """Hands out what a workspace has stored; the gate has let the caller in."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file, or the part of it that was asked for."""
        request = Request(scope, receive)
        if request.method not in ("GET", "HEAD"):
            hint, allow = "Send GET.", {"Allow": "GET"}
            answer = problem(405, "Files are only read here.", code="method_not_allowed", hint=hint, headers=allow)
            await answer(scope, receive, send)
            return
        workspace_id, sha256 = request.path_params["workspace"], request.path_params["sha256"]
        if caller(request).workspace_id not in (None, workspace_id):
            raise NotFound("There is no such file.", hint="Use a token of its workspace.")
        stored = await run_in_threadpool(self._files.get, workspace_id, sha256)
        response = FileResponse(
            stored.path,
            media_type=stored.shown_as or ATTACHMENT,
            filename=stored.name,
            content_disposition_type="inline" if stored.shown_as else "attachment",
            headers={"Content-Security-Policy": _POLICY, "Cache-Control": "private, max-age=31536000, immutable"},
        )
        await response(scope, receive, send)
