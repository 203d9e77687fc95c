"""Buttons under a brief: people confirm, accept, ask and settle, and the item changes its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ionflux_core.sdk import Context

from .brief import Citations, due_words
from .found import Item
from .ledger import LIVE, answer
from .messages import Talk, escape
from .options import Options

ANSWERED = "ionflux.agent.commbutler.item_answered"
"""The event a pressed button publishes; the manifest has a trigger that listens to it."""
LONGEST_MESSAGE = 19_000
_LONGEST_IN_SLACK = 3_900
_ASK_LIMIT = 3
_LABELS = {
    "en": {
        "accept": "Accept", "confirm": "Confirm", "ask": "Ask", "done": "Done", "resolved": "Resolved", "drop": "Drop",
        "action": "Action", "decision": "Decision", "question": "Open question", "blocker": "Blocker",
        "postponed": "Postponed", "questioned": "Somebody asks for clarification", "accepted": "Accepted",
        "more": "{count} more items have no buttons here; they stand in the brief above.",
        "often": "Several of these points were questioned. A brief with the template `questions` shows what is "
            "unclear; "
        "or let a person sum it up.",
    },
    "pt": {
        "accept": "Aceitar", "confirm": "Confirmar", "ask": "Perguntar", "done": "Feito", "resolved": "Resolvido",
        "drop": "Descartar", "action": "Ação", "decision": "Decisão", "question": "Pergunta em aberto",
        "blocker": "Bloqueio", "postponed": "Adiado", "questioned": "Alguém pede esclarecimento", "accepted": "Aceito",
        "more": "Mais {count} itens não têm botões aqui; estão no resumo acima.",
        "often": "Vários destes pontos foram questionados. Um resumo com o modelo `questions` mostra o que está "
            "confuso; "
        "ou peça a uma pessoa para resumir.",
    },
}  # fmt: skip
_BUTTONS = {
    "action": (("accept", "primary"), ("done", "plain"), ("ask", "plain"), ("drop", "danger")),
    "decision": (("confirm", "primary"), ("ask", "plain"), ("drop", "danger")),
    "question": (("resolved", "primary"), ("ask", "plain"), ("drop", "danger")),
    "blocker": (("resolved", "primary"), ("ask", "plain")),
    "postponed": (("confirm", "primary"), ("ask", "plain")),
}
_ORDER = ("action", "decision", "blocker", "question", "postponed")


def post_brief(
    ctx: Context,
    options: Options,
    talk: Talk,
    text: str,
    items: Sequence[Item],
    states: Mapping[str, str],
    language: str,
) -> dict[str, Any]:
    """Post the brief where it was asked for, and a message with buttons for each of the most important items."""
    channel, thread = (options.post_to, None) if options.post_to else (talk.channel, talk.thread or None)
    shown = text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE].rsplit("\n", 1)[0] + "\n\n…"
    message_id = ctx.chat.post(channel, shown, thread=thread)
    if ctx.instance_name is None:
        # Only an instance has triggers that could hear a button.
        return {"channel": channel, "message_id": message_id, "buttons": 0, "without_buttons": len(items)}
    asking = ordered([item for item in items if item.kind in _BUTTONS and states.get(item.id, "open") in LIVE])
    citations = Citations(talk.messages, options.zone)
    for item in asking[: options.buttons]:
        ask(ctx, channel, thread or message_id or None, item, language, citations=citations, key=f"item:{item.id}")
    left = max(0, len(asking) - options.buttons)
    if left and options.buttons:
        ctx.chat.post(channel, _LABELS[language]["more"].format(count=left), thread=thread or message_id or None)
    return {"channel": channel, "message_id": message_id, "buttons": len(asking) - left, "without_buttons": left}


def reply_in_slack(ctx: Context, talk: Talk, words: str) -> dict[str, Any]:
    """Send the brief back to Slack, through the outbox: a person or a policy decides first."""
    last = talk.messages[-1].id
    payload = {"text": words[:_LONGEST_IN_SLACK], **({"thread": talk.thread} if talk.thread else {})}
    sent = ctx.send("slack", talk.channel, payload, summary=f"Brief of {talk.title}", key=f"slack:{talk.place}:{last}")
    return {"status": sent.status, "effect_id": sent.effect_id}


def ordered(items: Sequence[Item]) -> list[Item]:
    """The most important first: dated and owned actions, other actions, decisions, blockers, questions."""
    return sorted(
        items, key=lambda item: (_ORDER.index(item.kind), item.due is None, item.owner is None, item.due or "")
    )


def ask(
    ctx: Context,
    channel: str,
    thread: str | None,
    item: Item,
    language: str,
    *,
    key: str,
    citations: Citations | None = None,
    title: str = "",
    buttons: Sequence[str] = (),
) -> str:
    """Post one item with its buttons, once under a key; the message's id."""
    labels = _LABELS[language]
    chosen = [pair for pair in _BUTTONS[item.kind] if not buttons or pair[0] in buttons]
    about = f"{escape(item.owner, 60)}, {due_words(item, language)}" if item.owner else due_words(item, language)
    lines = [escape(item.wording or item.text)]
    lines += [about] if item.kind == "action" else []
    lines += [citations.cite(item.messages)] if citations else []
    proposal = {
        "title": f"{title or labels[item.kind]}: {_plain(item)}"[:300],
        "description": "\n\n".join(line for line in lines if line)[:4_000],
        "data": {"item": item.id, "kind": item.kind},
        "actions": [{"action_id": action, "label": labels[action], "style": style} for action, style in chosen],
        "kind": "event",
        "reference": ANSWERED,
    }
    return ctx.chat.post(channel, thread=thread, proposal=proposal, key=key)


def _plain(item: Item) -> str:
    words = " ".join((item.wording or item.text).split())
    return words if len(words) <= 120 else words[:119] + "…"


def take_answer(ctx: Context, pressed: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What a pressed button changes: the item's state, and the next question to whom it concerns."""
    action = str(pressed.get("action") or "")
    if pressed.get("kind") == "rating":
        return ctx.step("rate", lambda: _rate(ctx, pressed, action))
    item_id, message = str(pressed.get("item") or ""), str(pressed.get("message_id") or "")
    by = pressed.get("by") if isinstance(pressed.get("by"), str) else None
    kept = ctx.step("change state", lambda: answer(ctx.records, item_id, action, by, message, ctx.now()))
    if kept is None:
        return {"status": "not_ours", "item": item_id, "reason": "No item of this instance has this id."}
    if kept["changed"]:
        _go_on(ctx, kept, language)
    return {"status": "changed" if kept["changed"] else "unchanged", "item": item_id, "state": kept["state"]}


def _rate(ctx: Context, pressed: Mapping[str, Any], action: str) -> dict[str, Any]:
    if action not in {f"stars_{number}" for number in range(1, 6)}:
        return {"status": "unchanged", "reason": "This is no rating."}
    key = f"rating:{pressed.get('message_id')}"
    ctx.records.put("marks", key, {"brief": pressed.get("item"), "stars": int(action[-1])}, at=ctx.now())
    return {"status": "rated", "stars": int(action[-1])}


def _go_on(ctx: Context, kept: Mapping[str, Any], language: str) -> None:
    """An accepted action can be done next; a questioned point is put to who has said it."""
    labels, item = _LABELS[language], item_of(kept)
    channel, thread = str(kept.get("channel") or ""), str(kept.get("thread") or "") or None
    if not channel:
        return
    if kept["state"] == "in_progress":
        next_buttons: tuple[str, ...] = ("done", "ask", "drop")
        ask(
            ctx,
            channel,
            thread,
            item,
            language,
            key=f"item:{item.id}:accepted",
            title=labels["accepted"],
            buttons=next_buttons,
        )
    if kept["state"] == "questioned":
        next_buttons = ("confirm", "resolved", "done", "accept", "drop")
        title = f"{item.owner or item.speaker}, {labels['questioned'][0].lower()}{labels['questioned'][1:]}"
        ask(ctx, channel, thread, item, language, key=f"item:{item.id}:questioned", title=title, buttons=next_buttons)
        questioned = ctx.step("count questions", lambda: _questioned(ctx, str(kept["place"])))
        if questioned >= _ASK_LIMIT:
            ctx.chat.post(channel, labels["often"], thread=thread, key=f"often:{kept['place']}")


def _questioned(ctx: Context, place: str) -> int:
    rows = [
        row for table in ("action_items", "decisions", "open_points") for row in ctx.records.find(table, limit=5_000)
    ]
    return sum(row.data.get("place") == place and row.data["state"] == "questioned" for row in rows)


def item_of(kept: Mapping[str, Any]) -> Item:
    """The item in a kept row."""
    return Item.of({key: kept[key] for key in Item.__dataclass_fields__ if key in kept})
