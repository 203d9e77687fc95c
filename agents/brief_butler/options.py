"""A run's inputs as typed options; Invalid names the input that is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ionflux_core.sdk import Context, Invalid

Platform = Literal["ionflux", "slack", "slack_export", "transcript"]
PLATFORMS = ("ionflux", "slack", "slack_export", "transcript")
SUMMARIES = ("thread", "channel", "daily_digest", "milestone")
LANGUAGES = ("auto", "en", "pt")
_MOST_CHANNELS = 20


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for. `given` and `request` are the two maps as they came, checked for their kinds."""

    platform: Platform
    channel: str
    thread: str
    summary: str
    channels: tuple[str, ...]
    since: datetime | None
    title: str
    post: bool
    post_to: str
    reply: bool
    page: bool
    audio: bool
    language: str
    template: str
    buttons: int
    long_thread: int
    alert_channel: str
    reword: bool
    ask_rating: bool
    zone: ZoneInfo
    given: dict[str, Any] = field(default_factory=dict)


def read_options(ctx: Context, inputs: Mapping[str, Any]) -> Options:
    """The options of a run."""
    where = _map(inputs.get("chat_platform_details"), "chat_platform_details")
    asked = _map(inputs.get("summary_request_details"), "summary_request_details")
    where, asked = _short_form(ctx, where, asked)
    platform = _choice(where.get("platform") or "ionflux", PLATFORMS, "chat_platform_details.platform")
    thread = _text(asked.get("thread_id") or where.get("thread_id") or "", "thread_id", 80)
    default = "thread" if thread else "channel"
    return Options(
        platform=platform,
        channel=_text(where.get("channel") or inputs.get("channel_id") or "", "channel", 200).lstrip("#"),
        thread=thread,
        summary=_choice(asked.get("summary_type") or default, SUMMARIES, "summary_request_details.summary_type"),
        channels=_channels(asked.get("target_channel_ids")),
        since=_moment(asked.get("since"), "since"),
        title=_text(asked.get("title") or "", "title", 150),
        post=asked.get("post", platform == "ionflux") is not False
        and (platform == "ionflux" or bool(asked.get("post_to"))),
        post_to=_text(asked.get("post_to") or "", "post_to", 200).lstrip("#"),
        reply=asked.get("reply") is True and platform == "slack",
        page=asked.get("page", True) is not False,
        audio=asked.get("audio", inputs.get("audio", True)) is not False,
        language=_choice(inputs.get("brief_language") or "auto", LANGUAGES, "brief_language"),
        template=_text(inputs.get("custom_summary_template_id") or "", "custom_summary_template_id", 80),
        buttons=_count(inputs.get("most_buttons"), "most_buttons", 5, 0, 20),
        long_thread=_count(inputs.get("long_thread_messages"), "long_thread_messages", 30, 5, 10_000),
        alert_channel=_text(inputs.get("alert_channel") or "alerts", "alert_channel", 200).lstrip("#"),
        reword=inputs.get("rephrase_with_model") is True,
        ask_rating=inputs.get("ask_rating") is True,
        zone=ZoneInfo(ctx.workspace.settings.timezone),
        given=where,
    )


def _short_form(ctx: Context, where: dict[str, Any], asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A webhook may name platform, channel and thread without the two maps around them."""
    body = ctx.trigger.payload if ctx.trigger.kind == "webhook" else None
    if isinstance(body, Mapping) and "chat_platform_details" not in body:
        where = {**where, **{key: body[key] for key in ("platform", "channel") if body.get(key)}}
        thread = body.get("thread_id") or body.get("thread")
        asked = {**asked, **({"thread_id": thread, "summary_type": "thread"} if thread else {})}
    return where, asked


def as_map(value: Any, what: str) -> dict[str, Any]:
    """A map that may have been typed as JSON text; Invalid when it is something else."""
    return _map(value, what)


def _map(value: Any, what: str) -> dict[str, Any]:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Invalid(f"{what} is text but not JSON.", hint='Write it like {"platform": "ionflux"}.') from None
    if value in (None, ""):
        return {}
    if not isinstance(value, Mapping):
        raise Invalid(f"{what} must be a map.", hint='Write it like {"platform": "ionflux", "channel": "general"}.')
    return dict(value)


def _text(value: Any, what: str, longest: int) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"{what} must be a text of at most {longest} characters.", hint="Copy it from the chat.")
    return value.strip()


def _choice(value: Any, accepted: tuple[str, ...], what: str) -> Any:
    if value not in accepted:
        raise Invalid(f"{what} is {str(value)[:40]!r}.", hint="Use one of " + ", ".join(accepted) + ".")
    return value


def _channels(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value] if value else []
    if len(listed) > _MOST_CHANNELS:
        raise Invalid(
            f"A digest takes at most {_MOST_CHANNELS} channels.", hint="Make a second instance for the others."
        )
    return tuple(dict.fromkeys(_text(each, "target_channel_ids", 200).lstrip("#") for each in listed))


def _moment(value: Any, what: str) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise Invalid(f"{what} is {str(value)[:40]!r}.", hint="Write it like 2026-11-16T09:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _count(value: Any, what: str, default: int, least: int, most: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise Invalid(f"{what} must be a whole number from {least} to {most}.", hint=f"The usual value is {default}.")
    return int(value)
