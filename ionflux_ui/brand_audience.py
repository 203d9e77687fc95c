"""A creator's platforms and audience: written as lines, shown as small tables with bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.workspaces import Platform
from ionflux_core.errors import Invalid
from ionflux_core.services.workspaces import validated
from ionflux_core.yaml_text import load
from ionflux_ui.plain import escaped, shortened
from ionflux_ui.run_text import is_number, number, plain

_BAR: Final = 20
_ROWS: Final = 30


def facts_of(text: str) -> dict[str, Any]:
    """The audience a text states; Invalid when it is no map."""
    if not text.strip():
        return {}
    read = load(text).numbers()
    if not isinstance(read, dict):
        raise Invalid("The audience cannot be read.", hint="Write one fact per line, such as country: Brazil.")
    return {str(key): value for key, value in read.items()}


def platforms_of(text: str) -> list[dict[str, Any]]:
    """Platforms from lines such as "Instagram, @marina, 12000"; Invalid names the line that is none."""
    found = []
    for line in (each.strip() for each in text.splitlines()):
        if not line:
            continue
        parts = [part.strip() for part in line.split(",", 2)]
        name, handle, followers = (*parts, "", "")[:3]
        is_address = handle.startswith(("https://", "http://"))
        given: dict[str, Any] = {"name": name, "handle": "" if is_address else handle}
        given |= {"url": handle} if is_address else {}
        given |= {"followers": _count(followers, line)} if followers else {}
        found.append(validated(Platform, given, "platform").model_dump())
    return found


def platform_lines(platforms: Iterable[Platform]) -> str:
    """Platforms as the lines a person edits."""
    lines = []
    for platform in platforms:
        parts = [platform.name, platform.url or platform.handle]
        parts += [str(platform.followers)] if platform.followers is not None else []
        lines.append(", ".join(parts).removesuffix(", "))
    return "\n".join(lines)


def _count(text: str, line: str) -> int:
    digits = text.replace(",", "").replace(".", "").replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 12):
        hint = "Write the followers as a whole number, such as Instagram, @marina, 12000."
        raise Invalid(f"{shortened(line, 60)!r} has no number of followers.", hint=hint)
    return int(digits)


def show_platforms(platforms: Iterable[Platform]) -> None:
    """Draw the platforms as a small table."""
    rows = [
        f"| {escaped(each.name)} | {escaped(each.handle or each.url)} "
        f"| {'–' if each.followers is None else number(each.followers)} |"
        for each in platforms
    ]
    if rows:
        st.markdown("\n".join(["| Platform | Name | Followers |", "|---|---|--:|", *rows]))


def show_audience(facts: Mapping[str, Any]) -> None:
    """Draw single facts as a table, and each group of shares with bars."""
    single = {key: value for key, value in facts.items() if not isinstance(value, dict)}
    if single:
        rows = [f"| {escaped(key)} | {escaped(shortened(_said(value), 200))} |" for key, value in single.items()]
        st.markdown("\n".join(["| Audience | |", "|---|---|", *rows[:_ROWS]]))
    for name, group in facts.items():
        if isinstance(group, dict) and group:
            st.markdown("\n".join([f"| {escaped(name)} | | |", "|---|--:|---|", *_bars(group)]))


def _bars(group: Mapping[str, Any]) -> list[str]:
    most = max((float(value) for value in group.values() if is_number(value)), default=0.0)
    rows = []
    for part, value in list(group.items())[:_ROWS]:
        length = round(float(value) / most * _BAR) if is_number(value) and most > 0 and value > 0 else 0
        rows.append(f"| {escaped(str(part))} | {escaped(shortened(_said(value), 80))} | {'█' * length} |")
    return rows


def _said(value: Any) -> str:
    return ", ".join(map(_said, value)) if isinstance(value, list) else plain(value)
