"""Playbooks as documents of other ages: ids made to fit, and the oldest form (minutes, is_active) read into ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ionflux_core.domain.playbook_actions import ACTIONS
from ionflux_core.domain.playbooks import END, slug_of
from ionflux_core.errors import Invalid

_FITTING = re.compile(r"[a-z](?:_?[a-z0-9])*")
_COMPARED = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(===?|!==?|>=|<=|>|<)\s*(.+?)\s*")
# What a document holds beside the playbook itself: it becomes another workspace's, as a draft without figures.
_LEFT = frozenset({
    "id", "workspace_id", "created_at", "updated_at", "created_by_user_id", "performance_metrics_json", "status",
    "slug", "version", "author", "flow_id", "derived_from",
})  # fmt: skip
_OLDEST = frozenset({"agent_definition_id", "agent_configuration_id", "is_active", "trigger_event_type"})
_OLDEST_EVENTS = {"shopify_abandoned_cart": "shopify.abandoned_cart.created"}
_STEP_IDS = ("id", "step_id")


@dataclass(slots=True)
class Arrived:
    """A document as our form, and what was read otherwise than it was written, in sentences."""

    document: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def arrived(data: Any) -> Arrived:
    """A document of any age as one of our form, not yet checked; Invalid when it is no map."""
    if not isinstance(data, Mapping):
        raise Invalid("A playbook is a map of keys and values.", hint="Start with name: and trigger:.")
    read = Arrived({key: value for key, value in data.items() if key not in _LEFT | _OLDEST})
    if data.get("status") == "active" or data.get("is_active"):
        read.notes.append("It was active where it comes from. Here it is a draft until you activate it.")
    if _OLDEST & data.keys():
        _of_the_oldest(read, data)
    _fit_ids(read)
    return read


def _of_the_oldest(read: Arrived, data: Mapping[str, Any]) -> None:
    """Delays in minutes, conditions as text, the agent named once for all steps."""
    document = read.document
    if "trigger_event_type" in data:
        event = str(data["trigger_event_type"])
        document["trigger"] = {"event": _OLDEST_EVENTS.get(event, event)}
    steps = document.get("steps")
    agent = data.get("agent_configuration_id") or data.get("agent_definition_id")
    if isinstance(steps, list):
        document["steps"] = [_old_step(read, step, place, agent) for place, step in enumerate(steps, start=1)]


def _old_step(read: Arrived, step: Any, place: int, agent: Any) -> Any:
    if not isinstance(step, Mapping) or "type" not in step:
        return step
    rest = {key: value for key, value in step.items() if key not in ("type", "delay_minutes", "condition")}
    action = str(step["type"])
    if action not in ACTIONS:
        read.notes.append(f"Step {place} did {action[:60]!r}, which no playbook does: it is kept as a step that waits.")
        action, rest = "nothing", {}
    elif action == "trigger_agent" and agent:
        rest.setdefault("agent", str(agent))
    minutes = step.get("delay_minutes", 0)
    delay = round(minutes * 60) if isinstance(minutes, int | float) and not isinstance(minutes, bool) else minutes
    made: dict[str, Any] = {"id": f"step_{place}", "name": str(step["type"])[:120], "delay_seconds": delay,
                            "action": action, "config": rest}  # fmt: skip
    if step.get("condition"):
        check = _check(str(step["condition"]))
        if check is None:
            read.notes.append(f"Step {place} was bound to {str(step['condition'])[:80]!r}, which cannot be read.")
        else:
            made["only_if"] = [check]
    return made


def _check(text: str) -> dict[str, Any] | None:
    found = _COMPARED.fullmatch(text)
    if found is None:
        return None
    written = found[3].strip("'\"")
    words: dict[str, Any] = {"true": True, "false": False, "null": None}
    value: Any = words.get(written, written)
    if found[3] == written and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", written):
        value = float(written) if "." in written else int(written)
    return {"key": found[1], "operator": found[2], "value": value}


def _fit_ids(read: Arrived) -> None:
    """Ids that a flow cannot have, such as UUIDs, become short names, where steps lead to them, too."""
    steps = read.document.get("steps", read.document.get("steps_json_array"))
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        return
    names: dict[Any, str] = {}
    for place, step in enumerate(steps, start=1):
        written = next((step[name] for name in _STEP_IDS if name in step), None)
        fits = isinstance(written, str) and len(written) <= 40 and _FITTING.fullmatch(written) and written != END
        short = str(written) if fits else _short(step, place)
        names[written if written is not None else place] = short if short not in names.values() else f"step_{place}"
    if len(names) < len(steps):
        # Two steps of one id: the check of the whole says so.
        return
    renamed = [_renamed(step, name, names) for step, name in zip(steps, names.values(), strict=True)]
    read.document = {key: value for key, value in read.document.items() if key not in ("steps", "steps_json_array")}
    read.document["steps"] = renamed


def _short(step: Mapping[str, Any], place: int) -> str:
    name = slug_of(str(step.get("name", step.get("step_name", ""))))
    return name if _FITTING.fullmatch(name) and name not in (END, "playbook") else f"step_{place}"


def _renamed(step: Mapping[str, Any], name: str, names: Mapping[Any, str]) -> dict[str, Any]:
    made = {key: value for key, value in step.items() if key not in _STEP_IDS}
    for key in ("next", "default_next_step_id"):
        if made.get(key) is not None:
            made[key] = names.get(made[key], made[key])
    for key in ("branches", "next_step_conditions_json_array"):
        if isinstance(made.get(key), list):
            made[key] = [_branch(each, names) for each in made[key]]
    return {"id": name, **made}


def _branch(branch: Any, names: Mapping[Any, str]) -> Any:
    if not isinstance(branch, Mapping):
        return branch
    ways = {key: names.get(branch[key], branch[key]) for key in ("next", "next_step_id") if key in branch}
    return {**branch, **ways}
