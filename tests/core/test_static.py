"""Look and bundles: one set of colours, readable by everyone, nothing fetched from outside, nothing out of date."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from streamlit import config as streamlit_config
from streamlit.testing.v1 import AppTest

from ionflux_core.domain.runs import RUN_STATUSES, StepStatus
from ionflux_ui import editor, theme

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
CONFIG: dict[str, Any] = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))
GROUNDS = ("light", "dark")
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2, criteria 1.4.3 and 1.4.11

# Normal sight, and full blindness to one colour on linear RGB (Machado, Oliveira, Fernandes 2009, severity 1.0).
SIGHT = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "red-blind": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "green-blind": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "blue-blind": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}


def linear(color: str) -> tuple[float, ...]:
    """A #rrggbb colour as linear RGB, 0 to 1."""
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio, 1 to 21."""
    lights = [sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(x), strict=True)) for x in (one, other)]
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def lab(color: str, sight: str) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of a colour as the given eyes see it."""
    rgb = linear(color)
    r, g, b = (min(max(sum(m * c for m, c in zip(row, rgb, strict=True)), 0.0), 1.0) for row in SIGHT[sight])
    x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047
    y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * b
    z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883
    fx, fy, fz = (math.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def grounds(scheme: str) -> list[str]:
    """Every colour that text may stand on in this theme."""
    part = CONFIG["theme"][scheme]
    sidebar = part["sidebar"]
    return [p[name] for p in (part, sidebar) for name in ("backgroundColor", "secondaryBackgroundColor")]


def test_every_option_is_one_that_streamlit_knows() -> None:
    known = set(streamlit_config.get_config_options())

    def names(part: dict[str, Any], prefix: str) -> list[str]:
        inner = {key for key, value in part.items() if isinstance(value, dict)}
        here = [f"{prefix}{key}" for key in part if key not in inner]
        return here + [name for key in sorted(inner) for name in names(part[key], f"{prefix}{key}.")]

    assert [name for name in names(CONFIG, "") if name not in known] == []


def test_the_server_stays_on_this_machine_and_tells_nobody() -> None:
    server, client = CONFIG["server"], CONFIG["client"]
    assert server["address"] == "127.0.0.1"
    assert server["enableXsrfProtection"] is True
    assert server["maxUploadSize"] <= 25
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert client["showErrorDetails"] == "none"
    assert client["showErrorLinks"] is False


@pytest.mark.parametrize("scheme", GROUNDS)
def test_configuration_and_constants_name_the_same_colours(scheme: str) -> None:
    part = CONFIG["theme"][scheme]
    named = {
        "backgroundColor": theme.PAPER,
        "secondaryBackgroundColor": theme.PAPER_RAISED,
        "textColor": theme.INK,
        "borderColor": theme.BORDER,
        "primaryColor": theme.ACCENT,
        "linkColor": theme.ACCENT,
        "grayTextColor": theme.GREY,
        "blueTextColor": theme.BLUE,
        "orangeTextColor": theme.AMBER,
        "greenTextColor": theme.GREEN,
        "redTextColor": theme.RED,
    }
    assert {name: part[name] for name in named} == {name: getattr(shade, scheme) for name, shade in named.items()}
    assert part["sidebar"]["backgroundColor"] == getattr(theme.PAPER_SIDEBAR, scheme)
    assert CONFIG["theme"]["chartCategoricalColors"] == list(theme.CHART_PALETTE)


@pytest.mark.parametrize("scheme", GROUNDS)
def test_text_is_readable_on_every_ground(scheme: str) -> None:
    part = CONFIG["theme"][scheme]
    inks = {
        name: value for name, value in part.items() if name.endswith("TextColor") or name in ("textColor", "linkColor")
    }
    inks["accent"] = part["primaryColor"]
    poor = {
        (name, ground): round(contrast(ink, ground), 2)
        for name, ink in inks.items()
        for ground in grounds(scheme)
        if contrast(ink, ground) < TEXT
    }
    assert poor == {}
    for name in ("red", "orange", "yellow", "blue", "green", "violet", "gray"):
        assert contrast(part[f"{name}TextColor"], part[f"{name}BackgroundColor"]) >= TEXT, name


@pytest.mark.parametrize("scheme", GROUNDS)
def test_status_colours_are_readable_and_chart_colours_visible(scheme: str) -> None:
    for ground in grounds(scheme):
        for word, look in theme.STATUS_COLORS.items():
            assert contrast(getattr(look, scheme), ground) >= TEXT, (word, ground)
    for color in theme.CHART_PALETTE:
        assert contrast(color, CONFIG["theme"][scheme]["backgroundColor"]) >= GRAPHIC, color
    assert contrast(theme.ACCENT_FILL, CONFIG["theme"][scheme]["backgroundColor"]) >= GRAPHIC


def test_white_is_readable_on_the_filled_accent() -> None:
    assert contrast("#ffffff", theme.ACCENT_FILL) >= TEXT
    assert contrast("#ffffff", theme.ACCENT_FILL_HOVER) >= TEXT


@pytest.mark.parametrize("sight", SIGHT)
def test_chart_colours_differ_for_all_eyes(sight: str) -> None:
    """2.3 is a just noticeable difference in L*a*b*; side by side in a chart they should be many times that apart."""
    assert len(theme.CHART_PALETTE) == 8
    seen = [lab(color, sight) for color in theme.CHART_PALETTE]
    assert min(math.dist(a, b) for a, b in itertools.combinations(seen, 2)) >= 15
    assert min(math.dist(a, b) for a, b in itertools.pairwise(seen)) >= 30


def test_every_status_word_has_a_look_and_none_relies_on_colour_alone() -> None:
    assert {*RUN_STATUSES, *get_args(StepStatus)} <= set(theme.STATUS_COLORS)
    looks = theme.STATUS_COLORS.values()
    assert all(look.label and re.fullmatch(r":material/\w+:", look.icon) for look in looks)
    assert theme.status_badge("success") == ":green-badge[:material/check_circle: Success]"
    assert theme.status_look("pending_processing").label == "Pending processing"


def test_fonts_are_ours_and_licensed() -> None:
    faces = CONFIG["theme"]["fontFaces"]
    assert {face["family"] for face in faces} == {"Inter", "JetBrains Mono"}
    files = [STATIC / face["url"].removeprefix("app/static/") for face in faces]
    assert all(file.read_bytes()[:4] == b"wOF2" for file in files)
    assert sum(file.stat().st_size for file in files) < 250_000
    for licence in ("inter-OFL.txt", "jetbrains-mono-OFL.txt"):
        assert "SIL Open Font License" in (STATIC / "fonts" / licence).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["icon.svg", "logo-light.svg", "logo-dark.svg"])
def test_pictures_carry_no_script_and_no_link(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert text.startswith("<svg ")
    assert not re.search(r"https?:|href|<script|<style|<text|on\w+=", text)


def test_the_page_icon_is_a_square_png() -> None:
    head = Path(theme.PAGE_ICON).read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert head[16:20] == head[20:24] == (256).to_bytes(4, "big")


def bundles() -> list[str]:
    return sorted(entry.parent.name for entry in (ROOT / "frontend").glob("*/index.ts"))


@pytest.mark.parametrize("name", bundles())
def test_a_bundle_is_built_from_its_sources_and_needs_nothing_else(name: str) -> None:
    text = (STATIC / name / f"{name}.js").read_text(encoding="utf-8")
    assert not re.search(r"\beval\(|new Function\b|\bimport\(|@import|XMLHttpRequest", text)
    assert text.count("fetch(") <= int(name in ("frame", "canvas")), "only palette and names ask, and only our server"
    assert text.count("new WebSocket(") <= 1, "only frontend/shared/live.ts opens a socket, to our own server"
    # A namespace, and the parser of Markdown's own address in an error message: nothing is fetched from either.
    known = {"http://www.w3.org/2000/svg", "https://github.com/markedjs/marked."}
    if name == "flow_canvas":
        # More namespaces, and where React and React Flow explain their errors and say who made them.
        known |= {
            "http://www.w3.org/1998/Math/MathML", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1999/xlink",
            "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/", "https://react.dev/errors/",
            "https://${}flow.dev/error#001", "https://reactflow.dev?utm_source=attribution", "https://reactflow.dev/",
        }  # fmt: skip
    named = re.findall(r"https?://[^\s\"'`)]+", text)
    assert {re.sub(r"\$\{\w+\}", "${}", address) for address in named} <= known
    frontend = ROOT / "frontend"
    files = [
        file.relative_to(frontend).as_posix() for part in (name, "shared") for file in (frontend / part).rglob("*.*")
    ]
    sources = [frontend / file for file in (*sorted(files), "build.mjs", "package.json")]
    mark = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    assert f"sources {mark};" in text[:300], "sources changed: cd frontend && npm ci && npm run build"
    licences = (STATIC / name / "LICENSES.txt").read_text(encoding="utf-8")
    assert "(MIT)" in licences or ("node_modules" not in text and not licences)


def test_versions_are_pinned_and_the_lock_file_names_no_registry() -> None:
    package = json.loads((ROOT / "frontend/package.json").read_text(encoding="utf-8"))
    for version in (package["dependencies"] | package["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    lock = (ROOT / "frontend/package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert "integrity" in lock


def _page() -> None:
    import streamlit as st

    from ionflux_core.errors import Problem
    from ionflux_ui.editor import current_text, yaml_editor

    before = current_text("agent: x", key="editor")
    value = yaml_editor("agent: x", key="editor", problems=[Problem("No such key.", "Remove it.", line=1, column=1)])
    st.text(f"{before}|{value.text}|{value.saved}")


def test_without_bundle_and_ace_the_text_is_edited_in_a_plain_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor, "_VERSION", "")
    monkeypatch.setitem(sys.modules, "streamlit_ace", None)
    page = AppTest.from_function(_page).run()
    assert [error.value for error in page.error] == ["line 1, column 1: No such key. Remove it."]
    page.text_area[0].set_value("agent: y").run()
    assert page.text[0].value == "agent: y|agent: y|False"
    assert not page.exception


def test_without_bundle_the_text_is_edited_in_ace(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("streamlit_ace", reason="the stand-in editor is not installed: pip install streamlit-ace")
    monkeypatch.setattr(editor, "_VERSION", "")
    page = AppTest.from_function(_page).run()
    assert not page.exception
    assert not page.text_area
    assert page.text[0].value == "agent: x|agent: x|False"


def test_with_bundle_the_text_is_what_was_given_until_something_is_typed() -> None:
    page = AppTest.from_function(_page).run()
    assert not page.exception
    assert page.text[0].value == "agent: x|agent: x|False"
    state = {"draft": {"text": "typed", "revision": 2}}
    assert editor._draft(state, 2, "given") == "typed"
    assert editor._draft(state, 3, "given") == "given"
