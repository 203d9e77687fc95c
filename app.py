"""What `streamlit run app.py` gets: the ASGI app with pages, webhooks, API and health on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from streamlit import App

from ionflux_core.application import Application, configure_logging, set_current
from ionflux_core.settings import load_settings
from ionflux_core.web.routes import middleware, routes

settings = load_settings()
configure_logging(settings)
application = Application(settings)


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[dict[str, Any]]:
    """Start worker, event bus and clock before the first visitor, and stop them with the server."""
    set_current(application.start())
    try:
        yield {}
    finally:
        set_current(None)
        application.stop()


app = App(
    Path(__file__).parent / "ionflux_ui" / "shell.py",
    lifespan=lifespan,
    routes=routes(application),
    middleware=middleware(),
)
