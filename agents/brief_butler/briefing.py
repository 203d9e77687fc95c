"""One conversation becomes one brief: read, extracted, worded, kept, posted, filed and read aloud."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ionflux_core.sdk import Context, IonfluxError, not_computed

from .audio import audio_of
from .brief import Citations, sections_of, span_of, spoken_brief, write_brief
from .extract import Extract, extract
from .figures import report
from .found import Item, identified
from .governance import post_brief, reply_in_slack
from .ledger import SUMMARIES, store, take_back
from .messages import Talk, escape, one_line
from .options import Options
from .pages import file_brief
from .ranking import telling
from .templates import Template, template_of
from .wording import reworded

SUMMARY_CREATED = "ionflux.agent.commbutler.summary_created"
ACTION_LOGGED = "ionflux.agent.commbutler.action_item_logged"
NAMES = {
    "decision": "decisions",
    "action": "actions",
    "question": "open_questions",
    "answered": "answered",
    "blocker": "blockers",
    "postponed": "postponed",
}
_REMEMBERED = 20


def engine_of(ctx: Context) -> dict[str, Any]:
    """The engine of everything the agent extracts itself."""
    return {"kind": "local", "name": "brief-butler-grammar", "version": "1", "seed": ctx.seed}


def found_in(talk: Talk, options: Options) -> dict[str, Any]:
    """What one conversation holds, as plain data: items with ids, people, language, and what it was about."""
    read = extract(talk.messages, options.zone, talk.people)
    items = identified(read.items, talk.place, talk.thread)
    language = options.language if options.language != "auto" else read.language
    return {
        "items": [item.plain() for item in items],
        "people": read.people,
        "language": language,
        "spoken": read.spoken,
        "foreign": read.foreign,
        "about": _about(talk, read, items),
    }


def _about(talk: Talk, read: Extract, items: Sequence[Item]) -> list[dict[str, str]]:
    """Up to three telling sentences that are no item themselves, with their messages."""
    taken = {(item.messages[0], item.text) for item in items}
    left_out = frozenset(
        (clause.index, clause.number)
        for clause in read.clauses
        if (talk.messages[clause.index].id, one_line(clause.text)) in taken
    )
    most = 3 if read.spoken > 12 else 2 if read.spoken > 5 else 1
    return [
        {"text": clause.text, "message": talk.messages[clause.index].id, "speaker": talk.messages[clause.index].sender}
        for clause in telling(read.clauses, most, left_out)
    ]


def make_brief(ctx: Context, options: Options, talk: Talk, title: str, began: float) -> dict[str, Any]:
    """The four outputs for one conversation, after everything was done with it."""
    found = ctx.step("extract", lambda: found_in(talk, options))
    return finish(ctx, options, talk, title, found, {}, began)


def finish(
    ctx: Context,
    options: Options,
    talk: Talk,
    title: str,
    found: Mapping[str, Any],
    more: Mapping[str, Sequence[str]],
    began: float,
    *,
    citations: Citations | None = None,
) -> dict[str, Any]:
    """Write, keep, post, file and speak what was found; `more` holds sections that are no items."""
    items, language = [Item.of(each) for each in found["items"]], str(found["language"])
    talk = replace(talk, notes=(*talk.notes, *_unread(found)))
    template = template_of(ctx, options.template, language)
    model = reworded(ctx, talk.messages, items) if options.reword and items else None
    for item in items:
        item.wording = (model or {}).get("wording", {}).get(item.id, "")
    kept = ctx.step("keep items", lambda: _keep(ctx, options, talk, items, language, whole=citations is None))
    states: dict[str, str] = kept["states"]
    text = compose(options, talk, title, template, found, items, states, model, more, citations)
    posted: Mapping[str, Any] = {"not_posted": "Posting was not asked for."}
    if options.post and talk.messages:
        posted = post_brief(ctx, options, talk, text, items, states, language)
    ctx.step("seconds to brief", lambda: _measure(ctx, began))
    if options.reply and items:
        posted = {**posted, "slack": reply_in_slack(ctx, talk, spoken_brief(title, items, language))}
    filed: Any = not_computed("Filing was not asked for.")
    if options.page and talk.messages:
        filed = file_brief(ctx, talk, title, text, items, states, language)
    audio: Any = not_computed("A spoken brief was not asked for.")
    if options.audio:
        spoken = spoken_brief(title, items, language) if items else ""
        audio = audio_of(ctx, spoken, language) if spoken else not_computed("There is nothing to read aloud.")
    summary: dict[str, Any] = {"place": talk.place, "title": title, "language": language, "template": template.name}
    summary |= {"message_id": posted.get("message_id"), "channel": posted.get("channel"), "thread": talk.thread}
    ctx.step("announce", lambda: _announce(ctx, options, summary, items, kept["fresh"]))
    _remember(ctx, [item for item in items if item.kind == "decision" and item.id in kept["fresh"]], talk)
    return {
        "structured_summary_markdown": text,
        "audio_summary_url": audio,
        "extracted_action_items_json": data_of(ctx, talk, items, states, posted, model, language),
        "knowledge_base_update_status": filed,
        "engine": engine_of(ctx),
    }


def _unread(found: Mapping[str, Any]) -> list[str]:
    """That some messages are in a language whose decisions and promises nobody here finds."""
    count = int(found.get("foreign", 0))
    if not count:
        return []
    seem = "message seems" if count == 1 else "messages seem"
    return [f"{count} {seem} to be in neither English nor Portuguese; what is decided or promised there is not found."]


def _channel_of(options: Options, talk: Talk) -> str:
    """Where people are asked and reminded: in the conversation's own channel, or where its brief is posted."""
    return options.post_to or (talk.channel if talk.place.startswith("ionflux:") else "")


def _keep(
    ctx: Context, options: Options, talk: Talk, items: Sequence[Item], language: str, *, whole: bool
) -> dict[str, Any]:
    """Keep the items; where the conversation was read from its beginning, what was taken back is closed."""
    where = {"channel": _channel_of(options, talk), "language": language}
    states, fresh = store(ctx.records, items, where, ctx.now())
    if whole and options.since is None:
        read = {each.id for each in talk.messages}
        take_back(ctx.records, talk.place, {item.id for item in items}, read, ctx.now())
    return {"states": states, "fresh": fresh}


def compose(
    options: Options,
    talk: Talk,
    title: str,
    template: Template,
    found: Mapping[str, Any],
    items: Sequence[Item],
    states: Mapping[str, str],
    model: Mapping[str, Any] | None,
    more: Mapping[str, Sequence[str]],
    citations: Citations | None,
) -> str:
    """The brief in Markdown."""
    language = str(found["language"])
    cited = citations or Citations(talk.messages, options.zone)
    about = [
        f"- {escape(each['speaker'], 60)}: {escape(each['text'])} {cited.cite([each['message']])}"
        for each in found["about"]
        if template.has("about")
    ]
    sections: dict[str, list[str]] = {"about": about, **sections_of(items, cited, language, states, template)}
    sections |= {name: list(lines) for name, lines in more.items()}
    for line in (model or {}).get("added", []):
        name = {"about": "about", "question": "questions"}.get(line["section"], NAMES.get(line["section"], "about"))
        if template.has(name):
            sections.setdefault(name, []).append(f"- {escape(line['text'])} *(model)* {cited.cite(line['messages'])}")
    return write_brief(
        title, template, language, sections, span=span_of(talk.messages, found["people"], language, options.zone),
        notes=talk.notes, sources=cited.sources(), items=len(items),
    )  # fmt: skip


def data_of(
    ctx: Context,
    talk: Talk,
    items: Sequence[Item],
    states: Mapping[str, str],
    posted: Mapping[str, Any],
    model: Mapping[str, Any] | None,
    language: str,
) -> dict[str, Any]:
    """The items as data: owner, date and state of actions, decisions, questions, and the messages of each."""
    links = {each.id: each.link for each in talk.messages if each.link}
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES.values()}
    for item in items:
        lists[NAMES[item.kind]].append(_row(item, states, links))
    return {
        **lists,
        "counts": {name: len(rows) for name, rows in lists.items()},
        "conversation": {
            "title": talk.title,
            "messages": len(talk.messages),
            "language": language,
            "channel": talk.channel,
            "thread": talk.thread,
        },
        "notes": list(talk.notes),
        "posted": dict(posted),
        "model": {key: model[key] for key in ("dropped", "engine")} | {"added": len(model["added"])} if model else None,
        "correlation_id": ctx.correlation_id,
        "engine": engine_of(ctx),
    }


def _row(item: Item, states: Mapping[str, str], links: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": item.id, "text": item.text, "speaker": item.speaker, "said_at": item.at}
    row |= {"state": states.get(item.id, "open"), "messages": item.messages}
    row |= {"links": [links[id] for id in item.messages if id in links]}
    if item.wording:
        row["wording"] = item.wording
    if item.kind == "action":
        missing = [name for name, value in (("owner", item.owner), ("due", item.due)) if not value]
        row |= {"owner": item.owner, "due": item.due, "due_words": item.due_words, "due_precision": item.due_precision}
        row["not_said"] = missing
    if item.kind == "answered":
        row["answer"] = item.answer
    if item.agreed_by:
        row["agreed_by"] = list(dict.fromkeys(item.agreed_by))
    return row


def _measure(ctx: Context, began: float) -> float:
    seconds = round(time.perf_counter() - began, 3)
    ctx.kpi("seconds_to_brief", seconds, unit="s")
    return seconds


def _announce(
    ctx: Context, options: Options, summary: Mapping[str, Any], items: Sequence[Item], fresh: Sequence[str]
) -> None:
    counts = {name: sum(item.kind == kind for item in items) for kind, name in NAMES.items()}
    ctx.records.put(SUMMARIES, f"{summary['place']}|{ctx.run_id}"[:280], {**summary, "counts": counts}, at=ctx.now())
    ctx.emit(SUMMARY_CREATED, {**summary, "counts": counts, "run_id": ctx.run_id})
    for item in items:
        if item.kind == "action" and item.id in fresh:
            payload = {
                "id": item.id,
                "text": item.text[:500],
                "owner": item.owner,
                "due": item.due,
                "messages": item.messages,
            }
            ctx.emit(ACTION_LOGGED, {**payload, "place": summary["place"]}, key=f"action:{item.id}")
    report(ctx, options)


def _remember(ctx: Context, decisions: Sequence[Item], talk: Talk) -> None:
    """Decisions go into the memory of the channel; a brief does not fail because no memory is there."""
    if not decisions or ctx.dry_run:
        return
    try:
        ctx.step("remember decisions", lambda: _remembered(ctx, decisions[:_REMEMBERED], talk.place))
    except IonfluxError as error:
        ctx.log(f"The decisions were not put into the memory: {error}", level="warning")


def _remembered(ctx: Context, decisions: Sequence[Item], place: str) -> int:
    for item in decisions:
        ctx.memory.remember(item.text, {"place": place, "at": item.at, "kind": "decision"}, id=item.id)
    return len(decisions)
