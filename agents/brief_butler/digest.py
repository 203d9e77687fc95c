"""The digest of chosen channels: what came up since the last one, and long threads that have come to no conclusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ionflux_core.sdk import Context, Invalid, IonfluxError, not_computed

from .brief import Citations
from .briefing import engine_of, finish, found_in
from .ledger import mark, marked
from .messages import Talk, escape
from .options import Options
from .sources import MOST_MESSAGES, talk_of

_FIRST_TIME = timedelta(days=1)
_LOOK_BACK = timedelta(days=7)
_MOST_THREADS = 50
_FEWEST_PEOPLE = 3
_WORDS = {
    "en": "{messages} messages by {people} people since {since}, nothing decided and nobody charged with anything",
    "pt": "{messages} mensagens de {people} pessoas desde {since}, nada decidido e ninguém encarregado",
}


def make_digest(ctx: Context, options: Options, channels: Sequence[str], began: float) -> dict[str, Any]:
    """One digest for each channel; where nothing happened nothing is posted."""
    if options.platform != "ionflux":
        raise Invalid(
            "A digest is made of IONFLUX's own channels.",
            hint="For Slack, ask for a channel with summary_type channel.",
        )
    texts, told, filed, failed = [], {}, {}, {}
    audio: Any = not_computed("Nothing happened since the last digest.")
    for channel in channels:
        try:
            outputs = _of_channel(ctx, options, channel, began)
        except IonfluxError as error:
            # One channel that is gone does not take the digest of the others away.
            ctx.log(f"No digest of {channel}: {error}", level="warning")
            failed[channel] = str(error)
            continue
        if outputs is not None:
            texts.append(outputs["structured_summary_markdown"])
            told[channel], filed[channel] = (
                outputs["extracted_action_items_json"],
                outputs["knowledge_base_update_status"],
            )
            audio = outputs["audio_summary_url"]
    if channels and len(failed) == len(channels):
        raise Invalid(
            "None of the chosen channels can be read: " + " ".join(failed.values()), hint="Choose public channels."
        )
    status = "digest" if told else "nothing_happened" if channels else "no_channels_chosen"
    quiet = {
        "nothing_happened": "Nothing happened since the last digest.",
        "no_channels_chosen": "No channels are chosen for the digest.",
    }
    return {
        "structured_summary_markdown": "\n".join(texts) or quiet[status],
        "audio_summary_url": audio,
        "extracted_action_items_json": {"status": status, "channels": told, "failed": failed, "engine": engine_of(ctx)},
        "knowledge_base_update_status": filed or not_computed(quiet.get(status, "No page was written.")),
        "engine": engine_of(ctx),
    }


def _of_channel(ctx: Context, options: Options, channel: str, began: float) -> dict[str, Any] | None:
    key = f"digest:{channel}"
    last = ctx.step("look for last digest", lambda: marked(ctx.records, key))
    since = options.since or (datetime.fromisoformat(last["until"]) if last else ctx.now() - _FIRST_TIME)
    talks = _talks(ctx, channel, since)
    found = ctx.step("extract", lambda: _found(talks, options, since))
    outputs = _told(ctx, options, channel, talks, found, since, began) if found["items"] or found["long"] else None
    # Only now: a digest that could not be posted is made by the next run.
    ctx.step("note digest", lambda: mark(ctx.records, key, {"until": ctx.now().isoformat()}, ctx.now()))
    return outputs


def _told(
    ctx: Context,
    options: Options,
    channel: str,
    talks: Sequence[Talk],
    found: Mapping[str, Any],
    since: datetime,
    began: float,
) -> dict[str, Any]:
    """The digest of one channel, posted and filed."""
    whole = talks[0]
    # The first message of a thread stands in its channel, too.
    messages = tuple({message.id: message for talk in talks for message in talk.messages}.values())
    recent = tuple(each for each in messages if each.at >= since)
    citations = Citations(messages, options.zone)
    lines = [_long_line(each, citations, str(found["language"])) for each in found["long"]]
    title = options.title or f"{channel}, {ctx.now().astimezone(options.zone):%Y-%m-%d}"
    talk = replace(whole, messages=recent or messages, title=title, thread="")
    return finish(ctx, options, talk, title, found, {"threads": lines}, began, citations=citations)


def _talks(ctx: Context, channel: str, since: datetime) -> list[Talk]:
    """The channel itself, and its threads in which something was said; the last week's threads are looked at."""
    said = ctx.chat.messages(channel, since=since - _LOOK_BACK, limit=MOST_MESSAGES)
    talks = [talk_of(said, channel)]
    for first in [each for each in said if each.replies][-_MOST_THREADS:]:
        thread = talk_of(ctx.chat.messages(channel, thread=first.id, limit=MOST_MESSAGES), channel, first.id)
        if any(each.at >= since and not each.bot for each in thread.messages):
            talks.append(thread)
    return talks


def _found(talks: Sequence[Talk], options: Options, since: datetime) -> dict[str, Any]:
    """The items of all conversations that something recent belongs to, and the long threads without any."""
    items: list[dict[str, Any]] = []
    long: list[dict[str, Any]] = []
    about: list[dict[str, str]] = []
    people: dict[str, None] = {}
    languages: list[str] = []
    for talk in talks:
        at = {each.id: each.at for each in talk.messages}
        found = found_in(talk, options)
        items += [item for item in found["items"] if max(at[id] for id in item["messages"]) >= since]
        about += [line for line in found["about"] if at[line["message"]] >= since]
        people |= dict.fromkeys(each.sender for each in talk.messages if each.at >= since and not each.bot)
        languages += [found["language"]] * found["spoken"]
        settled = any(item["kind"] in ("decision", "action") for item in found["items"])
        if (
            talk.thread
            and found["spoken"] >= options.long_thread
            and len(found["people"]) >= _FEWEST_PEOPLE
            and not settled
        ):
            long.append(_long(talk, found))
    language = max(set(languages), key=languages.count) if languages else "en"
    return {"items": items, "about": about[:3], "people": list(people), "language": language, "long": long}


def _long(talk: Talk, found: Mapping[str, Any]) -> dict[str, Any]:
    first = talk.messages[0]
    counts = {"messages": found["spoken"], "people": len(found["people"])}
    facts = {"since": first.at.date().isoformat(), "first": first.id}
    return {"thread": talk.thread, "text": first.text[:200], **counts, **facts}


def _long_line(thread: Mapping[str, Any], citations: Citations, language: str) -> str:
    facts = _WORDS[language].format(**{key: thread[key] for key in ("messages", "people", "since")})
    return f"- {escape(thread['text'], 120)}: {facts} {citations.cite([thread['first']])}"
