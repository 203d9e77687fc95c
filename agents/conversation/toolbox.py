"""The tools of a conversation: looking into runs, and asking the agents it was allowed to ask."""

from __future__ import annotations

import json
import re
from typing import Any

from ionflux_core.sdk import AgentFailed, Context, Tool, ToolCall

FIND = "find_runs"
_RESULT_CHARS = 6_000
_MOST_RUNS = 10
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "url": {"type": "string"},
    "number": {"type": "number"},
    "float": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
}


class Toolbox:
    """What may be used, by the name a model calls it; notes what was done and which runs were read."""

    def __init__(self, ctx: Context, may_call: list[Any]) -> None:
        self._ctx = ctx
        self.agents = _named([agent for agent in map(_agent, may_call) if agent["name"]])
        self.calls: list[dict[str, Any]] = []
        self.sources: list[str] = []

    @property
    def tools(self) -> list[Tool]:
        """The tools as a model is told of them."""
        words = {"type": "string", "description": "Words that stand in the run; all of them must."}
        find = {"type": "object", "properties": {"question": words}, "required": ["question"]}
        told = [Tool(FIND, "Find runs of this workspace by words in their inputs, outputs, errors and logs.", find)]
        return told + [Tool(name, _described(agent), _parameters(agent)) for name, agent in self.agents.items()]

    def use(self, call: ToolCall) -> str:
        """What a tool gives, as text for the model; a wish for what is not allowed is refused."""
        if call.name == FIND:
            found = self.found(str(call.arguments.get("question") or ""))
            self.calls.append({"tool": FIND, "question": call.arguments.get("question"), "found": len(found)})
            return _short(found) if found else "No run holds these words."
        agent = self.agents.get(call.name)
        if agent is None:
            return f"There is no tool {call.name}."
        try:
            outputs = self._ctx.run_agent(agent["name"], call.arguments)
        except AgentFailed as error:
            self.calls.append({"tool": "run_agent", "agent": agent["name"], "ok": False, "error": error.message})
            return f"{agent['name']} gave no answer: {error}"
        self.calls.append({"tool": "run_agent", "agent": agent["name"], "ok": True})
        return _short(outputs)

    def found(self, question: str, limit: int = _MOST_RUNS) -> list[dict[str, Any]]:
        """Runs that hold the words of a question, without those of conversations."""
        if not question.strip():
            return []
        found = self._ctx.find_runs(question[:300], limit=limit + 5)
        told = [each for each in found if each["definition"] != "conversation"][:limit]
        self.sources += [each["run_id"] for each in told if each["run_id"] not in self.sources]
        return told


def _agent(entry: Any) -> dict[str, Any]:
    """An agent that may be asked: by its name alone, or with what is known of its inputs."""
    if isinstance(entry, dict):
        return {"inputs": None, "epithet": "", **entry, "name": str(entry.get("name") or "")}
    return {"name": str(entry), "epithet": "", "inputs": None}


def _named(agents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Agents by a name that every provider takes for a tool's."""
    named: dict[str, dict[str, Any]] = {}
    for agent in agents:
        name = "ask_" + (re.sub(r"[^a-z0-9]+", "_", agent["name"].lower()).strip("_")[:40] or "agent")
        number, free = 2, name
        while free in named:
            free, number = f"{name}_{number}", number + 1
        named[free] = agent
    return named


def _described(agent: dict[str, Any]) -> str:
    about = f" {agent['epithet']}." if agent.get("epithet") else ""
    return f"Start the agent {agent['name']} and wait for its outputs.{about}"[:1000]


def _parameters(agent: dict[str, Any]) -> dict[str, Any]:
    """The inputs of an agent as a JSON schema; any map where they are not known."""
    if agent["inputs"] is None:
        return {"type": "object", "properties": {}}
    properties, required = {}, []
    for spec in agent["inputs"]:
        properties[spec["key"]] = {
            **_TYPES.get(spec["type"], {}),
            "description": spec.get("description") or spec["key"],
        }
        required += [spec["key"]] if spec.get("required") else []
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _RESULT_CHARS else f"{text[:_RESULT_CHARS]} ... (cut; the run's page shows the whole)"
