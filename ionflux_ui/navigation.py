"""The list of pages: one line each. A new page is a file in pages/ and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PAGES_DIR = Path(__file__).resolve().parent.parent / "pages"

Section = Literal["", "Work", "Talk", "Insight", "Library", "System"]


@dataclass(frozen=True, slots=True)
class PageEntry:
    """One page: its noun (file, address), its title, icon and section of the sidebar."""

    noun: str
    title: str
    icon: str
    section: Section

    @property
    def path(self) -> Path:
        """The page's script."""
        return PAGES_DIR / f"{self.noun}.py"


PAGES: tuple[PageEntry, ...] = (
    PageEntry("home", "Home", ":material/home:", ""),
    PageEntry("canvas", "Pages", ":material/dashboard:", ""),
    PageEntry("agents", "Agents", ":material/smart_toy:", "Work"),
    PageEntry("flows", "Flows", ":material/account_tree:", "Work"),
    PageEntry("runs", "Runs", ":material/play_circle:", "Work"),
    PageEntry("compare", "Compare runs", ":material/compare_arrows:", "Work"),
    PageEntry("approvals", "Approvals", ":material/front_hand:", "Work"),
    PageEntry("outbox", "Outbox", ":material/outbox:", "Work"),
    PageEntry("chat", "Chat", ":material/forum:", "Talk"),
    PageEntry("dashboard", "Dashboard", ":material/monitoring:", "Insight"),
    PageEntry("explore", "Explore", ":material/query_stats:", "Insight"),
    PageEntry("events", "Events", ":material/bolt:", "Insight"),
    PageEntry("alerts", "Alerts", ":material/notifications_active:", "Insight"),
    PageEntry("marketplace", "Marketplace", ":material/storefront:", "Library"),
    PageEntry("prompts", "Prompts", ":material/chat_bubble:", "Library"),
    PageEntry("playbooks", "Playbooks", ":material/conversion_path:", "Library"),
    PageEntry("transforms", "Transforms", ":material/function:", "Library"),
    PageEntry("brands", "Brands & Creators", ":material/palette:", "Library"),
    PageEntry("settings", "Settings", ":material/settings:", "System"),
)


def page_path(noun: str) -> str:
    """The script of a page, for `st.switch_page` and `st.page_link`."""
    return str(PAGES_DIR / f"{noun}.py")
