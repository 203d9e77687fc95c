"""Rows of conditions: a key, a comparison and a value each; for branches the step they lead to, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.playbooks import END
from ionflux_ui.playbook_words import OPERATORS, WITHOUT_VALUE, value_of, value_text

_MOST: Final = 10
# How a filter spells a comparison, behind the name of the value.
_ENDINGS: Final = {"": "is", "_ne": "is not", "_gt": "is more than", "_gte": "is at least", "_lt": "is less than",
                   "_lte": "is at most", "_in": "is one of", "_contains": "contains"}  # fmt: skip


def kept(key: str, value: Any) -> str:
    """The key of a field, which shows `value` when it is drawn for the first time."""
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def remove(rows: list[Any], place: int) -> None:
    """Take a row out."""
    del rows[place]


def check_rows(checks: list[dict[str, Any]], key: str, *, targets: Mapping[str, str] | None = None) -> None:
    """Draw conditions and take over what is typed; with `targets`, each leads to one of these steps."""
    for place, check in enumerate(list(checks)):
        _check_row(checks, place, check, f"{key}-{len(checks)}-{place}", targets)
    fresh: dict[str, Any] = {"key": "", "operator": "==", "value": ""}
    if targets is not None:
        fresh["next"] = next(iter(targets), END)
    st.button(
        "Add a way" if targets is not None else "Add a condition", icon=":material/add:", key=f"{key}-more",
        type="tertiary", disabled=len(checks) >= (_MOST if targets is not None else _MOST // 2),
        on_click=checks.append, args=(fresh,),
    )  # fmt: skip


def _check_row(
    checks: list[dict[str, Any]], place: int, check: dict[str, Any], key: str, targets: Mapping[str, str] | None
) -> None:
    widths = [4, 3, 3, 4, 1] if targets is not None else [4, 3, 3, 1]
    columns = iter(st.columns(widths, vertical_alignment="bottom", gap="small"))
    check["key"] = next(columns).text_input(
        "Value looked at", placeholder="event.total_price", max_chars=200, key=kept(f"{key}-key", check["key"])
    ).strip()  # fmt: skip
    check["operator"] = next(columns).selectbox(
        "Comparison", list(OPERATORS), format_func=OPERATORS.__getitem__, key=kept(f"{key}-operator", check["operator"])
    )
    bare = check["operator"] in WITHOUT_VALUE
    text = next(columns).text_input(
        "Compared with", disabled=bare, max_chars=500, key=kept(f"{key}-value", value_text(check["value"]))
    )
    check["value"] = None if bare else value_of(text, check["operator"])
    if targets is not None:
        check["next"] = next(columns).selectbox(
            "Leads to", list(targets), format_func=lambda each: targets.get(each, each),
            key=kept(f"{key}-next", check["next"] if check["next"] in targets else END),
        )  # fmt: skip
    next(columns).button(
        "", icon=":material/close:", key=f"{key}-gone", type="tertiary", help="Remove this condition",
        on_click=remove, args=(checks, place),
    )  # fmt: skip


def filter_rows(held: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Draw what an event must hold, a row for each value, and give it as a filter."""
    rows_key = f"{key}-rows"
    if rows_key not in st.session_state:
        st.session_state[rows_key] = [list(_parted(name, value)) for name, value in held.items()]
    rows: list[list[Any]] = st.session_state[rows_key]
    for place, row in enumerate(list(rows)):
        _filter_row(rows, place, row, f"{key}-{len(rows)}-{place}")
    st.button(
        "Add what it must hold", icon=":material/add:", key=f"{key}-more", type="tertiary",
        disabled=len(rows) >= _MOST, on_click=rows.append, args=(["", "", ""],),
    )  # fmt: skip
    return {f"{name.strip()}{ending}": value_of(text, "in" if ending == "_in" else "==")
            for name, ending, text in rows if name.strip()}  # fmt: skip


def _filter_row(rows: list[list[Any]], place: int, row: list[Any], key: str) -> None:
    path, how, value, gone = st.columns([4, 3, 4, 1], vertical_alignment="bottom", gap="small")
    row[0] = path.text_input(
        "Value of the event", placeholder="total_price", max_chars=200, key=kept(f"{key}-path", row[0])
    )
    row[1] = how.selectbox(
        "Comparison", list(_ENDINGS), format_func=_ENDINGS.__getitem__, key=kept(f"{key}-ending", row[1])
    )
    row[2] = value.text_input("Compared with", max_chars=500, key=kept(f"{key}-value", row[2]))
    gone.button(
        "", icon=":material/close:", key=f"{key}-gone", type="tertiary", help="Remove this value",
        on_click=remove, args=(rows, place),
    )  # fmt: skip


def _parted(name: str, value: Any) -> tuple[str, str, str]:
    """A filter's key as path and comparison, and its value as it is typed."""
    ending = next((each for each in sorted(_ENDINGS, key=len, reverse=True) if each and name.endswith(each)), "")
    return name.removesuffix(ending) if ending else name, ending, value_text(value)
