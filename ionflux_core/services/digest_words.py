"""A digest in words: one sheet of figures, as plain text, as HTML for mails, as Markdown for the chat, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

from ionflux_core.domain.figure_text import change_text, figure_text, tone_of
from ionflux_core.services.commands import plain

_TONES: Final = {"good": "#127447", "bad": "#c22431", "even": "#5f5f6c"}
_CELL: Final = "padding:6px 12px 6px 0;border-bottom:1px solid #dcdce5;"


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One figure with that of the period before; `note` is what has to be said about it."""

    name: str
    title: str
    unit: str
    direction: str
    value: float | None
    previous: float | None = None
    note: str = ""

    @property
    def shown(self) -> str:
        """The value in words."""
        return figure_text(self.value, self.unit)

    @property
    def change(self) -> str:
        """How it has moved, in words; empty where there is nothing to compare."""
        return change_text(self.value, self.previous, self.unit)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The figures of one period; `first` and `last` are its days, both included."""

    title: str
    workspace: str
    first: date
    last: date
    narrowed: tuple[str, ...]
    lines: tuple[SheetLine, ...]
    empty: bool
    parameters: dict[str, str]
    public_url: str = ""

    @property
    def period(self) -> str:
        """The days, like "14 Nov to 20 Nov 2026"."""
        last = f"{self.last:%-d %b %Y}"
        return last if self.first == self.last else f"{self.first:%-d %b} to {last}"

    @property
    def subject(self) -> str:
        """One line for a mail's subject."""
        return f"{self.title}: {self.period}"

    @property
    def address(self) -> str:
        """Where the same figures are on screen; empty when nobody has said how this program is reached."""
        if not self.public_url:
            return ""
        return f"{self.public_url.rstrip('/')}/dashboard?{urlencode(self.parameters)}"


def as_text(sheet: Sheet) -> str:
    """The sheet as plain text."""
    lines = [_heading(sheet), *_only(sheet), "", *(_line(each) for each in sheet.lines)]
    if sheet.address:
        lines += ["", f"On screen: {sheet.address}"]
    return "\n".join(lines)


def as_markdown(sheet: Sheet) -> str:
    """The sheet for the chat; what comes from data is text there, too."""
    only = [plain(each) for each in _only(sheet)]
    figures = [
        f"- {plain(each.title)}: **{plain(each.shown)}**{f' ({plain(each.change)})' if each.change else ''}"
        f"{f', {plain(each.note)}' if each.note else ''}"
        for each in sheet.lines
    ]
    link = [f"\n[On screen]({sheet.address})"] if sheet.address else []
    return "\n".join([f"**{plain(sheet.title)}**", plain(_heading(sheet)), *only, "", *figures, *link])


def as_html(sheet: Sheet) -> str:
    """The sheet as a mail: one table without pictures or styles from elsewhere."""
    rows = "".join(_row(each) for each in sheet.lines)
    only = "".join(f'<p style="margin:0 0 8px;color:#5f5f6c">{escape(each)}</p>' for each in _only(sheet))
    link = f'<p><a href="{escape(sheet.address, quote=True)}">See it on screen</a></p>' if sheet.address else ""
    return (
        '<html><body style="margin:0;padding:24px;background:#ffffff;color:#17171f;'
        'font:15px/1.5 Inter,Helvetica,Arial,sans-serif">'
        f'<h1 style="font-size:20px;margin:0 0 4px">{escape(sheet.title)}</h1>'
        f'<p style="margin:0 0 8px;color:#5f5f6c">{escape(_heading(sheet))}</p>{only}'
        f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">{rows}</table>{link}'
        "</body></html>"
    )


def as_data(sheet: Sheet) -> dict[str, Any]:
    """The sheet for a program that is posted to."""
    return {
        "workspace": sheet.workspace,
        "from": sheet.first.isoformat(),
        "to": sheet.last.isoformat(),
        "narrowed": list(sheet.narrowed),
        "figures": [
            {
                "name": each.name, "title": each.title, "unit": each.unit, "value": each.value,
                "previous": each.previous, "note": each.note,
            }
            for each in sheet.lines
        ],
    }  # fmt: skip


def _heading(sheet: Sheet) -> str:
    days = (sheet.last - sheet.first).days + 1
    before = "the day before" if days == 1 else f"the {days} days before"
    if sheet.empty:
        return f"{sheet.workspace}, {sheet.period}. Nothing ran in these days."
    return f"{sheet.workspace}, {sheet.period}, compared with {before}."


def _only(sheet: Sheet) -> Sequence[str]:
    return [f"Only {', '.join(sheet.narrowed)}."] if sheet.narrowed else []


def _line(line: SheetLine) -> str:
    change = f" ({line.change})" if line.change else ""
    return f"{line.title}: {line.shown}{change}{f', {line.note}' if line.note else ''}"


def _row(line: SheetLine) -> str:
    moved = line.change != "unchanged"
    tone = _TONES[tone_of(line.value, line.previous, line.direction) if moved else "even"]
    note = f'<br><span style="color:#5f5f6c;font-size:13px">{escape(line.note)}</span>' if line.note else ""
    return (
        f'<tr><td style="{_CELL}">{escape(line.title)}{note}</td>'
        f'<td style="{_CELL}text-align:right;font-weight:600">{escape(line.shown)}</td>'
        f'<td style="{_CELL}text-align:right;color:{tone}">{escape(line.change)}</td></tr>'
    )
