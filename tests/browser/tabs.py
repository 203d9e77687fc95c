"""A tab of the browser that keeps count of what happens in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request


@dataclass
class Tab:
    """A browser tab, with what it sent to the server, asked other machines for, and complained about."""

    page: Page
    origin: str
    sent: int = 0
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note everything from now on."""
        self.page.on("websocket", lambda socket: socket.on("framesent", self._count))
        self.page.on("request", self._look_at)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _count(self, _: object) -> None:
        self.sent += 1

    def _look_at(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.outside.append(request.url)

    def _hear(self, said: ConsoleMessage) -> None:
        url = said.location["url"]
        # On /runs Streamlit first asks below /runs where it lives, and is told that it does not live there.
        asks_its_way = "404" in said.text and url.endswith(("/_stcore/health", "/_stcore/host-config"))
        if said.type == "error" and not asks_its_way:
            self.complaints.append(f"{said.text} ({url})")

    def quiet_for(self, seconds: float) -> int:
        """How many messages went to the server while nobody touched the page."""
        before = self.sent
        self.page.wait_for_timeout(seconds * 1000)
        return self.sent - before

    def sideways(self) -> int:
        """How many pixels the page can be scrolled sideways: Streamlit scrolls its main part, not the document."""
        pixels: int = self.page.evaluate(
            """() => {
                const main = document.querySelector("[data-testid=stMain]");
                const { scrollWidth } = document.documentElement;
                return Math.max(main.scrollWidth - main.clientWidth, scrollWidth - innerWidth);
            }"""
        )
        return pixels


OpenTab = Callable[..., Tab]
