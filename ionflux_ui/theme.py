"""Our colours, fonts and status words as named constants; `.streamlit/config.toml` holds the same values (tested)."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

STATIC: Final = Path(__file__).resolve().parent.parent / "static"
PAGE_ICON: Final = str(STATIC / "icon.png")
LOGO_LIGHT: Final = str(STATIC / "logo-light.svg")
LOGO_DARK: Final = str(STATIC / "logo-dark.svg")
MARK: Final = str(STATIC / "icon.svg")
FONT: Final = "./app/static/fonts/inter-latin-wght-normal.woff2"


class Shade(NamedTuple):
    """One colour on the light and on the dark ground, as #rrggbb."""

    light: str
    dark: str


class StatusLook(NamedTuple):
    """How a status word is shown: its name, its icon (a Streamlit icon code) and its colour on either ground."""

    label: str
    icon: str
    light: str
    dark: str


PAPER: Final = Shade("#fcfcfd", "#111116")
PAPER_RAISED: Final = Shade("#f3f3f7", "#1b1b23")
PAPER_SIDEBAR: Final = Shade("#f6f6f9", "#15151b")
INK: Final = Shade("#17171f", "#ececf2")
BORDER: Final = Shade("#dcdce5", "#33333f")
ACCENT: Final = Shade("#5a4dfc", "#8880ff")
ACCENT_FILL: Final = ACCENT.light
ACCENT_FILL_HOVER: Final = "#4638e0"

GREY: Final = Shade("#5f5f6c", "#b0b0be")
BLUE: Final = Shade("#1d63c8", "#74aef5")
AMBER: Final = Shade("#955800", "#e8ab3f")
GREEN: Final = Shade("#127447", "#4fc486")
RED: Final = Shade("#c22431", "#ff8087")
DARK_GREY: Final = Shade("#3d3d47", "#8e8e9c")

# Found by search: the eight differ from each other for normal sight and for red-, green- and blue-blind eyes alike, and
# each stands out 3:1 from both grounds, so one list serves both themes.
CHART_PALETTE: Final = ("#6a5cf5", "#f05b9c", "#9a9600", "#3495f0", "#905514", "#506e54", "#7f4f9c", "#34a455")

STATUS_COLORS: Final[dict[str, StatusLook]] = {
    "idle": StatusLook("Idle", ":material/circle:", *GREY),
    "paused": StatusLook("Paused", ":material/pause_circle:", *GREY),
    "skipped": StatusLook("Skipped", ":material/skip_next:", *GREY),
    "pending": StatusLook("Pending", ":material/schedule:", *BLUE),
    "waiting": StatusLook("Waiting", ":material/hourglass_empty:", *AMBER),
    "running": StatusLook("Running", ":material/progress_activity:", *AMBER),
    "awaiting_approval": StatusLook("Awaiting approval", ":material/front_hand:", *AMBER),
    "success": StatusLook("Success", ":material/check_circle:", *GREEN),
    "reused": StatusLook("Reused", ":material/history:", *GREEN),
    "error": StatusLook("Error", ":material/error:", *RED),
    "budget_stopped": StatusLook("Stopped by budget", ":material/money_off:", *RED),
    "cancelled": StatusLook("Cancelled", ":material/cancel:", *DARK_GREY),
    "cancelled_by_user": StatusLook("Cancelled", ":material/cancel:", *DARK_GREY),
    "cancelled_by_system": StatusLook("Cancelled by the system", ":material/block:", *DARK_GREY),
}

_TONES: Final = {GREY: "gray", DARK_GREY: "gray", BLUE: "blue", AMBER: "orange", GREEN: "green", RED: "red"}

# What the theme options cannot say; app.py puts it into every page. Figures of equal width where numbers stand below
# each other, and one deeper accent under white letters, because the accent that reads well as text on the dark ground
# is too light for white on it.
CSS: Final = f"""
[data-testid="stMetricValue"], [data-testid="stMetricDelta"], [data-testid="stTable"],
[data-testid="stMarkdown"] table {{ font-variant-numeric: tabular-nums; }}
[data-testid^="stBaseButton-primary"]:not(:disabled), [data-testid="stMultiSelect"] [data-baseweb="tag"] {{
  background-color: {ACCENT_FILL}; border-color: {ACCENT_FILL}; color: #ffffff;
}}
[data-testid^="stBaseButton-primary"]:not(:disabled):hover {{ background-color: {ACCENT_FILL_HOVER}; }}
@media print {{
  [data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stStatusWidget"],
  [data-testid="stToastContainer"], [data-testid="stMain"] :is([data-testid="stButton"], [data-testid="stPopover"],
  [data-testid="stButtonGroup"], [data-testid="stCheckbox"], [data-testid="stDateInput"]) {{
    display: none !important;
  }}
  html, body, #root, .stApp, [data-testid="stAppViewContainer"], [data-testid="stMain"] {{
    position: static !important; height: auto !important; overflow: visible !important; display: block !important;
    background: #ffffff !important; color: {INK.light} !important;
  }}
  [data-testid="stMainBlockContainer"] {{ padding: 0 !important; max-width: none !important; }}
  [data-testid="stMain"] :is(h1, p) {{ color: {INK.light} !important; }}
}}
"""


def status_look(status: str) -> StatusLook:
    """The look of a status word; an unknown word is shown as itself, in grey."""
    return STATUS_COLORS.get(status) or StatusLook(status.replace("_", " ").capitalize(), ":material/help:", *GREY)


def status_badge(status: str) -> str:
    """A status as a Markdown badge: colour, icon and word, like ":green-badge[:material/check_circle: Success]"."""
    look = status_look(status)
    return f":{_TONES[Shade(look.light, look.dark)]}-badge[{look.icon} {look.label}]"


def status_color(status: str) -> str:
    """The colour of a status as a component's CSS says it: it follows the theme without being drawn anew."""
    look = status_look(status)
    return f"var(--st-{_TONES[Shade(look.light, look.dark)]}-text-color)"
