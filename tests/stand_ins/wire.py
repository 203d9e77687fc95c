"""What each vendor's answers look like on the wire: whole and as a stream, with text and wishes to use tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Wish = tuple[str, dict[str, Any]]


def _frame(event: str | None, data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


# OpenAI, Responses.


def responses(text: str = "Hello wörld", wishes: Sequence[Wish] = (), **changes: Any) -> dict[str, Any]:
    """A response: 100 tokens in, 40 of them cached, 10 out."""
    said = [{"type": "output_text", "text": text, "annotations": []}]
    output: list[dict[str, Any]] = [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": said}
    ]
    for number, (name, arguments) in enumerate(wishes):
        output.append({"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name,
                       "arguments": json.dumps(arguments), "status": "completed"})  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": "gpt-4.1-2025-04-14",
        "status": "completed", "error": None, "incomplete_details": None, "output": output,
        "usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 10,
                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 110},
        **changes,
    }  # fmt: skip


def responses_stream(pieces: Sequence[str], wishes: Sequence[Wish] = ()) -> list[bytes]:
    """The same in pieces."""
    begun = responses("", status="in_progress", output=[], usage=None)
    frames = [_frame("response.created", {"type": "response.created", "response": begun, "sequence_number": 0})]
    for number, piece in enumerate(pieces, 1):
        delta = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                 "delta": piece, "logprobs": [], "sequence_number": number}  # fmt: skip
        frames.append(_frame("response.output_text.delta", delta))
    done = {"type": "response.completed", "response": responses("".join(pieces), wishes), "sequence_number": 99}
    return [*frames, _frame("response.completed", done)]


# OpenAI, Chat Completions, and every compatible server.


def chat(text: str = "Hello wörld", wishes: Sequence[Wish] = (), **changes: Any) -> dict[str, Any]:
    """A chat completion with the same counts."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if wishes:
        message["tool_calls"] = [
            {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for number, (name, arguments) in enumerate(wishes)
        ]
    return {
        "id": "chatcmpl_1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4.1-2025-04-14",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if wishes else "stop",
                     "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
                  "prompt_tokens_details": {"cached_tokens": 40}},
        **changes,
    }  # fmt: skip


def chat_stream(pieces: Sequence[str], wishes: Sequence[Wish] = ()) -> list[bytes]:
    """The same in pieces; arguments of tools come torn in two."""

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        body = {"id": "chatcmpl_1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-2025-04-14"}
        return _frame(None, body | {"choices": [choice], "usage": None} | more)

    frames = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces)]
    for number, (name, arguments) in enumerate(wishes):
        text = json.dumps(arguments)
        first = {"index": number, "id": f"call_{number}", "type": "function",
                 "function": {"name": name, "arguments": text[:3]}}  # fmt: skip
        frames.append(chunk({"tool_calls": [first]}))
        frames.append(chunk({"tool_calls": [{"index": number, "function": {"arguments": text[3:]}}]}))
    frames.append(chunk({}, "tool_calls" if wishes else "stop"))
    usage = chat()["usage"]
    return [*frames, chunk({}, choices=[], usage=usage), _frame(None, "[DONE]")]


# Anthropic, Messages.


def messages(text: str = "Hello wörld", wishes: Sequence[Wish] = (), **changes: Any) -> dict[str, Any]:
    """A message with the same counts."""
    content: list[dict[str, Any]] = [{"type": "text", "text": text[:6]}, {"type": "text", "text": text[6:]}]
    for number, (name, arguments) in enumerate(wishes):
        content.append({"type": "tool_use", "id": f"call_{number}", "name": name, "input": arguments})
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-5-20251101", "content": content,
        "stop_reason": "tool_use" if wishes else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 60, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 0,
                  "output_tokens": 10},
        **changes,
    }  # fmt: skip


def messages_stream(pieces: Sequence[str], wishes: Sequence[Wish] = ()) -> list[bytes]:
    """The same in pieces, with a ping as there is one in real streams."""

    def frame(kind: str, **data: Any) -> bytes:
        return _frame(kind, {"type": kind, **data})

    begun = messages("", content=[], stop_reason=None)
    begun["usage"]["output_tokens"] = 1
    frames = [frame("message_start", message=begun), frame("ping")]
    frames.append(frame("content_block_start", index=0, content_block={"type": "text", "text": ""}))
    frames += [frame("content_block_delta", index=0, delta={"type": "text_delta", "text": piece}) for piece in pieces]
    frames.append(frame("content_block_stop", index=0))
    for number, (name, arguments) in enumerate(wishes, 1):
        text = json.dumps(arguments)
        block = {"type": "tool_use", "id": f"call_{number - 1}", "name": name, "input": {}}
        frames.append(frame("content_block_start", index=number, content_block=block))
        for part in (text[:3], text[3:]):
            frames.append(
                frame("content_block_delta", index=number, delta={"type": "input_json_delta", "partial_json": part})
            )
        frames.append(frame("content_block_stop", index=number))
    reason = "tool_use" if wishes else "end_turn"
    frames.append(
        frame("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 10})
    )
    return [*frames, frame("message_stop")]


@dataclass(frozen=True)
class Vendor:
    """One way of speaking: which model of ours speaks it, where it is asked, and its answers."""

    provider: str
    api: str
    model: str
    path: str
    base: str
    whole: Callable[..., dict[str, Any]]
    stream: Callable[..., list[bytes]]


VENDORS = {
    "openai": Vendor("openai", "responses", "gpt-4.1", "/v1/responses", "/v1", responses, responses_stream),
    "openai-chat": Vendor("openai", "chat", "gpt-4.1", "/v1/chat/completions", "/v1", chat, chat_stream),
    "compatible": Vendor("compatible", "responses", "llama3", "/v1/chat/completions", "/v1", chat, chat_stream),
    "anthropic": Vendor("anthropic", "responses", "claude-opus-4-5", "/v1/messages", "", messages, messages_stream),
}
