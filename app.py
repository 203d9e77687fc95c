"""What `streamlit run app.py` gets: the ASGI app with pages, webhooks, API and health on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from streamlit import App, config

from ionflux_core.cli.server import check_address, made, running
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes

application = made()
# The address may come from Streamlit's own settings, which know nothing of ours.
check_address(application.settings, str(config.get_option("server.address") or "0.0.0.0"), pages=True)
requests = Requests()


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[dict[str, Any]]:
    """Start worker, event bus and clock before the first visitor, and stop them with the server."""
    with running(application, f"http://{application.settings.host}:{config.get_option('server.port')}"):
        yield {}


app = App(
    Path(__file__).parent / "ionflux_ui" / "shell.py",
    lifespan=lifespan,
    routes=routes(application, requests),
    middleware=middleware(application, requests),
)
