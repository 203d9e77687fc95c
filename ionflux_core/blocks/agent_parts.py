"""What the blocks that start an agent share: which agent, what it is asked, and how its newest run stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core.blocks.base import Surroundings
from ionflux_core.blocks.shown import BUSY, run_line, run_link, status
from ionflux_core.errors import Invalid

UNSET = "Choose an agent for this block."
MISSING = "The agent of this block is not there any more. Choose another one."
PLANNED = "This agent is planned: its code has not come yet."


def agent_state(instance_id: str | None, agent: Mapping[str, Any] | None) -> tuple[str, str]:
    """(state, note): ready, or why the agent cannot be run."""
    if instance_id is None:
        return "unset", UNSET
    if agent is None:
        return "missing", MISSING
    if agent["status"] == "archived":
        return "archived", f"{agent['name']} is archived. Bring it back before you run it."
    return ("planned", PLANNED) if agent["planned"] else ("ready", "")


def agent_view(instance_id: str | None, here: Surroundings) -> dict[str, Any]:
    """{state, note, agent, run, offers, links}: what every such block shows."""
    agent = here.instance(instance_id) if instance_id else None
    run = here.newest_run(instance_id) if instance_id and agent else None
    state, note = agent_state(instance_id, agent)
    names = ("id", "name", "epithet", "slug", "status")
    configure = {"page": "agents", "parameters": {"instance": instance_id}} if agent else None
    return {
        "state": state,
        "note": note,
        "agent": {name: agent[name] for name in names} if agent else None,
        "run": run_line(run),
        "offers": here.instances() if state in ("unset", "missing") else [],
        "links": {
            "run": run_link(run),
            "configure": configure,
            "create": {"page": "marketplace", "parameters": {}},
        },
    }


def agent_line(instance_id: str | None, here: Surroundings) -> dict[str, Any]:
    """{title, status, age, busy, error} of a block whose agent's newest run is what it follows."""
    agent = here.instance(instance_id) if instance_id else None
    if instance_id is None or agent is None:
        return {"title": "", "status": None, "busy": False}
    run = here.newest_run(instance_id)
    line: dict[str, Any] = {"title": agent["name"], "status": {"word": "Never run", "tone": "gray"}, "busy": False}
    if run is not None:
        line |= {"status": status(run["status"]), "busy": run["status"] in BUSY}
        line |= {"age": run["finished_at"] or run["created_at"], "error": run_error(run)}
    if agent["status"] == "archived":
        line["status"] = {"word": "Archived", "tone": "gray"}
    return line


def run_error(run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Why a run failed, as {message, hint, run}."""
    error = run.get("error")
    if not error or run["status"] not in ("error", "budget_stopped"):
        return None
    return {"message": error.get("message", ""), "hint": error.get("hint", ""), "run": run["id"]}


def asked_inputs(agent: Mapping[str, Any] | None, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Inputs asked for at run time: {key, label, type, description, required, default, accepted_values, value}."""
    return [
        {
            "key": spec.key,
            "label": spec.key.replace("_", " ").strip().capitalize(),
            "type": spec.type,
            "description": spec.description,
            "required": spec.required,
            "default": spec.default,
            "accepted_values": list(spec.accepted_values),
            "value": given.get(spec.key),
        }
        for spec in (agent["inputs"] if agent else ())
    ]


def target_of(instance_id: str | None, here: Surroundings) -> str:
    """The agent as a run's target; Invalid says why there is none."""
    agent = here.instance(instance_id) if instance_id else None
    state, note = agent_state(instance_id, agent)
    if state != "ready" or instance_id is None:
        raise Invalid(note, hint="Open the block's settings.", code=f"agent_{state}")
    return instance_id
