"""Where a conversation is read: IONFLUX's own chat, a Slack account, a Slack export, or a pasted transcript."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ionflux_core.sdk import Context, Invalid, Said

from .messages import Spoken, Talk, spoken
from .options import Options
from .slack_export import parse_export, read_export
from .transcripts import read_transcript

MOST_MESSAGES = 10_000
_LARGEST_TEXT = 16 * 1024 * 1024


def read_talk(ctx: Context, inputs: Mapping[str, Any], options: Options) -> Talk:
    """The conversation a run is about; Invalid says what is missing."""
    if options.platform == "ionflux":
        return own_chat(ctx, options, options.channel, options.thread)
    if options.platform == "slack":
        return _slack(ctx, options)
    kept = ctx.step("read conversation", lambda: _given(ctx, inputs, options).plain())
    return Talk.of(kept)


def own_chat(ctx: Context, options: Options, channel: str, thread: str = "", since: datetime | None = None) -> Talk:
    """A channel of our own chat without its threads, or one thread."""
    if not channel:
        raise Invalid(
            "No channel is named.",
            hint='Give chat_platform_details like {"platform": "ionflux", "channel": "general"}.',
        )
    if options.summary == "thread" and not thread:
        raise Invalid(
            "No thread is named.", hint="Give summary_request_details.thread_id, the id of its first message."
        )
    said = ctx.chat.messages(channel, thread=thread or None, since=since or options.since, limit=MOST_MESSAGES)
    talk = talk_of(said, channel, thread)
    threads = 0 if thread else sum(bool(each.replies) for each in said)
    note = f"Threads of the channel are not part of this brief ({threads}); ask for one by the id of its first message."
    return replace(talk, notes=(*talk.notes, note)) if threads else talk


def talk_of(said: Iterable[Said], channel: str, thread: str = "") -> Talk:
    """What was said as a conversation with links back."""
    messages = [_spoken(each, channel) for each in said]
    notes = (f"Only the newest {MOST_MESSAGES:,} messages were read.",) if len(messages) >= MOST_MESSAGES else ()
    place = f"ionflux:{channel}:{thread}" if thread else f"ionflux:{channel}"
    title = f"Thread in {channel}" if thread else channel
    return Talk(place, title, tuple(messages), channel, thread, (), notes + _cut(messages))


def _spoken(said: Said, channel: str) -> Spoken:
    link = f"chat?channel={said.channel_id or channel}&message={said.id}"
    return spoken(said.id, said.at, said.sender, said.text, bot=said.sender_type != "user", link=link)


def _cut(messages: Iterable[Spoken]) -> tuple[str, ...]:
    count = sum(each.cut for each in messages)
    return (f"Of very long messages ({count}) only the first 20,000 characters were read.",) if count else ()


def _slack(ctx: Context, options: Options) -> Talk:
    if not options.channel:
        raise Invalid(
            "No Slack channel is named.",
            hint='Give chat_platform_details like {"platform": "slack", "channel": "C024BE91L"}.',
        )
    if not ctx.accounts.connected("slack"):
        raise Invalid(
            "No Slack account is connected.",
            hint="Connect Slack in Settings, or give an export with platform slack_export.",
            code="account_missing",
        )
    asked: dict[str, Any] = {"channel": options.channel, "limit": MOST_MESSAGES}
    if options.since:
        asked["since"] = options.since.isoformat()
    if options.thread:
        asked["thread"] = options.thread
    answer = ctx.accounts.read("slack", "replies" if options.thread else "history", asked)
    messages, people, notes = read_export(answer, users=options.given.get("users"))
    place = f"slack:{options.channel}:{options.thread}".rstrip(":")
    return _talk(options, options.channel, messages, people, notes, place)


def _given(ctx: Context, inputs: Mapping[str, Any], options: Options) -> Talk:
    value = inputs.get("conversation_file") or options.given.get("file")
    source: Any = options.given.get("messages") or inputs.get("conversation_text") or options.given.get("text")
    if source is None and value:
        source = ctx.read_file(value).decode("utf-8-sig", "replace")
    if source in (None, "", []):
        raise Invalid(
            "There is no conversation to read.",
            hint="Paste it into conversation_text, or choose a file as conversation_file.",
        )
    if isinstance(source, str) and len(source) > _LARGEST_TEXT:
        raise Invalid("The conversation is larger than 16 MiB.", hint="Give one channel or one month of it.")
    if options.platform == "slack_export":
        data = parse_export(source) if isinstance(source, str) else source
        messages, people, notes = read_export(data, users=options.given.get("users"), thread=options.thread)
        # Two exports of nobody knows which channels are two conversations, told apart by how they begin.
        known = _named(options) or (_hash(messages[0].id + messages[0].text) if messages else "")
        return _talk(options, _named(options), messages, people, notes, f"export:{known}:{options.thread}".rstrip(":"))
    if not isinstance(source, str):
        raise Invalid("A transcript is text.", hint="Use platform slack_export for JSON.")
    messages, notes = read_transcript(source, options.since or _begun(ctx, options), options.zone)
    if not messages and source.strip():
        raise Invalid("No line says who speaks.", hint="Write each message as `Name: words` or `[10:32] Name: words`.")
    if len(messages) > MOST_MESSAGES:
        notes = [*notes, f"Only the newest {MOST_MESSAGES:,} of {len(messages):,} messages were read."]
    return _talk(options, _named(options), messages, [], notes, f"transcript:{_hash(source)}")


def _named(options: Options) -> str:
    """The channel somebody named for what was pasted; the usual channel of our own chat is none of its."""
    return options.channel if options.given.get("channel") else ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def _begun(ctx: Context, options: Options) -> datetime:
    """When a transcript without dates was held: as told, or today."""
    told = options.given.get("at")
    if not told:
        return ctx.now()
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        raise Invalid(f"chat_platform_details.at is {str(told)[:40]!r}.", hint="Write it like 2026-11-16.") from None
    return found if found.tzinfo else found.replace(tzinfo=options.zone)


def _talk(
    options: Options, channel: str, messages: list[Spoken], people: list[str], notes: list[str], place: str
) -> Talk:
    named = f"Slack {channel}" if channel and options.platform != "transcript" else channel
    return Talk(
        place,
        options.title or named or "Conversation",
        tuple(messages[-MOST_MESSAGES:]),
        channel,
        options.thread,
        tuple(people),
        (*notes, *_cut(messages)),
    )
