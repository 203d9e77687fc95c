"""The websocket /live: says which topics of a workspace have changed, never what; the page then asks for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ionflux_core.web.auth import caller
from ionflux_core.web.problems import problem

if TYPE_CHECKING:
    from ionflux_core.services.live import Listener, Live

PAUSE_SECONDS = 0.25
_LISTENERS = 200


class LiveDoor:
    """Keeps one socket for each page that looks on. The gate has checked its origin before."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell one page until it goes away."""
        if scope["type"] != "websocket":
            answer = problem(426, "This address speaks websocket only.", code="upgrade", hint="Pages open it.")
            await answer(scope, receive, send)
            return
        socket = WebSocket(scope, receive, send)
        workspace_id = socket.query_params.get("workspace", "")
        if not workspace_id or caller(socket).workspace_id not in (None, workspace_id):
            await socket.close(1008)
            return
        if self._open >= _LISTENERS:
            await socket.close(1013)
            return
        self._open += 1
        try:
            await self._serve(socket, workspace_id)
        finally:
            self._open -= 1

    async def _serve(self, socket: WebSocket, workspace_id: str) -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # A loop that has ended has nobody left to tell.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(told.set)

        await socket.accept()
        listener = self._live.listen(workspace_id, wake)
        telling = asyncio.create_task(_tell(socket, listener, told))
        try:
            # Nothing is expected from the page; its going away ends this.
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self._live.leave(listener)
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling


async def _tell(socket: WebSocket, listener: Listener, told: asyncio.Event) -> None:
    """Send what has gathered, with a pause after each message: many changes become one."""
    while True:
        await told.wait()
        told.clear()
        topics = listener.take()
        if topics:
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.send_json({"topics": topics})
            if socket.application_state is not WebSocketState.CONNECTED:
                return
        await asyncio.sleep(PAUSE_SECONDS)
