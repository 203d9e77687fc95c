"""What two runs side by side look like: facts as a table, and parts that fold open on their differences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import streamlit as st

from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.comparisons import Figure, RunComparison, RunSide, Spent, StepPair, StepSide, ValuePair
from ionflux_core.domain.differences import Change, Difference, Row
from ionflux_ui.moments import ago, duration, exact
from ionflux_ui.plain import counted
from ionflux_ui.run_list import money
from ionflux_ui.run_text import plain
from ionflux_ui.theme import status_badge, status_look

_FOLDER: Final = Path(__file__).parent / "components"
_VALUE_CHARS: Final = 4_000
_ERROR_CHARS: Final = 200
_OPEN_AT_FIRST: Final = 6
_MARKS: Final = {
    "same": ("The same", "check", "gray"),
    "changed": ("Differs", "difference", "orange"),
    "added": ("Only on the right", "add", "green"),
    "removed": ("Only on the left", "remove", "red"),
    "only_left": ("Only on the left", "remove", "red"),
    "only_right": ("Only on the right", "add", "green"),
    "reused": ("Reused", "history", "blue"),
}
_LESS_IS_BETTER: Final = frozenset({"seconds", "cost_micros", "calls", "tokens_in", "tokens_out"})
_NAMES: Final = {
    "seconds": "Duration",
    "cost_micros": "Cost",
    "calls": "Calls",
    "tokens_in": "Tokens in",
    "tokens_out": "Tokens out",
}

_mount = st.components.v2.component(
    "ionflux_compare",
    js=(_FOLDER / "compare.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "compare.css").read_text(encoding="utf-8"),
)


def draw_facts(found: RunComparison, definition: AgentDefinition | None, zone: str, workspace_id: str) -> None:
    """The table at the top: status, time, cost, versions, figures, each on both sides with the difference."""
    heads = [_head(side, found.left.run_id, workspace_id) for side in (found.left, found.right)]
    _mount(key="compare-facts", data={"heads": heads, "facts": tuple(facts_of(found, definition, zone))})


def draw_items(items: Sequence[dict[str, Any]], *, key: str) -> None:
    """Parts that fold: inputs, outputs, settings or steps."""
    _mount(key=f"compare-{key}", data={"items": tuple(items)})


def facts_of(found: RunComparison, definition: AgentDefinition | None, zone: str) -> Iterable[dict[str, Any]]:
    """The rows of the table, all of them plain text."""
    left, right = found.left, found.right
    yield _fact("Status", *(_status(side) for side in (left, right)), differs=left.status != right.status)
    if left.error or right.error:
        errors = [{"text": (side.error or "–")[:_ERROR_CHARS], "hint": side.error or ""} for side in (left, right)]
        yield _fact("Error", *errors, differs=left.error != right.error)
    yield _fact("Started", *(_when(side, zone) for side in (left, right)))
    for figure in found.figures:
        shown = [
            _figure(figure.name, value, side.spent) for value, side in ((figure.left, left), (figure.right, right))
        ]
        delta, tone = _delta(figure, "down" if figure.name in _LESS_IS_BETTER else "none", figure.name)
        yield _fact(_NAMES[figure.name], *shown, delta=delta, tone=tone, differs=bool(figure.delta))
    for name, one, two in (
        ("Model", _model(left), _model(right)),
        ("Agent", f"{left.agent} {left.agent_version}", f"{right.agent} {right.agent_version}"),
        ("YAML version", plain(left.instance_version), plain(right.instance_version)),
    ):
        yield _fact(name, {"text": one}, {"text": two}, differs=one != two)
    known = {spec.name: spec for spec in definition.kpis} if definition else {}
    for kpi in found.kpis:
        spec = known.get(kpi.name)
        delta, tone = _delta(kpi, spec.direction if spec else "none", "")
        sides = [{"text": plain(_whole(value))} for value in (kpi.left, kpi.right)]
        yield _fact(spec.title if spec else kpi.name, *sides, delta=delta, tone=tone, differs=kpi.left != kpi.right)


def value_items(pairs: Iterable[ValuePair], *, hide_same: bool) -> list[dict[str, Any]]:
    """Inputs, outputs or settings as parts that fold."""
    shown = [pair for pair in pairs if not (hide_same and pair.mark == "same")]
    return [
        {
            "key": pair.name,
            "title": pair.name,
            "kind": "",
            "badge": _badge(pair.mark),
            "figures": [],
            "errors": [],
            "open": pair.mark == "changed" and place < _OPEN_AT_FIRST,
            "parts": [_part("", pair.difference)] if pair.difference.changes else [],
            "note": "" if pair.difference.changes else "Both sides are the same.",
        }
        for place, pair in enumerate(shown)
    ]


def step_items(steps: Iterable[StepPair], *, hide_same: bool) -> list[dict[str, Any]]:
    """Steps beside each other as parts that fold; the first ones that differ stand open."""
    items, opened = [], 0
    for pair in steps:
        if hide_same and pair.mark in ("same", "reused"):
            continue
        opens = pair.mark == "changed" and opened < _OPEN_AT_FIRST
        opened += opens
        items.append(_step(pair, opens))
    return items


def _step(pair: StepPair, opens: bool) -> dict[str, Any]:
    side = pair.right or pair.left
    assert side is not None
    parts = [_part("Inputs", pair.inputs), _part("Outputs", pair.outputs)]
    parts = [part for part in parts if part["changes"]]
    both = pair.left is not None and pair.right is not None
    quiet = "Inputs and outputs are the same." if both else "The other run has no step of this name."
    sides = (("Left", pair.left), ("Right", pair.right))
    return {
        "key": pair.step_key,
        "title": side.title,
        "kind": pair.step_key if pair.step_key != side.title else side.kind,
        "badge": _badge(pair.mark),
        "figures": list(_step_figures(pair.left, pair.right)),
        "errors": [f"{name} failed: {each.error}" for name, each in sides if each is not None and each.error],
        "open": opens,
        "parts": parts,
        "note": pair.note or ("" if parts else quiet),
    }


def _step_figures(left: StepSide | None, right: StepSide | None) -> Iterable[dict[str, Any]]:
    for name, shown in (("", _took), ("", _paid), ("calls", _called)):
        one, two = (shown(side) if side else None for side in (left, right))
        if one is None and two is None:
            continue
        first, second = one or "–", two or "–"
        yield {"name": name, "left": first, "right": None if first == second else second}


def _took(side: StepSide) -> str | None:
    return None if side.seconds is None else duration(side.seconds)


def _paid(side: StepSide) -> str | None:
    return _cost(side.spent) if side.spent.calls else None


def _called(side: StepSide) -> str | None:
    return f"{side.spent.calls:,}" if side.spent.calls else None


def _cost(spent: Spent) -> str:
    """What calls cost; those without a known price are not taken for free."""
    if spent.unpriced and not spent.cost_micros:
        return "no price"
    return money(spent.cost_micros) + (" and more" if spent.unpriced else "")


def _head(side: RunSide, left_id: str, workspace_id: str) -> dict[str, str]:
    query = urlencode({"run": side.run_id, "workspace": workspace_id})
    marks = [word for word, holds in (("imported", side.imported), ("dry run", side.dry_run)) if holds]
    marks += [side.lineage] if side.lineage else []
    where = "Left" if side.run_id == left_id else "Right"
    return {"side": ", ".join([where, *marks]), "name": f"{side.name} · {side.run_id[-6:]}", "href": f"runs?{query}"}


def _status(side: RunSide) -> dict[str, str]:
    look = status_look(side.status)
    tone = status_badge(side.status).removeprefix(":").partition("-badge")[0]
    return {"text": look.label, "icon": _icon(look.icon), "tone": tone, "hint": side.error or ""}


def _icon(code: str) -> str:
    return code.removeprefix(":material/").removesuffix(":")


def _when(side: RunSide, zone: str) -> dict[str, str]:
    began = side.started_at or side.created_at
    return {"text": ago(began, zone), "hint": exact(began, zone)}


def _model(side: RunSide) -> str:
    return ", ".join(side.models_used) or (f"{side.model} (not called)" if side.model else "–")


def _figure(name: str, value: float | None, spent: Spent) -> dict[str, str]:
    if name == "seconds":
        return {"text": duration(value)}
    if name == "cost_micros":
        return {"text": _cost(spent)}
    return {"text": plain(_whole(value))}


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


def _delta(figure: Figure, direction: str, unit: str) -> tuple[str, str]:
    """The difference in words, and whether it is good, bad or neither; less than a tenth is no matter of colour."""
    if figure.delta is None:
        return "", "gray"
    if not figure.delta:
        return "the same", "gray"
    sign, size = ("+" if figure.delta > 0 else "−"), abs(figure.delta)
    share = figure.delta / figure.left if figure.left else None
    words = f"{sign}{_sized(size, unit)}" + (f" ({share:+.0%})".replace("-", "−") if share is not None else "")
    slight = (share is not None and abs(share) < 0.1) or (unit == "seconds" and size < 0.1)
    if direction not in ("up", "down") or slight:
        return words, "gray"
    return words, "green" if (figure.delta > 0) == (direction == "up") else "red"


def _sized(size: float, unit: str) -> str:
    if unit == "seconds":
        return duration(size)
    return money(round(size)) if unit == "cost_micros" else plain(_whole(size))


def _fact(
    name: str,
    left: dict[str, str],
    right: dict[str, str],
    *,
    delta: str = "",
    tone: str = "gray",
    differs: bool = False,
) -> dict[str, Any]:
    return {"name": name, "left": left, "right": right, "delta": delta, "tone": tone, "differs": differs}


def _badge(mark: str) -> dict[str, str]:
    text, icon, tone = _MARKS[mark]
    return {"text": text, "icon": icon, "tone": tone}


def _part(title: str, difference: Difference) -> dict[str, Any]:
    note = "More differs than is shown here." if difference.cut else ""
    return {"title": title, "changes": [change_of(change) for change in difference.changes], "note": note}


def change_of(change: Change) -> dict[str, Any]:
    """One place where two values differ as the component draws it."""
    if change.mark == "moved":
        label = f"moved from place {change.left + 1} to {change.right + 1}"
        return {"path": change.path, "label": label, "left": None, "right": None, "rows": None}
    left = None if change.mark == "added" else _written(change.left)
    right = None if change.mark == "removed" else _written(change.right)
    label, rows = "", None
    if change.text is not None:
        rows = [row_of(row) for row in change.text.rows]
        label = "The rest is not shown." if change.text.cut else _lines(change.text.added, change.text.removed)
        left = right = None
    elif left is not None and left == right:
        label = "The value was replaced; it is not shown."
    path = "" if change.path == "value" else change.path
    return {"path": path, "label": label, "left": left, "right": right, "rows": rows}


def _lines(added: int, removed: int) -> str:
    return f"{counted(removed, 'line')} on the left, {counted(added, 'line')} on the right"


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return (
        text if len(text) <= _VALUE_CHARS else f"{text[:_VALUE_CHARS]}\n… {len(text) - _VALUE_CHARS:,} characters more"
    )


def row_of(row: Row) -> list[Any]:
    """One line of two texts as the component draws it."""
    left, right = ([[piece.text, piece.differs] for piece in side] for side in (row.left, row.right))
    return [row.mark, row.left_line, left, row.right_line, right, row.skipped]
