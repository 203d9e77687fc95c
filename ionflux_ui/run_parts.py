"""What lies behind a run: inputs with their origin, logs, calls to models and servers, files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import Run
from ionflux_core.limits import LOGS_PER_RUN
from ionflux_ui.moments import duration, exact
from ionflux_ui.run_list import money
from ionflux_ui.run_outputs import Download, draw_file, file_in
from ionflux_ui.run_text import escaped, plain, table
from ionflux_ui.session import parameter, set_parameters
from ionflux_ui.theme import status_badge

_PARTS: Final = {"inputs": "Inputs", "logs": "Logs", "calls": "Calls", "files": "Files"}
_LEVELS: Final = ("debug", "info", "warning", "error")
_CALLS_SHOWN: Final = 100
_ORIGINS: Final = {
    "definition": "the agent's default",
    "workspace": "the workspace",
    "brand": "the brand",
    "instance": "the agent's YAML",
    "trigger": "what the trigger brought",
    "run": "given at the start",
}


def draw_parts(application: Application, run: Run, zone: str, read: Download) -> None:
    """A row of choices, and the chosen part below it."""
    part = _chosen("part", tuple(_PARTS), "inputs", "More about this run", _PARTS)
    if part == "inputs":
        _draw_inputs(run)
    elif part == "logs":
        _draw_logs(application, run, zone)
    elif part == "calls":
        _draw_calls(application, run, zone)
    else:
        _draw_files(application, run, read)


def _chosen(name: str, options: tuple[str, ...], default: str, label: str, named: Mapping[str, str]) -> str:
    key, wanted = f"run_{name}", parameter(name)
    value = wanted if wanted in options else default
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    st.segmented_control(
        label, options, key=key, required=True, format_func=lambda word: named[word], label_visibility="collapsed",
        on_change=lambda: set_parameters(**{name: st.session_state[key] if st.session_state[key] != default else None}),
    )  # fmt: skip
    return value


def _draw_inputs(run: Run) -> None:
    origins = run.config.get("origins") or {}
    rows = [
        {"Input": name, "Value": _short(value), "Where it came from": _origin(origins.get(f"inputs.{name}"))}
        for name, value in run.inputs.items()
    ]
    model = (run.config.get("stack") or {}).get("model")
    if model:
        rows.append({"Input": "model", "Value": model, "Where it came from": _origin(origins.get("model"))})
    if rows:
        st.markdown(table(rows))
    else:
        st.caption("This agent was given no inputs.")
    for name, value in run.inputs.items():
        if isinstance(value, (dict, list)) and value:
            with st.expander(f"{escaped(name)} in full"):
                st.json(value, expanded=1)
    if run.trigger.payload is not None:
        with st.expander("What the trigger brought"):
            st.json(run.trigger.payload, expanded=1)


def _origin(origin: str | None) -> str:
    return _ORIGINS.get(origin or "", "not given")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return str(value["name"]) if file_in(value) else f"{len(value)} keys"
    return f"{len(value)} entries" if isinstance(value, list) else plain(value)


def _draw_logs(application: Application, run: Run, zone: str) -> None:
    least = _chosen("level", _LEVELS, "debug", "Least level", {word: word.capitalize() for word in _LEVELS})
    logs = application.runs.logs(run.workspace_id, run.id, limit=LOGS_PER_RUN)
    shown = [log for log in logs if _LEVELS.index(log.level) >= _LEVELS.index(least)]
    if not shown:
        st.caption("No log lines." if not logs else f"None of the {len(logs):,} log lines is that serious.")
        return
    lines = [
        f"{exact(log.at, zone)}  {log.level.upper():<7}  {log.message}"
        + "".join(f"  {name}={value}" for name, value in log.fields.items())
        for log in shown
    ]
    st.code("\n".join(lines), language=None, wrap_lines=True, height=400 if len(lines) > 20 else "content")


def _draw_calls(application: Application, run: Run, zone: str) -> None:
    calls = application.runs.calls(run.workspace_id, run.id)
    if not calls:
        st.caption("This run called no model and no server.")
        return
    for call in calls[:_CALLS_SHOWN]:
        fold = st.expander(_call_label(call), key=f"call-{call['id']}", on_change="rerun")
        if fold.open:
            with fold:
                st.caption(f"{exact(call['at'], zone)}, in step {escaped(call['step_key'] or 'none')}")
                st.json({name: call[name] for name in ("request", "response", "error") if call[name]}, expanded=1)
    if len(calls) > _CALLS_SHOWN:
        st.caption(f"The first {_CALLS_SHOWN} of {len(calls):,} calls.")


def _call_label(call: Mapping[str, Any]) -> str:
    request = call["request"] or {}
    if call["kind"] in ("llm", "embedding"):
        engine = "local engine" if call["provider"] == "local" else f"{call['provider']}:{call['model']}"
        cached = f" ({call['cached_tokens']:,} cached)" if call["cached_tokens"] else ""
        tokens = f"{call['tokens_in']:,} tokens in{cached}, {call['tokens_out']:,} out"
        again = f" · attempt {call['attempt']}" if call["attempt"] > 1 else ""
        # What a failed call cost is not known, and mostly nothing.
        told = f"{tokens} · {escaped(money(call['cost_micros']))}"
        if call["status"] == "error":
            told = escaped(str((call["error"] or {}).get("message", "")))
        what = f"**{escaped(engine)}** · {told}{again}"
    else:
        what = f"**{escaped(str(request.get('method', 'HTTP')))}** {escaped(str(request.get('url', ''))[:120])}"
    return f"{status_badge(call['status'])} {what} · {duration(call['latency_ms'] / 1000)}"


def _draw_files(application: Application, run: Run, read: Download) -> None:
    steps = application.runs.steps(run.workspace_id, run.id)
    found = {file["sha256"]: file for file in _files_in([run.outputs, run.inputs, [step.outputs for step in steps]])}
    if not found:
        st.caption("This run was given no file and left none behind.")
    for sha256, file in found.items():
        draw_file(file, key=f"{run.id}-{sha256}", read=read)


def _files_in(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every reference to a stored file in a JSON tree."""
    if file := file_in(tree):
        yield file
    elif isinstance(tree, (dict, list)):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _files_in(value)
