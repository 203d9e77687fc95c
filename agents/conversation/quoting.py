"""The answer without a language model: runs that hold the words of the question, and the command that does it.

Everything in it is quoted from the workspace; what is not there is not said.
"""

from __future__ import annotations

import re
from typing import Any

from ionflux_core.sdk import Context

from .toolbox import Toolbox

WHAT_I_AM = (
    "I am the built-in local engine: no language model is connected, so I look things up and quote them, and I do not"
    " reason. Connect a model in Settings, Models."
)
_SHOWN = 5
_TRIED = 4
_QUOTED_CHARS = 240
_WORD = re.compile(r"[^\W_]{3,}")
_STOP_WORDS = """
about and any are can could did does for from had has have how its last many may much not now please should show than
that the their them then there these they this those today tell was were what when where which who whom whose why will
with would yesterday you your agent agents run runs
"""
_STOP = frozenset(_STOP_WORDS.split())
_COMMANDS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"start", "run", "execute", "launch", "begin", "try"}), "`/run_agent {agent}` starts an agent."),
    (frozenset({"stop", "cancel", "abort", "end", "halt"}), "`/cancel` stops the unfinished run of this thread."),
    (frozenset({"status", "state", "progress", "failed", "fail", "error", "wrong", "finished", "ready"}),
     "`/status` shows how runs stand."),
    (frozenset({"approve", "allow", "yes", "confirm", "accept"}), "`/approve ID` says yes to what an agent asks."),
    (frozenset({"deny", "refuse", "reject", "forbid"}), "`/deny ID` says no to what an agent asks."),
    (frozenset({"agents", "agent", "who", "available"}), "`/agents` lists the agents of this workspace."),
    (frozenset({"brief", "summary", "summarise", "summarize", "recap"}), "`/brief` asks for a brief of this thread."),
    (frozenset({"help", "commands", "command", "how"}), "`/help` lists the commands."),
)  # fmt: skip


def quoted_answer(ctx: Context, inputs: dict[str, Any], recalled: list[str], toolbox: Toolbox) -> str:
    """What the workspace itself has to say to a message, in Markdown."""
    message = inputs["message"]
    parts = [WHAT_I_AM]
    found = _runs(message, str(inputs.get("about") or ""), toolbox)
    if found:
        parts.append("Runs that hold your words:\n" + "\n".join(map(_line, found)))
    else:
        parts.append("No run of this workspace holds these words.")
    if recalled:
        parts.append("Said here before:\n" + "\n".join(f"- {_quoted(text)}" for text in recalled))
    parts.append("\n".join(f"- {line}" for line in _commands(message, _first_agent(inputs, toolbox))))
    return "\n\n".join(parts)


def _runs(message: str, about: str, toolbox: Toolbox) -> list[dict[str, Any]]:
    """Runs with all telling words, else with any of them: those that hold most of them first."""
    words = list(dict.fromkeys(word for word in _WORD.findall(message.casefold()) if word not in _STOP))[:_TRIED]
    words += [about] if about and not words else []
    if not words:
        return []
    found = toolbox.found(" ".join(words), _SHOWN)
    if found or len(words) == 1:
        return found
    counted: dict[str, tuple[int, dict[str, Any]]] = {}
    for word in words:
        for run in toolbox.found(word, _SHOWN):
            count, _ = counted.get(run["run_id"], (0, run))
            counted[run["run_id"]] = (count + 1, run)
    ranked = sorted(counted.values(), key=lambda pair: (pair[0], pair[1]["at"]), reverse=True)
    return [run for _, run in ranked[:_SHOWN]]


def _line(run: dict[str, Any]) -> str:
    said = _quoted(run["fragment"] or run["preview"])
    when = run["at"][:16].replace("T", " ")
    head = f"- **{_plain(run['agent'])}**, {run['status'].replace('_', ' ')}, {when} UTC, run `{run['run_id'][-8:]}`"
    return f"{head}: {said}" if said else head


def _commands(message: str, agent: str) -> list[str]:
    """The commands that a message speaks of; the list of all where it speaks of none."""
    words = set(_WORD.findall(message.casefold()))
    lines = [line.format(agent=agent) for telling, line in _COMMANDS if telling & words]
    return lines[:3] or ["`/help` lists what I can do by command."]


def _first_agent(inputs: dict[str, Any], toolbox: Toolbox) -> str:
    name = inputs.get("about") or next((agent["name"] for agent in toolbox.agents.values()), "")
    return f'"{name}"' if name else "NAME"


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return _plain(flat if len(flat) <= _QUOTED_CHARS else f"{flat[:_QUOTED_CHARS]}…")


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text)
