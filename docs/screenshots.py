"""Takes the pictures in docs/pictures from a server with the demo workspace: python docs/screenshots.py [URL]."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = {
    "home": "/",
    "marketplace": "/marketplace",
    "agents": "/agents",
    "transforms": "/transforms",
    "playbooks": "/playbooks",
    "runs": "/runs",
    "dashboard": "/dashboard",
    "explore": "/explore",
    "events": "/events",
    "alerts": "/alerts",
    "brands": "/brands",
    "settings": "/settings",
    "accounts": "/settings?tab=accounts",
    "page": "/canvas",
    "prompts": "/prompts",
    "approvals": "/approvals",
    "outbox": "/outbox",
}


def shots(url: str) -> dict[str, str]:
    """Every picture with its address: the pages, the alarms, a flow, a run of an agent, and two runs side by side."""
    runs, channels = (_asked(url, what) for what in ("runs?agent=sales_sentinel&status=success&limit=2", "channels"))
    flows = _asked(url, "flows")["flows"]
    alerts = next((each["id"] for each in channels["channels"] if each["name"] == "alerts"), "")
    found = {"chat": f"/chat?channel={alerts}"}
    if flows:
        found["flows"] = f"/flows?flow={flows[0]['id']}"
    ids = [run["run_id"] for run in runs["runs"]]
    if len(ids) == 2:
        found |= {"run": f"/runs?run={ids[0]}", "compare": f"/compare?left={ids[1]}&right={ids[0]}"}
    return {**SHOTS, **found}


def _asked(url: str, what: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/api/v1/{what}") as answer:
        known: dict[str, Any] = json.load(answer)
    return known


def settle(page: Page) -> None:
    """Wait until Streamlit has drawn everything."""
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=\"stStatusWidget\"]')", timeout=60_000)
    page.wait_for_timeout(2500)


def main(url: str, only: list[str]) -> None:
    """One picture of each page in each theme, 1280 pixels wide."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for scheme in ("light", "dark"):
            context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
            page = context.new_page()
            for name, path in shots(url).items():
                if only and name not in only:
                    continue
                page.goto(url + path)
                settle(page)
                page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8501", sys.argv[2:])
