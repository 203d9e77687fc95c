"""Communication Clarity Butler: what was decided, by whom, until when, with the message behind every line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ionflux_core.sdk import Context, Invalid, not_computed

from .alerts import deliver_alert
from .briefing import engine_of, make_brief
from .digest import make_digest
from .figures import report
from .governance import take_answer
from .options import Options, as_map, read_options
from .reminders import remind
from .sources import own_chat, read_talk

DIGEST, REMIND = "daily_digest", "remind"
TASKS = ("brief", DIGEST, REMIND, "answer_item", "deliver_alert", "milestone", "long_thread")
_MILESTONE_LOOKS_BACK = timedelta(days=14)


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """The brief of a conversation, a digest, reminders, an alert delivered, or a pressed button answered."""
    began = time.perf_counter()
    task = ctx.task or "brief"
    if task not in TASKS:
        raise Invalid(f"{task!r} is no task of this agent.", hint="Use " + ", ".join(TASKS) + ".")
    options = read_options(ctx, inputs)
    if task == "answer_item" or inputs.get("item_answer"):
        return _answer(ctx, options, inputs)
    if task == "deliver_alert" or inputs.get("alert_payload"):
        return _told(ctx, deliver_alert(ctx, options, inputs.get("alert_payload")), _alert_words)
    if task == REMIND:
        return _told(ctx, remind(ctx, options), lambda done: f"Reminders posted: {len(done['reminders'])}.")
    if task == DIGEST or options.summary == "daily_digest":
        return make_digest(ctx, options, _digest_channels(options, inputs), began)
    if task in ("milestone", "long_thread") or inputs.get("event_payload"):
        return _of_event(ctx, options, as_map(inputs.get("event_payload"), "event_payload"), task, began)
    talk = read_talk(ctx, inputs, options)
    return make_brief(ctx, options, talk, options.title or talk.title, began)


def _answer(ctx: Context, options: Options, inputs: Mapping[str, Any]) -> dict[str, Any]:
    language = options.language if options.language != "auto" else "en"
    done = take_answer(ctx, as_map(inputs.get("item_answer"), "item_answer"), language)
    if done["status"] in ("changed", "rated"):
        ctx.step("count", lambda: report(ctx, options))
    return _told(ctx, done, _answer_words)


def _answer_words(done: Mapping[str, Any]) -> str:
    if done.get("reason"):
        return str(done["reason"])
    return f"{done['status'].replace('_', ' ').capitalize()}: {done.get('state', '')}".rstrip(": ")


def _alert_words(done: Mapping[str, Any]) -> str:
    if done["status"] == "nothing_to_report":
        return "There was nothing to report."
    before = f" Delivered before: {done['repeated']}." if done["repeated"] else ""
    return f"Alerts delivered to {done['channel']}: {done['delivered']}.{before}"


def _told(ctx: Context, done: dict[str, Any], words: Any) -> dict[str, Any]:
    """The outputs of a run that made no brief."""
    none = not_computed("This run made no brief.")
    return {
        "structured_summary_markdown": words(done),
        "audio_summary_url": none,
        "extracted_action_items_json": {**done, "engine": engine_of(ctx)},
        "knowledge_base_update_status": none,
        "engine": engine_of(ctx),
    }


def _digest_channels(options: Options, inputs: Mapping[str, Any]) -> list[str]:
    chosen = list(options.channels)
    listed = inputs.get("digest_channels")
    if not chosen and isinstance(listed, list):
        chosen = [str(each).lstrip("#") for each in listed if isinstance(each, str) and each.strip()]
    return list(dict.fromkeys(chosen))


def _of_event(ctx: Context, options: Options, event: Mapping[str, Any], task: str, began: float) -> dict[str, Any]:
    """A brief because something happened: a milestone was reached, or a thread has grown long."""
    channel = str(event.get("channel") or event.get("channel_id") or options.channel or "").lstrip("#")
    thread = str(event.get("thread_id") or event.get("thread") or "")
    since = None if thread else ctx.now() - _MILESTONE_LOOKS_BACK
    talk = own_chat(ctx, options, channel, thread, since)
    named = event.get("milestone") or event.get("name") or event.get("title")
    title = f"Milestone: {named}"[:150] if named and task != "long_thread" else talk.title
    return make_brief(ctx, options, talk, title, began)
