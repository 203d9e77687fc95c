"""One server process: made from the environment, refused where it would be unsafe, started and stopped in order."""

from __future__ import annotations

import errno
import importlib.util
import logging
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import typer

from ionflux_core.application import Application, set_current
from ionflux_core.errors import Forbidden, IonfluxError, Unavailable
from ionflux_core.logs import configure_logging
from ionflux_core.settings import ROOT, Settings, load_settings
from ionflux_core.web.auth import is_loopback

log = logging.getLogger(__name__)

SERVED_AS = "ionflux_pages"
_SEED_BEGINS_WITHIN = 20.0


def made() -> Application:
    """The application the environment describes, open but not started: what is wrong shows before a server begins."""
    settings = load_settings()
    configure_logging(settings)
    return Application(settings).open()


def check_address(settings: Settings, address: str, *, pages: bool, tls: bool = False) -> None:
    """Forbidden where serving would let strangers in; docs/decisions says why pages stay on loopback for now."""
    if pages and settings.auth == "on":
        raise Forbidden(
            "IONFLUX_AUTH=on asks everyone to sign in, and the pages have no sign-in form yet.",
            hint="Serve the API alone with tokens: ionflux serve --no-ui.",
        )
    if pages and not is_loopback(address):
        raise Forbidden(
            f"The pages have no sign-in form yet, so they are not served on {address}, where others could reach them.",
            hint="Use 127.0.0.1, reach it through an SSH tunnel, or serve the API alone: ionflux serve --no-ui.",
        )
    if not is_loopback(address) and not tls:
        raise Forbidden(
            f"On {address} tokens would cross the network unencrypted.",
            hint="Put a proxy with TLS in front and say so: ionflux serve --no-ui --i-have-tls.",
        )


@contextmanager
def running(application: Application, url: str) -> Iterator[None]:
    """The application at work: started, with the demo under way when it is wanted, and stopped in the end."""
    began = time.perf_counter()
    try:
        # First of all: a half-built demo is removed before worker and clock look at its rows.
        if application.settings.demo:
            _begin_demo(application)
        application.warm()
        set_current(application.start())
        typer.echo(f"IONFLUX is ready at {url} (started in {time.perf_counter() - began:.1f} s).")
        yield
    finally:
        set_current(None)
        application.stop()


def _begin_demo(application: Application) -> None:
    """Build the demo beside the server; go on as soon as its workspace is there, so that no visitor makes another."""
    demo = getattr(application, "demo", None)
    if demo is None or not demo.is_wanted():
        return
    typer.echo("Building the demo workspace: sixty days of a shop, worked through by the agents. Look in meanwhile.")

    def build() -> None:
        try:
            demo.build()
        except IonfluxError as error:
            log.warning("the demo workspace was not finished: %s", error)

    thread = threading.Thread(target=build, name="ionflux-demo", daemon=True)
    thread.start()
    deadline = time.monotonic() + _SEED_BEGINS_WITHIN
    while thread.is_alive() and demo.progress is None and time.monotonic() < deadline:
        time.sleep(0.05)


def serve(*, pages: bool, tls: bool) -> None:
    """Serve until a signal ends it, on the host and port of the settings."""
    settings = load_settings()
    check_address(settings, settings.host, pages=pages, tls=tls)
    check_port(settings)
    if pages:
        _serve_pages(settings)
    else:
        _serve_api(settings)


def url_of(settings: Settings) -> str:
    """The address to open in a browser."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def check_port(settings: Settings) -> None:
    """Unavailable when the host and port of the settings cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            what = f"Port {settings.port} is taken" if taken else f"{url_of(settings)} cannot be listened on"
            reason = "" if taken else f": {error.strerror}"
            raise Unavailable(
                f"{what}{reason}.", hint="Is IONFLUX running already? Else choose another: IONFLUX_PORT=8502."
            ) from error


def _serve_pages(settings: Settings) -> None:
    """Run app.py, as `streamlit run app.py` does, on our own host and port."""
    path = ROOT / "app.py"
    # Streamlit finds .streamlit/config.toml beside the script that was started.
    sys.argv = [str(path)]
    spec = importlib.util.spec_from_file_location(SERVED_AS, path)
    if spec is None or spec.loader is None:
        raise Unavailable(f"{path} cannot be loaded.", hint="Run IONFLUX from its own folder.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.app.run(
        config={
            "server.address": settings.host,
            "server.port": settings.port,
            "logger.hideWelcomeMessage": True,
            # Ours lie at the top, beside app.py, and are served by our own route.
            "server.enableStaticServing": False,
        }
    )


def _serve_api(settings: Settings) -> None:
    """Serve everything but the pages."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from ionflux_core.web.metrics import Requests
    from ionflux_core.web.routes import Nowhere, middleware, routes

    application, requests = made(), Requests()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        with running(application, url_of(settings)):
            if settings.needs_token and not _has_token(application):
                typer.echo("Nobody can call the API yet: make a token with: ionflux token create NAME", err=True)
            yield {}

    app = Starlette(
        routes=[*routes(), Mount("/", Nowhere())],
        middleware=middleware(application, requests),
        lifespan=lifespan,
    )
    uvicorn.run(
        app, host=settings.host, port=settings.port, ws="none", log_config=None, access_log=False, server_header=False
    )


def _has_token(application: Application) -> bool:
    return any(application.tokens.find(workspace.id) for workspace in application.workspaces.all())
