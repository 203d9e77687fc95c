"""Pages without a browser: opened at an address, and what they say."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from ionflux_ui.navigation import page_path

ROOT = Path(__file__).resolve().parents[2]
SHELL = ROOT / "ionflux_ui" / "shell.py"
# For each page that is opened so, Streamlit reads what every installed package says of itself: here once for all.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
KINDS = ("title", "subheader", "markdown", "caption", "text", "info", "warning", "code")


def open_page(noun: str, /, **parameters: str) -> AppTest:
    """A page with the current application and these parameters in its address; it must not have failed."""
    test = AppTest.from_file(str(SHELL), default_timeout=60).switch_page(page_path(noun))
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def drawn(test: AppTest) -> list[dict[str, Any]]:
    """What the page's own components draw, without the bar that stands on every page."""
    found = test.get("bidi_component")
    return [json.loads(each.proto.json) for each in found if each.proto.component_name != "ionflux_frame"]


def words(test: AppTest) -> str:
    """Everything a page says, as Markdown."""
    return "\n".join(str(element.value) for kind in KINDS for element in getattr(test, kind))


def plain_words(test: AppTest) -> str:
    """Everything a page says, without the backslashes that keep data from being read as Markdown."""
    return words(test).replace("\\", "")


def labelled(elements: Iterable[Any], label: str) -> Any:
    """The button or field with this label."""
    return next(each for each in elements if each.label == label)
