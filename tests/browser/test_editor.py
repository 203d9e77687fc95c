"""The YAML editor in a real browser: typing, problems, completion, reruns, keys, and readability in the dark."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.served import ROOT, streamlit
from tests.browser.tabs import OpenTab, Tab

SCRIPT = textwrap.dedent(
    """
    import sys

    sys.path.insert(0, ROOT)
    import streamlit as st

    from ionflux_core.errors import Problem
    from ionflux_ui.editor import current_text, yaml_editor

    SCHEMA = {
        "type": "object",
        "properties": {
            "agent": {"type": "string", "description": "The slug of the agent."},
            "mode": {"enum": ["fast", "careful"], "description": "How much it may spend."},
            "limits": {"$ref": "#/$defs/Limits"},
            "triggers": {"type": "array", "items": {"oneOf": [{"$ref": "#/$defs/Schedule"}, {"$ref": "#/$defs/Hook"}]}},
        },
        "$defs": {
            "Limits": {"type": "object", "properties": {"seconds": {"type": "integer", "description": "Wall time."}}},
            "Schedule": {"type": "object", "properties": {"kind": {"const": "schedule"}, "cron": {"type": "string"}}},
            "Hook": {"type": "object", "properties": {"kind": {"const": "webhook"}, "path": {"type": "string"}}},
        },
    }

    text = st.session_state.setdefault("start", "agent: tracker\\nmode: fast\\n")
    revision = st.session_state.setdefault("revision", 0)
    typed = current_text(text, key="editor", revision=revision)
    bad = [n for n, line in enumerate(typed.splitlines(), 1) if "wrong" in line]
    problems = [Problem("No such mode <b>x</b>.", "Use fast.", line=n, column=7) for n in bad]
    value = yaml_editor(
        text,
        key="editor",
        schema=SCHEMA,
        problems=problems,
        revision=revision,
        read_only=bool(st.query_params.get("locked")),
        height=300,
        label="Agent text",
    )
    runs = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    saves = st.session_state["saves"] = st.session_state.get("saves", 0) + value.saved
    st.text(f"runs={runs} saves={saves} text={value.text!r}")
    st.button("Again")
    if st.button("Replace"):
        st.session_state["start"] = value.text.replace("tracker", "wizard")
        st.session_state["revision"] += 1
        st.rerun()
    """
)


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Streamlit server with our own configuration, under a base path."""
    folder = tmp_path_factory.mktemp("editor")
    (folder / "script.py").write_text(SCRIPT.replace("ROOT", repr(str(ROOT))), encoding="utf-8")
    (folder / "static").symlink_to(ROOT / "static")
    (folder / ".streamlit").symlink_to(ROOT / ".streamlit")
    with streamlit("script.py", folder, folder / "log", base="studio") as opened:
        yield f"{opened}/"


class Screen:
    """One opened page with the editor."""

    def __init__(self, tab: Tab) -> None:
        self.page = tab.page
        self.text = self.page.locator(".cm-content")
        self.text.wait_for()

    def type_at_end(self, keys: str) -> None:
        self.text.click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(keys, delay=15)

    def shows(self, fragment: str) -> None:
        self.page.get_by_test_id("stText").filter(has_text=fragment).wait_for(timeout=10_000)

    def runs(self) -> int:
        found = re.search(r"runs=(\d+)", self.page.get_by_test_id("stText").inner_text())
        assert found
        return int(found.group(1))


OpenScreen = Callable[..., Screen]


@pytest.fixture
def open_screen(open_tab: OpenTab, address: str) -> OpenScreen:
    return lambda query="", **look: Screen(open_tab(address + query, **look))


@pytest.fixture
def screen(open_screen: OpenScreen) -> Screen:
    return open_screen()


def test_python_gets_what_was_typed(screen: Screen) -> None:
    screen.type_at_end("# done")
    screen.shows("text='agent: tracker\\nmode: fast\\n# done'")


def test_typing_sends_nothing_before_a_pause_and_leaving_sends_at_once(screen: Screen) -> None:
    before = screen.runs()
    screen.type_at_end("# a long remark")
    screen.shows("a long remark")
    assert screen.runs() == before + 1
    screen.type_at_end("!")
    screen.page.wait_for_timeout(150)  # an Escape right after a letter only stops the completion that is about to open
    screen.page.keyboard.press("Escape")
    screen.page.keyboard.press("Tab")
    screen.shows("a long remark!")
    assert not screen.text.evaluate("text => text.getRootNode().activeElement === text"), "Escape, Tab must lead out"


def test_tab_indents_and_single_keys_stay_in_the_editor(screen: Screen) -> None:
    before = screen.runs()
    screen.type_at_end("limits:")
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.type("rc")
    screen.page.keyboard.press("Tab")
    screen.shows("limits:\\n")
    assert screen.runs() <= before + 2, "the letter r must not rerun the page"
    lines = screen.text.inner_text().split("\n")
    assert any(re.fullmatch(r" {2,4}rc *", line) for line in lines), lines


def test_a_problem_is_marked_on_its_line_and_listed_as_plain_text(screen: Screen) -> None:
    screen.type_at_end("kind: wrong")
    screen.page.locator(".problems li").wait_for()
    assert screen.page.locator(".problems li").inner_text().split("\n")[:2] == ["✕ line 3", "No such mode <b>x</b>."]
    mark = screen.page.locator(".cm-lint-marker-error")
    number = screen.page.locator(".cm-lineNumbers .cm-gutterElement", has_text=re.compile(r"^3$"))
    assert abs(mark.bounding_box()["y"] - number.bounding_box()["y"]) < 12
    assert screen.page.locator(".cm-lintRange-error").inner_text() == "wrong"
    assert screen.page.locator(".status .verdict").inner_text() == "1 problem"
    screen.page.keyboard.press("Control+Home")
    screen.page.locator(".problems button").click()
    assert screen.page.locator(".status .place").inner_text() == "Line 3, column 7"


def test_completion_offers_what_the_schema_allows_here(screen: Screen) -> None:
    screen.type_at_end("l")
    option = screen.page.locator(".cm-tooltip-autocomplete li")
    option.filter(has_text="limits").wait_for()
    assert "mode" not in " ".join(option.all_inner_texts()), "a key that is there already must not be offered"
    screen.page.wait_for_timeout(120)
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.type("se", delay=15)
    option.filter(has_text="seconds").wait_for()
    screen.page.wait_for_timeout(120)
    screen.page.keyboard.press("Enter")
    screen.shows("limits:\\n  seconds: ")


def test_completion_knows_values_and_the_kind_of_a_list_item(screen: Screen) -> None:
    option = screen.page.locator(".cm-tooltip-autocomplete li")
    screen.type_at_end("triggers:\n- kind: web")
    option.filter(has_text="webhook").wait_for()
    screen.page.wait_for_timeout(120)
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.press("Control+Space")
    option.filter(has_text="path").wait_for()
    assert "cron" not in " ".join(option.all_inner_texts()), "a webhook has no cron"


def test_hover_explains_a_key(screen: Screen) -> None:
    screen.page.get_by_text("mode", exact=True).hover()
    screen.page.locator(".explanation").wait_for()
    assert "How much it may spend." in screen.page.locator(".explanation").inner_text()


def test_a_rerun_keeps_text_and_cursor(screen: Screen) -> None:
    screen.text.click()
    screen.page.keyboard.press("Control+Home")
    for _ in range(7):
        screen.page.keyboard.press("ArrowRight")
    screen.page.keyboard.type("my_")
    screen.shows("agent: my_tracker")
    runs = screen.runs()
    screen.page.get_by_role("button", name="Again").click()
    screen.shows(f"runs={runs + 1}")
    assert screen.page.locator(".status .place").inner_text() == "Line 1, column 11"
    screen.text.focus()
    screen.page.keyboard.type("own_")
    screen.shows("agent: my_own_tracker")


def test_a_new_revision_replaces_the_text_and_undo_brings_it_back(screen: Screen) -> None:
    screen.type_at_end("# kept")
    screen.shows("# kept")
    screen.page.get_by_role("button", name="Replace").click()
    screen.shows("agent: wizard\\nmode: fast\\n# kept")
    # The server knows the new text a moment before the editor shows it.
    expect(screen.text).to_contain_text("agent: wizard")
    screen.text.focus()
    screen.page.keyboard.press("Control+z")
    screen.shows("agent: tracker\\nmode: fast\\n# kept")


def test_ctrl_s_saves_once_with_the_newest_text(screen: Screen) -> None:
    screen.type_at_end("# s")
    screen.page.keyboard.press("Control+s")
    screen.shows("saves=1 text='agent: tracker\\nmode: fast\\n# s'")
    screen.page.get_by_role("button", name="Again").click()
    screen.page.wait_for_timeout(800)
    screen.shows("saves=1")


def test_read_only_text_cannot_be_changed(open_screen: OpenScreen) -> None:
    screen = open_screen("?locked=1")
    screen.type_at_end("xyz")
    screen.page.keyboard.press("Control+s")
    screen.page.wait_for_timeout(700)
    assert "xyz" not in screen.text.inner_text()
    assert screen.text.get_attribute("aria-readonly") == "true"
    screen.shows("saves=0")


def test_a_plain_field_stands_in_when_the_bundle_does_not_arrive(browser: Browser, address: str) -> None:
    page = browser.new_page()  # not by open_tab: that the bundle does not arrive is something to complain about
    page.route("**/yaml_editor.js*", lambda route: route.abort())
    page.goto(address)
    field = page.get_by_label("Agent text")
    field.fill("agent: plain")
    field.blur()
    page.get_by_test_id("stText").filter(has_text="text='agent: plain'").wait_for(timeout=10_000)
    page.close()


def test_the_editor_follows_a_change_of_theme(screen: Screen) -> None:
    screen.type_at_end("# kept")
    frame = screen.page.locator(".frame")
    assert _luminance(frame.evaluate("frame => getComputedStyle(frame).backgroundColor")) > 0.8
    screen.page.emulate_media(color_scheme="dark")
    screen.page.wait_for_timeout(1500)
    assert _luminance(frame.evaluate("frame => getComputedStyle(frame).backgroundColor")) < 0.2
    assert screen.text.inner_text().endswith("# kept")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_letter_is_readable(open_screen: OpenScreen, scheme: str) -> None:
    screen = open_screen(scheme=scheme)
    screen.type_at_end('"a": &b !c [1, "d"] # e\nk: wrong')
    screen.page.locator(".problems li").wait_for()
    ground, *inks = screen.page.evaluate(
        """() => {
            const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
            const read = (element, name) => getComputedStyle(element)[name];
            const names = ".cm-line span, .cm-line, .cm-gutterElement, .problems span, .status span";
            const letters = root.querySelectorAll(names);
            return [read(root.querySelector(".frame"), "backgroundColor"), ...[...letters].map(e => read(e, "color"))];
        }"""
    )
    assert (_luminance(ground) < 0.2) == (scheme == "dark")
    assert len(set(inks)) >= 4
    worst = min(_contrast(ink, ground) for ink in set(inks))
    assert worst >= 4.5, f"{worst:.2f} on {ground}"
    assert screen.text.get_attribute("aria-label") == "Agent text"


def _luminance(color: str) -> float:
    """WCAG 2.2 relative luminance of a computed `rgb(r, g, b)` colour."""
    channels = [float(part) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
