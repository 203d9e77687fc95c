"""Words and looks of flows: icons of nodes, statuses, triggers in a few words, times and costs on the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ionflux_core.domain.triggers import Trigger
from ionflux_ui.badges import badge_of_status
from ionflux_ui.theme import STATUS_COLORS

ICONS: Final[Mapping[str, str]] = {
    "transform": "function", "agent": "smart_toy", "flow": "account_tree", "switch": "alt_route", "foreach": "repeat",
    "parallel": "call_split", "approval": "front_hand", "wait": "hourglass_empty", "code": "code",
}  # fmt: skip

EMPTY: Final = """\
version: "1"
name: {name}
title: {title}
triggers:
  - {{key: manual, type: manual}}
graph:
  - id: hello
    transform: log@1
    inputs: {{message: Hello IONFLUX}}
"""
"""The text a new flow begins with."""


def looks() -> dict[str, dict[str, str]]:
    """How each status word is shown on the picture."""
    found = {}
    for word in STATUS_COLORS:
        badge = badge_of_status(word)
        found[word] = {"label": badge.text, "icon": badge.icon, "tone": badge.tone}
    return found


def triggers_in_words(triggers: Sequence[Trigger]) -> str:
    """What starts a flow, such as "by hand, 0 5 * * *, on ionflux.orders.created"."""
    return ", ".join(dict.fromkeys(_trigger(trigger) for trigger in triggers)) or "by hand only"


def _trigger(trigger: Trigger) -> str:
    config: Mapping[str, Any] = trigger.config
    words = {
        "schedule": f"at {config.get('cron', '')}",
        "event": f"on {config.get('topic', '')}",
        "webhook": "by webhook",
        "manual": "by hand",
        "flow": f"after {config.get('from_flow', '')}",
    }
    return words.get(trigger.kind, trigger.kind) + ("" if trigger.enabled else " (off)")
