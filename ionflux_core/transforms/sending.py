"""What goes out of the house: mails, Slack messages, changes in a shop. A policy or a person decides about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from ionflux_core.sdk import Context, Sent
from ionflux_core.transforms.base import EMPTY, NONE, Example, Name, transform, unfit

Line = Annotated[str, Field(max_length=500)]
Key = Annotated[str, Field(max_length=200)]
_WORDS = Field(max_length=200_000)
_SENT = {"status": "would_send", "sent": False, "effect_id": "effect-1", "by": "", "comment": "", "response": {}}


class Outcome(TypedDict):
    """What became of it."""

    status: Annotated[str, "sent, would_send (no account, or a dry run), denied, failed or uncertain."]
    sent: Annotated[bool, "Whether it went out."]
    effect_id: Annotated[str, "Its row in the outbox."]
    by: Annotated[str, "Who decided, when a person did."]
    comment: Annotated[str, "What that person said."]
    response: Annotated[dict[str, Any], "What the other side answered."]


@transform(
    "email.send",
    title="Send a mail",
    scope="email:send",
    acts=True,
    examples=[Example("A short one", {"to": "ana@example.com", "subject": "Your order", "text": "It is on its way."},
                      _SENT)],
)  # fmt: skip
def send_email(
    ctx: Context,
    to: Annotated[str, "One address, without a name.", Field(min_length=3, max_length=320)],
    subject: Annotated[Line, "The subject.", Field(min_length=1)],
    text: Annotated[str, "The words. Without them the words of the HTML are sent.", _WORDS] = "",
    html: Annotated[str, "The same as HTML, such as text.markdown_to_html gives.", _WORDS] = "",
    reply_to: Annotated[Line, "Where answers go."] = "",
    from_address: Annotated[Line, "Another sender than the account's."] = "",
    from_name: Annotated[Line, "The name beside it."] = "",
    unsubscribe: Annotated[Line, "Where a reader can say no: an https or mailto address."] = "",
    key: Annotated[Key, "With the same key it goes out once, ever."] = "",
) -> Outcome:
    """Send one mail by the workspace's mail account. A policy or a person decides before it goes out."""
    if not text.strip() and not html.strip():
        raise unfit("text", "A mail needs words.", "Give text or html.")
    payload = {"subject": subject, "text": text, "html": html, "reply_to": reply_to, "from_address": from_address,
               "from_name": from_name, "list_unsubscribe": unsubscribe}  # fmt: skip
    return _sent(ctx, "email", to, payload, f"Mail to {to}: {subject}", key)


@transform(
    "slack.post",
    title="Post in Slack",
    scope="slack:post",
    acts=True,
    examples=[Example("A line", {"channel": "#alerts", "text": "Order 1001 is large."}, _SENT)],
)
def post_in_slack(
    ctx: Context,
    channel: Annotated[Name, "The channel's name or id."],
    text: Annotated[str, "The words.", Field(max_length=40_000)] = "",
    blocks: Annotated[list[dict[str, Any]], "Slack's own blocks, instead of words.", Field(max_length=50)] = NONE,
    thread: Annotated[str, "The time Slack knows the answered message by.", Field(max_length=40)] = "",
    key: Annotated[Key, "With the same key it goes out once, ever."] = "",
) -> Outcome:
    """Post a message as the workspace's Slack bot. A policy or a person decides before it goes out."""
    if not text.strip() and not blocks:
        raise unfit("text", "A message needs words.", "Give text or blocks.")
    payload = {"text": text, "blocks": blocks, "thread": thread}
    return _sent(ctx, "slack", channel, payload, f"Slack message in {channel}", key)


@transform(
    "shopify.action",
    title="Change something in the shop",
    scope="shopify:write",
    acts=True,
    examples=[Example("Mark a customer", {"action": "add_tags", "target": "gid://shopify/Customer/7",
                                          "values": {"tags": ["vip"]}}, _SENT)],
)  # fmt: skip
def change_shop(
    ctx: Context,
    action: Annotated[Literal["add_tags", "remove_tags", "set_note"], "What to do."],
    target: Annotated[str, "What it is done to, by its Shopify id.", Field(min_length=1, max_length=200)],
    values: Annotated[dict[str, Any], "What it needs: tags, or note."] = EMPTY,
    key: Annotated[Key, "With the same key it is done once, ever."] = "",
) -> Outcome:
    """Ask for a change in the shop. No channel writes to Shopify yet: it stands in the outbox as what would be done."""
    wanted = "note" if action == "set_note" else "tags"
    if wanted not in values:
        raise unfit("values", f"{action} needs {wanted}.", f"Write values: {{{wanted}: ...}}.")
    payload = {"action": action, **values}
    return _sent(ctx, "shopify", target, payload, f"Shopify: {action.replace('_', ' ')} of {target}", key)


class Rows(TypedDict):
    """What a shop has."""

    data: Annotated[Any, "The shop itself, or the rows that were asked for."]
    total: Annotated[int, "How many rows; 1 for the shop."]


@transform(
    "shopify.query",
    title="Read from the shop",
    scope="shopify:read",
    examples=[Example("Orders of a day", {"what": "orders", "since": "2026-11-20T00:00:00+00:00", "limit": 1},
                      {"data": [{"id": 1001, "total_price": "120.00"}], "total": 1})],
)  # fmt: skip
def read_shop(
    ctx: Context,
    what: Annotated[Literal["shop", "orders", "products", "customers"], "What to read."],
    since: Annotated[str, "Only what has changed since this time, with an offset.", Field(max_length=40)] = "",
    until: Annotated[str, "Only what has changed before this time.", Field(max_length=40)] = "",
    limit: Annotated[int, "At most so many rows.", Field(ge=1, le=250)] = 50,
) -> Rows:
    """Read the connected shop, or its orders, products and customers by the time of their last change."""
    given = {"since": since, "until": until, "limit": limit} if what != "shop" else {}
    data = ctx.accounts.read("shopify", what, {name: value for name, value in given.items() if value})
    return {"data": data, "total": len(data) if isinstance(data, list) else 1}


def _sent(
    ctx: Context, kind: str, target: str, payload: Mapping[str, Any], summary: str, key: str
) -> Outcome:  # fmt: skip
    given = {name: value for name, value in payload.items() if value}
    return _outcome(ctx.send(kind, target, given, summary=summary[:200], key=key or None))


def _outcome(sent: Sent) -> Outcome:
    return {"status": sent.status, "sent": sent.status == "sent", "effect_id": sent.effect_id, "by": sent.by or "",
            "comment": sent.comment or "", "response": sent.response or {}}  # fmt: skip
