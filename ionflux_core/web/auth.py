"""Who may come in: this machine's owner on loopback, the bearer of a token elsewhere; everything else is refused.

On loopback nobody signs in, so a request must really come from this machine and from one of our own pages: a foreign
Host means DNS rebinding or a tunnel, a foreign Origin means another website. Health and signed webhooks stay open.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ionflux_core.errors import Forbidden, IonfluxError, Unauthorized
from ionflux_core.services.tokens import LOCAL_OWNER, Caller, Role, Tokens
from ionflux_core.web.problems import problem_of

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_RANKS: dict[Role, int] = {"viewer": 0, "editor": 1, "owner": 2}
_CALLER = "ionflux_caller"


class Gate:
    """Lets a request pass with its caller noted, or answers why not."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, needs_token: bool) -> None:
        self._app = app
        self._tokens = tokens
        self._needs_token = needs_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request or websocket."""
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            _check_origin(connection)
            scope[_CALLER] = await self._bearer(connection) if self._needs_token else _owner_here(connection)
        except IonfluxError as error:
            if scope["type"] == "http":
                await problem_of(error)(scope, receive, send)
            else:
                # Closed before it was accepted: the server answers the handshake with 403.
                await send({"type": "websocket.close", "code": 1008, "reason": error.message})
            return
        await self._app(scope, receive, send)

    async def _bearer(self, connection: HTTPConnection) -> Caller:
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Unauthorized(
                "This address needs an API token.",
                hint="Send the header Authorization: Bearer <token>; make one with: ionflux token create NAME.",
            )
        return await run_in_threadpool(self._tokens.caller, token.strip())


def caller(connection: HTTPConnection) -> Caller:
    """Who makes this request, as the gate has found."""
    found = connection.scope.get(_CALLER)
    if not isinstance(found, Caller):
        raise Unauthorized("Nobody is signed in.", hint="Send an API token.")
    return found


def require(role: Role, who: Caller) -> Caller:
    """The caller, when their role reaches this far; Forbidden otherwise."""
    if not reaches(role, who):
        raise Forbidden(f"A {who.role} may not do this.", hint=f"Use a token with the role {role}.")
    return who


def reaches(role: Role, who: Caller) -> bool:
    """Whether the caller's role reaches this far."""
    return _RANKS[who.role] >= _RANKS[role]


def is_loopback(host: str) -> bool:
    """True for an address or a name of this machine itself."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _is_open(path: str) -> bool:
    return path in ("/healthz", "/hooks") or path.startswith(("/hooks/", "/oauth/", "/slack/", "/shopify/"))


def _check_origin(connection: HTTPConnection) -> None:
    origin = connection.headers.get("origin")
    websocket = connection.scope["type"] == "websocket"
    if not websocket and connection.scope["method"] in _SAFE:
        return
    # Browsers always name the Origin of a websocket; what does not is a program of its own, and has the API.
    if origin is None and not websocket:
        return
    if origin is None or _place(origin) != connection.headers.get("host", "").lower():
        raise Forbidden(
            "This request comes from another website.", hint="Open IONFLUX itself, or call the API from a program."
        )


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _owner_here(connection: HTTPConnection) -> Caller:
    client = connection.scope.get("client")
    if client is not None and not is_loopback(client[0]):
        raise Forbidden(
            "Without sign-in only this machine may come in.",
            hint="Serve the API with tokens instead: IONFLUX_AUTH=on ionflux serve --no-ui.",
        )
    if not is_loopback(_name_of_host(connection.headers)):
        raise Forbidden(
            "This address is not this machine's own name.", hint="Open IONFLUX at http://127.0.0.1 or http://localhost."
        )
    return LOCAL_OWNER


def _name_of_host(headers: Headers) -> str:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""
