"""What each field of a document means, in a few words, for editors and for the documentation."""

from __future__ import annotations

from typing import Final

# By the model's name, then the field as it is written.
FIELDS: Final[dict[str, dict[str, str]]] = {
    "Flow": {
        "version": "The version of the language: 1.",
        "name": "The flow's name, unique in its workspace: small letters, digits and _.",
        "title": "What people see.",
        "description": "What the flow is for.",
        "tags": "Words to find it by.",
        "value": "What a run is worth, as the owner estimates it.",
        "limits": "What a run may take at most.",
        "defaults": "What holds for every node that does not say otherwise.",
        "triggers": "The ways the flow is started.",
        "input_schema": "JSON Schema of what it is started with.",
        "output_schema": "JSON Schema of what it gives back.",
        "graph": "Its nodes.",
        "output": "What a run gives back: values and templates by name.",
    },
    "Value": {"minutes_saved_per_run": "Minutes of work that a run saves."},
    "Limits": {
        "timeout": "How long a run may take, its waits left out.",
        "max_steps": "Steps of a run, those in loops included.",
        "budget_c_ion": "C-ION a run may cost.",
        "max_parallel": "Nodes that run at the same time.",
        "concurrency": "Runs of the flow at the same time.",
    },
    "Defaults": {"retry": "Tries of a step.", "timeout": "How long a step may take."},
    "Retry": {
        "max": "Tries after the first one.",
        "backoff": "The pause before the second try.",
        "factor": "How much longer each further pause is.",
        "jitter": "Whether pauses vary a little, so that many do not come at once.",
    },
    "NodeBase": {
        "id": "The node's name in its graph; others read it as nodes.<id>.",
        "title": "What people see.",
        "note": "A note for whoever reads the flow.",
        "inputs": "Values and templates for what is called.",
        "outputs": "Names of outputs, as older documents list them.",
        "if": "A condition; when it does not hold the node is skipped.",
        "after": "Nodes of the same graph that run before, beside those it reads.",
        "retry": "Tries of this step.",
        "timeout": "How long this step may take.",
        "on_error": "`fail`, `continue`, or a map of `retry` and `then`.",
        "scope": "The permission it asks the workspace's policies for, such as chat:post:general.",
        "cache": "Whether a result is used again for the same inputs; read, and not carried out yet.",
        "position": "Where the picture shows it.",
    },
    "TransformNode": {"transform": "A transform and its version, such as text.template@1."},
    "AgentNode": {"agent": "A definition's slug, or a configured instance's name."},
    "FlowNode": {"flow": "Another flow's name.", "wait": "Whether its end is waited for."},
    "SwitchNode": {"switch": "An expression; the cases test what it comes to.", "cases": "The ways, tried in order."},
    "ForeachNode": {
        "foreach": "A list, or a template that gives one.",
        "as": "The name of the item inside the loop.",
        "max_parallel": "Items at the same time.",
        "graph": "The nodes that run for each item.",
    },
    "ParallelNode": {"parallel": "Branches by name, each a map with a graph; all are waited for."},
    "ApprovalNode": {"approval": "The question to a person."},
    "WaitNode": {"wait": "What is waited for."},
    "CodeNode": {"code": "The program."},
    "Branch": {"title": "What people see.", "graph": "Its nodes."},
    "Case": {
        "title": "What people see.",
        "graph": "Its nodes.",
        "when": "A condition that may read `value`.",
    },
    "OnError": {"retry": "Tries before anything else.", "then": "A map with a graph whose nodes may read `error`."},
    "Approval": {
        "title": "The question.",
        "body": "What is decided on.",
        "editable": "What may be changed before the yes: title, body.",
        "urgency": "low, medium, high or critical.",
        "timeout": "How long the answer is waited for, at least 10s.",
        "on_timeout": "What no answer means: deny, approve or fail.",
        "c_ion": "What a yes is expected to cost.",
    },
    "Wait": {"for": "A time span.", "until": "A moment, or a template that gives one.", "event": "An event."},
    "AwaitedEvent": {
        "topic": "The event's name, with * for a word and > for the rest.",
        "filter": "What its payload must hold.",
        "timeout": "How long it is waited for.",
    },
    "Code": {
        "language": "js, ts or wasm.",
        "source": "The program's text.",
        "file": "A stored file, in place of source.",
        "permissions": "What it may reach; nothing unless it is named.",
    },
    "Permissions": {"net": "Hosts it may call."},
    "Cache": {"ttl": "How long a result is used again."},
    "Position": {"x": "From the left.", "y": "From the top."},
    "FlowTrigger": {
        "key": "The trigger's name in the flow; its type when it is left out.",
        "type": "schedule, event, webhook, manual or flow.",
        "description": "A note for whoever reads the flow.",
        "enabled": "Whether it is on.",
    },
    "ScheduleConfig": {
        "cron": "Five fields, or words such as every Monday at 9.",
        "timezone": "Such as Europe/Lisbon; the workspace's when it is empty.",
        "task": "A word that the run carries.",
        "payload": "What the run is started with.",
        "missed": "What becomes of missed times: skip, last or all.",
    },
    "EventConfig": {
        "topic": "The event's name, with * for a word and > for the rest.",
        "filter": "What its payload must hold, with endings such as _gt.",
        "group": "Consumers that take turns.",
        "task": "A word that the run carries.",
    },
    "HookConfig": {
        "path": "The last part of its address.",
        "method": "POST, PUT or GET.",
        "auth": "How the sender is proved: a word, or {kind, secret}.",
        "secret": "secret://name of the signing secret.",
        "respond": "Whether the sender gets accepted at once, or the result.",
        "per_minute": "Calls a minute at most.",
        "task": "A word that the run carries.",
        "allowed_ips": "Addresses and networks it may be called from; all when there are none.",
    },
    "ManualConfig": {"form": "Whether there is a form made from input_schema.", "task": "A word that the run carries."},
    "FlowConfig": {
        "flow": "The flow whose end starts this one.",
        "on": "success, failure or always.",
        "task": "A word that the run carries.",
    },
}


def meaning(model: str, name: str) -> str:
    """What a field means; those every node has are found under each kind."""
    own = FIELDS.get(model, {})
    return own.get(name) or (FIELDS["NodeBase"].get(name, "") if model.endswith("Node") else "")
