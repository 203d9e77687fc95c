"""What `streamlit run app.py` gets: the ASGI app with pages, webhooks, API and health on one port."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit
from streamlit import App, config

from ionflux_core.cli.server import SERVED_AS, check_address, made, running
from ionflux_core.errors import IonfluxError
from ionflux_core.web.front import front
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from ionflux_ui.theme import CSS, FONT

# What most pages are made of: a click to the next page finds its scripts loaded.
WIDGETS = (
    "TextInput",
    "Checkbox",
    "Selectbox",
    "Multiselect",
    "BidiComponent",
    "ButtonGroup",
    "NumberInput",
    "TextArea",
)


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[dict[str, Any]]:
    """Start worker, event bus and clock before the first visitor, and stop them with the server."""
    with running(application, f"http://{config.get_option('server.address')}:{config.get_option('server.port')}"):
        # What has been loaded so far stays; a collection need not walk through it again while pages are drawn.
        gc.freeze()
        yield {}


try:
    application = made()
    requests = Requests()
    assets = Path(streamlit.__file__).parent / "static"
    original = (assets / "index.html").read_text(encoding="utf-8")
    icons = [f"./{path.relative_to(assets)}" for path in assets.glob("static/media/MaterialSymbols-Rounded.*.woff2")]
    widgets = [f"./{path.relative_to(assets)}" for name in WIDGETS for path in assets.glob(f"static/js/{name}.*.js")]
    page = front(original, fonts=[FONT, *icons], scripts=widgets, style=CSS)
    app = App(
        Path(__file__).parent / "ionflux_ui" / "shell.py",
        lifespan=lifespan,
        routes=routes(),
        middleware=middleware(application, requests, original=original, page=page),
    )
    # `ionflux serve` loads this file under a name of its own and has checked its address. Asked only now: App has told
    # Streamlit where its settings lie. Without an address it listens everywhere.
    if __name__ != SERVED_AS:
        check_address(application.settings, str(config.get_option("server.address") or "0.0.0.0"), pages=True)
except IonfluxError as error:
    raise SystemExit(f"{error.message}\n{error.hint}") from None
