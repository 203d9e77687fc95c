"""The calls of one step: what a model was asked and what it answered, and what a server was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.runs import Run, RunStep
from ionflux_core.errors import NotFound
from ionflux_ui.moments import duration
from ionflux_ui.run_list import money
from ionflux_ui.run_text import escaped
from ionflux_ui.theme import status_badge

_SHOWN: Final = 10
_TALL_CHARS: Final = 1_500
_PIXELS: Final = 300


def draw_step_calls(application: Application, run: Run, step: RunStep) -> None:
    """Each call of a step with its question and answer; those of a reused step are in the run that made them."""
    if step.kind not in ("llm", "http"):
        return
    try:
        calls = application.runs.step_calls(
            run.workspace_id, step.source_run_id or run.id, step.step_key, limit=_SHOWN + 1
        )
    except NotFound:
        st.caption("The run that made these calls is not kept any more.")
        return
    for call in calls[:_SHOWN]:
        _draw_call(call)
    if len(calls) > _SHOWN:
        st.caption(f"The first {_SHOWN} calls; all of them are below, under Calls.")
    if step.status == "running" and isinstance(step.outputs, dict) and step.outputs.get("text"):
        st.caption("Answer so far")
        _draw_text(str(step.outputs["text"]))


def _draw_call(call: Mapping[str, Any]) -> None:
    what = f"{call['provider']}:{call['model']}" if call["kind"] == "llm" else "HTTP"
    took, request = duration(call["latency_ms"] / 1000), call["request"] or {}
    said = [escaped(what)]
    if call["kind"] == "llm":
        said += [f"{call['tokens_in']:,} tokens in, {call['tokens_out']:,} out", escaped(money(call["cost_micros"]))]
    st.markdown(" · ".join([f"{status_badge(call['status'])} **{said[0]}**", *said[1:], took]))
    for name, text in _texts(request):
        st.caption(name)
        _draw_text(text)
    if call["error"]:
        st.text(str(call["error"].get("message", "")))
    answer = (call["response"] or {}).get("text")
    if isinstance(answer, str):
        st.caption("Answer")
        _draw_text(answer)
    elif call["response"]:
        st.caption("Answer")
        st.json(call["response"], expanded=1)


def _texts(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of a question that a person reads."""
    if isinstance(request.get("system"), str) and request["system"]:
        yield "System prompt", request["system"]
    if isinstance(request.get("prompt"), str) and request["prompt"]:
        yield "Prompt", request["prompt"]
    for message in request.get("messages") or []:
        if isinstance(message, dict):
            text = message.get("text", message.get("content"))
            yield f"Message of the {message.get('role', 'user')}", text if isinstance(text, str) else str(text)
    if "url" in request:
        yield "Request", f"{request.get('method', 'GET')} {request['url']}"


def _draw_text(text: str) -> None:
    st.code(text, language=None, wrap_lines=True, height=_PIXELS if len(text) > _TALL_CHARS else "content")
