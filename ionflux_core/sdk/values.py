"""What agents are handed and may raise: answers, references, decisions; values without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ionflux_core.domain.dialogue import Message, ToolCall
from ionflux_core.errors import IonfluxError


class Retry(IonfluxError):
    """Raise this when the same step may well succeed later; the run is retried after `after_seconds`."""

    code = "retry"
    status = 503

    def __init__(self, message: str, *, after_seconds: float = 5.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.after_seconds = after_seconds


def not_computed(reason: str) -> dict[str, str]:
    """The value of an output that cannot be known from what is there; never a guess in its place."""
    return {"not_computed": reason}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person answered; `edits` holds the editable fields as the person left them, `question` is its id."""

    approved: bool
    by: str | None = None
    comment: str | None = None
    edits: dict[str, Any] = field(default_factory=dict)
    timed_out: bool = False
    question: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an effect. `edits` holds what a person changed before it went out.

    `would_send`: no account is connected, or the run is a dry one. `denied`: a person or a policy said no.
    `uncertain`: nobody knows, and the agent wished not to ask. `failed`: a person gave it up, or it is one of many;
    `error` then says why ({code, message, hint}).
    """

    status: Literal["sent", "would_send", "denied", "failed", "uncertain"]
    effect_id: str
    by: str | None = None
    comment: str | None = None
    edits: dict[str, Any] = field(default_factory=dict)
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A stored file: its content hash, name, media type and size in bytes."""

    sha256: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """One row of an agent's own collection; `at` is business time in UTC."""

    key: str
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer with the engine that made it ({kind: local|llm, name, version, seed}).

    `data` is the answer as the schema asked for it. Tokens and cost are those of all turns it took; the cost is None
    where no price is known.
    """

    text: str
    engine: dict[str, Any]
    tokens_in: int
    tokens_out: int
    cost_micros: int | None
    finish_reason: str = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    data: Any = None

    @property
    def message(self) -> Message:
        """The answer as a turn of the conversation, for the next question."""
        return Message("assistant", self.text, tool_calls=self.tool_calls)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One of many effects of the same kind: where it goes, what it says, and the key under which it goes out once."""

    target: str
    payload: Mapping[str, Any]
    key: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a conversation. `outside` is true when it may hold words of someone outside the workspace."""

    id: str
    at: datetime
    sender: str
    sender_type: Literal["user", "agent", "system"]
    text: str
    thread_id: str | None = None
    replies: int = 0
    outside: bool = False
    channel_id: str = ""
