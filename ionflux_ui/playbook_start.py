"""What starts a playbook, for whom it is, which events end it, and what counts as success."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ionflux_core.domain.playbooks import ORDERED
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS
from ionflux_ui.playbook_checks import filter_rows, kept, remove
from ionflux_ui.playbook_draft import Editing

_SIGNALS = 5
_WHERE = "Names joined by dots, as they stand in the event, such as customer.email."


def draw_start(draft: Editing, key: str) -> None:
    """Draw name, trigger, audience, signals and conversion, and take over what is typed."""
    key, values = f"{key}-{draft.turn}", draft.values
    values["name"] = st.text_input("Name", max_chars=NAME_CHARS, key=kept(f"{key}-name", values["name"]))
    values["description"] = st.text_area(
        "What it is for", height=90, max_chars=TEXT_CHARS, key=kept(f"{key}-description", values["description"])
    )
    st.markdown("**What starts it**")
    trigger = values["trigger"]
    left, right = st.columns([3, 2])
    trigger["event"] = left.text_input(
        "Event", max_chars=200, key=kept(f"{key}-event", trigger["event"]), placeholder=ORDERED
    ).strip()  # fmt: skip
    values["customer"] = right.text_input(
        "Where it names the customer", max_chars=200, key=kept(f"{key}-customer", values["customer"]), help=_WHERE
    ).strip()  # fmt: skip
    trigger["filter"] = filter_rows(trigger["filter"], f"{key}-trigger")
    st.markdown("**For whom**")
    audience = values["audience"]
    audience["name"] = st.text_input(
        "Audience", max_chars=NAME_CHARS, key=kept(f"{key}-audience", audience["name"]),
        placeholder="Everybody the event is about",
    )  # fmt: skip
    audience["filter"] = filter_rows(audience["filter"], f"{key}-whom")
    _signals(values["signals"], key)
    _conversion(values["conversion"], key)


def _signals(signals: list[dict[str, Any]], key: str) -> None:
    st.markdown("**What is listened for while a step waits**")
    st.caption("Events of the same customer. One that ends the playbook ends the delay, and nothing more is done.")
    for place, signal in enumerate(list(signals)):
        _signal_row(signals, place, signal, f"{key}-signal-{len(signals)}-{place}")
    fresh = {"name": "bought", "event": ORDERED, "customer": "customer.email", "ends": True}
    if signals:
        fresh |= {"name": f"signal_{len(signals) + 1}", "ends": False}
    st.button(
        "Add a signal", icon=":material/add:", key=f"{key}-signal-more", type="tertiary",
        disabled=len(signals) >= _SIGNALS, on_click=signals.append, args=(fresh,),
    )  # fmt: skip


def _signal_row(signals: list[dict[str, Any]], place: int, signal: dict[str, Any], key: str) -> None:
    name, event, customer, ends, gone = st.columns([2, 4, 3, 2, 1], vertical_alignment="bottom", gap="small")
    signal["name"] = name.text_input("Called", max_chars=40, key=kept(f"{key}-name", signal["name"])).strip()
    signal["event"] = event.text_input("Event", max_chars=200, key=kept(f"{key}-event", signal["event"])).strip()
    signal["customer"] = customer.text_input(
        "Names the customer at", max_chars=200, key=kept(f"{key}-customer", signal["customer"]), help=_WHERE
    ).strip()  # fmt: skip
    signal["ends"] = ends.checkbox("Ends it", key=kept(f"{key}-ends", signal["ends"]))
    gone.button(
        "", icon=":material/close:", key=f"{key}-gone", type="tertiary", help="Remove this signal",
        on_click=remove, args=(signals, place),
    )  # fmt: skip


def _conversion(conversion: dict[str, Any], key: str) -> None:
    st.markdown("**What counts as success**")
    event, customer, days = st.columns([4, 3, 2])
    conversion["event"] = event.text_input(
        "This event of the same customer", max_chars=200, key=kept(f"{key}-won", conversion["event"])
    ).strip()  # fmt: skip
    conversion["customer"] = customer.text_input(
        "Names the customer at", max_chars=200, key=kept(f"{key}-won-customer", conversion["customer"]), help=_WHERE
    ).strip()  # fmt: skip
    conversion["within_days"] = int(
        days.number_input("Within days", 1, 90, key=kept(f"{key}-won-days", conversion["within_days"]))
    )
