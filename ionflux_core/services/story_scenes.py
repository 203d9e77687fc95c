"""The scenes of the demo story: an order, the alarm, the margin, a mail, its voice, a person's word, and the outbox."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ionflux_core.demo.catalogue import SHOP_DOMAIN
from ionflux_core.demo.files import as_placed
from ionflux_core.demo.orders import stamp
from ionflux_core.demo.shop import Shop, generate
from ionflux_core.demo.voice import own_texts
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.canvas import Place
from ionflux_core.domain.effects import EffectFilter
from ionflux_core.domain.runs import FINISHED, Run, RunFilter
from ionflux_core.domain.story import Scene, StoryLink
from ionflux_core.errors import NotFound
from ionflux_core.ids import now
from ionflux_core.services.demo import SENTINEL, TRACKER
from ionflux_core.services.demo_pages import PAGE
from ionflux_core.services.story_play import Play, Told, run_link
from ionflux_core.yaml_text import dump

BUTLER, GUARDIAN, WIZARD = "Clarity Butler", "Voice of EcoThreads", "EcoThreads mail"
SEGMENT, GOAL = "high AOV past buyers", "tell them about one product"
_ORDER_DAYS = 60
_NEWEST_DAYS = 14
_MAILS = 20
_DRAFT, _VOICE = "mail_draft", "voice_check"
# A first draft as somebody in a hurry writes it: in the wrong voice, with the right facts.
_TEXT = (
    "Hello {{{{first_name}}}},\n\nour {product} is amazing and you will love it! It costs {price} {currency}, weighs "
    "{grams} grams and comes in {kinds} kinds. Get yours today!\n\n{{{{link}}}}\n\n{{{{brand}}}}"
)
_LINES = {
    "brief_butler": BUTLER,
    "persona_guardian": GUARDIAN,
    "email_wizard": WIZARD,
}


@dataclass(frozen=True)
class PlayedScene:
    """A scene with what is done in it."""

    plain: Scene
    do: Callable[[Play], Told]

    @property
    def key(self) -> str:
        """The word it is known by."""
        return self.plain.key


def _cast(play: Play) -> Told:
    """Give the story its agents, a way out for mails that ends in a folder, and the brand its voice."""
    tracker = _named(play, TRACKER)
    for slug, name in _LINES.items():
        try:
            made = _named(play, name)
        except NotFound:
            made = play.stage.agents.create(
                play.ws, slug, name, yaml=_yaml_of(slug), brand_id=tracker.brand_id, by="demo story"
            )
        play.remember(**{slug: made.id})
    options = {"transport": "folder", "from_address": "hello@ecothreads.example", "from_name": "EcoThreads Boutique"}
    play.stage.policies.set_channel(play.ws, "email", {"dry_run": False, "options": options})
    play.remember(tracker=tracker.id, sentinel=_named(play, SENTINEL).id, brand=tracker.brand_id or "")
    run = play.run(
        play.memo["persona_guardian"],
        {"creator_id_or_brand_id": play.memo["brand"], "training_texts": list(own_texts())},
        task="learn_persona",
    )
    learned = play.output(run, "persona_json") or {}
    apart = (learned.get("calibration") or {}).get("held_out_auc")
    how = "" if apart is None else f"; on texts kept back it tells it from other voices with an AUC of {apart:.2f}"
    return Told(
        f"Five agents are there. {GUARDIAN} has learned the shop's voice from {learned.get('pieces')} texts{how}.",
        (run_link(run, "What was learned"), StoryLink(label="The agents", page="agents")),
    )


def _order(play: Play) -> Told:
    """An order comes in as the shop's event, with the amounts of the largest one of the last days."""
    order = _large_order(generate(days=_ORDER_DAYS, end=now()))
    event_id = play.stage.events.publish(
        play.ws, "ionflux.shopify.order.created", order, source="demo shop", key=f"story:{order['id']}",
        correlation_id=f"story-{order['id']}", brand_id=play.memo["brand"] or None,
    )  # fmt: skip
    play.remember(chain=f"story-{order['id']}", order=str(order["name"]), event=event_id)
    customer = order["customer"]
    who = f"{customer.get('first_name', '')} {customer.get('last_name', '')}".strip()
    return Told(f"{who} ordered for {order['total_price']} {order['currency']} ({order['name']}).")


def _alarm(play: Play) -> Told:
    """The Sentinel hears the event and looks at the order."""
    run = play.run_of_chain("sales_sentinel")
    report = play.output(run, "incident_analysis_report") or {}
    return Told(str(report.get("summary") or run.preview), (run_link(run),))


def _brief(play: Play) -> Told:
    """The Butler hears the alert and says it in the chat."""
    run = play.run_of_chain("brief_butler")
    said = play.wait_for(lambda: play.stage.chat.of_run(play.ws, run.id) or None, "The message in the chat")
    place = {"channel": said[0].channel_id, "message": said[0].id}
    return Told(
        f"{run.instance_name} told it in the channel alerts.",
        (StoryLink(label="The message", page="chat", parameters=place), run_link(run)),
    )


def _margin(play: Play) -> Told:
    """The Tracker has counted the order; the page shows its figures."""
    run = play.run_of_chain("revenue_tracker")
    data = play.output(run, "profitability_dashboard_data_json") or {}
    total, best = data.get("totals") or {}, next(iter(data.get("best_products") or ()), None)
    page_id = _page(play)
    for block in play.stage.canvas.page(play.ws, page_id).blocks:
        if block.type == "agent_snippet" and block.content.get("agent_configuration_id") == run.instance_id:
            play.stage.refreshing.take(play.ws, block.id, run)
    if not isinstance(best, Mapping):
        raise NotFound("No product has a known margin yet.", hint="Enter what the goods cost in the Revenue Tracker.")
    play.remember(product=str(best.get("title") or best.get("product")), page=page_id)
    return Told(
        f"Net revenue {_money(total.get('net_revenue'), data)}, net margin {_money(total.get('net_margin'), data)} "
        f"in the period; the best product is {play.memo['product']}.",
        (StoryLink(label="The page", page="canvas", parameters={"page": page_id}), run_link(run)),
    )


def _draft(play: Play) -> Told:
    """The Wizard drafts a mail about the best product; nothing leaves."""
    shop = generate(days=_ORDER_DAYS, end=now())
    known = [each for each in shop.catalogue if each.title == play.memo["product"]]
    if not known:
        raise NotFound(f"The shop does not sell {play.memo['product']}.", hint="Build the demo anew in Settings.")
    price, grams = Decimal(min(each.price_minor for each in known)) / 100, min(each.grams for each in known)
    orders = json.dumps({"orders": shop.orders}, separators=(",", ":"), default=str).encode()
    file = play.stage.runs.upload(play.ws, "orders-of-the-demo-shop.json", orders, "application/json")
    payload = {
        "customer_segment": SEGMENT,
        "email_goal": GOAL,
        "product": {"title": play.memo["product"], "url": f"https://{shop.domain}"},
        "subject": f"Our amazing {play.memo['product']} is here!",
        "text": _TEXT.format(
            product=play.memo["product"], price=price, currency=shop.currency, grams=grams, kinds=len(known)
        ),
    }
    run = play.run(play.memo["email_wizard"], {"manual_payload": payload, "orders_file": file}, task="draft")
    play.remember(payload=json.dumps(payload))
    block = _block(play, _DRAFT, "email_wizard", "generated_email_draft", Place(x=0, y=40, width=6, height=9))
    play.stage.refreshing.take(play.ws, block, run)
    report = play.output(run, "send_report") or {}
    cleared, held = (report.get("segment") or {}).get("cleared"), (report.get("held") or {}).get("count")
    return Told(
        f"“{payload['subject']}”, for {cleared} customers of the segment {SEGMENT}; {held} are held back, each "
        "with its reason. Nothing has left.",
        (_page_link(play), run_link(run)),
    )


def _voice(play: Play) -> Told:
    """The Guardian compares the draft with the voice it has learned."""
    draft = _mail_in(str(_last(play, "email_wizard", "generated_email_draft")))
    given = {"creator_id_or_brand_id": play.memo["brand"], "content_to_analyze_text": draft}
    key, place = "repaired_content_suggestions_json", Place(x=6, y=40, width=6, height=9)
    block = _block(play, _VOICE, "persona_guardian", key, place, inputs=given)
    run_id = play.stage.refreshing.run_block(play.ws, block, by="demo story") or ""
    run = play.wait_for(lambda: play.ended(run_id), "The end of the run")
    score = play.output(run, "authenticity_score")
    repairs = (play.output(run, "repaired_content_suggestions_json") or {}).get("repairs") or []
    if isinstance(score, Mapping):
        said = f"The score was not computed: {score.get('not_computed')}"
    else:
        said = f"The draft sounds like the shop to {float(score or 0):.2f} of 1."
        if repairs:
            payload = json.loads(play.memo["payload"]) | {"text": repairs[0]["text"]}
            play.remember(payload=json.dumps(payload))
            said += f" The best repair brings it to {float(repairs[0]['score_after']):.2f}, and goes into the mail."
    return Told(said, (_page_link(play), run_link(run)))


def _approval(play: Play) -> Told:
    """The Wizard asks before anything leaves; a person may edit the words."""
    run_id = play.memo.get("sending")
    if run_id is None:
        given = {"manual_payload": json.loads(play.memo["payload"])}
        run_id = play.start(play.memo["email_wizard"], given, task="start_sequence")
        play.remember(sending=run_id)
    where = StoryLink(label="Answer the question", page="approvals")

    def asked() -> Run | None:
        run = play.stage.runs.get(play.ws, run_id)
        return run if run.status == "awaiting_approval" or run.status in FINISHED else None

    if play.wait_for(asked, "The question").status == "awaiting_approval":
        play.show("approval", "needs_you", Told("Read the mail, change what you like, and approve it.", (where,)))
    run = play.wait_for(lambda: play.ended(run_id), "An answer", seconds=None)
    report = play.output(run, "send_report") or {}
    return Told(str(report.get("summary") or run.preview), (run_link(run),))


def _sent(play: Play) -> Told:
    """What left: files that every mail program opens, and rows of the outbox."""
    narrow = EffectFilter(run_id=play.memo["sending"])
    sent = play.stage.outbox.count(play.ws, narrow.model_copy(update={"status": "sent"}))
    others = play.stage.outbox.count(play.ws, narrow) - sent
    more = f" {others} did not leave." if others else ""
    return Told(
        f"{sent} mails lie in the outbox folder as files.{more}",
        (StoryLink(label="The outbox", page="outbox", parameters={"run": play.memo["sending"]}),),
    )


def _look_back(play: Play) -> Told:
    """What it took: the runs of the chain, their cost, and how long it was."""
    runs = play.stage.runs.find(play.ws, RunFilter(correlation_id=play.memo["chain"]), limit=50).runs
    cost = Decimal(sum(run.cost_micros for run in runs)) / 1_000_000
    paid = f"they cost ${cost:.4f}" if cost else "they cost nothing: no model was asked outside this machine"
    return Told(
        f"{len(runs)} runs belong to this order; {paid}.",
        (
            StoryLink(label="The runs of this order", page="runs", parameters={"correlation": play.memo["chain"]}),
            StoryLink(label="The dashboard", page="dashboard"),
        ),
    )


def clear(play: Play) -> None:
    """Take the story's blocks off the page."""
    if "page" not in play.memo:
        return
    for block in play.stage.canvas.page(play.ws, play.memo["page"]).blocks:
        if block.name in (_DRAFT, _VOICE):
            play.stage.canvas.delete_block(play.ws, block.id, by="demo story")


SCENES: tuple[PlayedScene, ...] = tuple(
    PlayedScene(Scene(key=key, title=title, about=about), do)
    for key, title, about, do in (
        ("cast", "The agents take their places", "Three more agents, a voice learned, a folder for mails.", _cast),
        ("order", "An order comes in", "The shop's event reaches everybody who listens.", _order),
        ("alarm", "The Sentinel looks", "Is the order above the threshold, is anything wrong?", _alarm),
        ("brief", "The alert reaches the chat", "The Butler says it where people are.", _brief),
        ("margin", "The margin on the page", "The Tracker counts the order; the plan shows it.", _margin),
        ("draft", "A mail is drafted", "About the product with the best margin, to those who may like it.", _draft),
        ("voice", "Does it sound like us?", "The Guardian scores the draft and proposes repairs.", _voice),
        ("approval", "You decide", "Nothing leaves without a person.", _approval),
        ("sent", "The mails leave", "To files here; to a mail server once an account is connected.", _sent),
        ("look_back", "What it took", "Every run with its steps, cost and value.", _look_back),
    )
)


def _mail_in(draft: str) -> str:
    """The words of the first mail of a draft: its quoted lines, as they were before Markdown."""
    lines = [line[1:].removeprefix(" ") for line in draft.splitlines() if line.startswith(">")]
    return re.sub(r"\\(.)", r"\1", "\n".join(lines)).strip()


def _named(play: Play, name: str) -> AgentInstance:
    for each in play.stage.agents.find(play.ws):
        if each.name == name:
            return each
    raise NotFound(f"The agent {name!r} is not in this workspace.", hint="Build the demo anew in Settings.")


def _yaml_of(slug: str) -> str:
    inputs: dict[str, Any] = {}
    if slug == "email_wizard":
        inputs = {
            "unsubscribe_base_url": f"https://{SHOP_DOMAIN}/stop",
            "postal_address": "EcoThreads Boutique, 12 Lantern Hill, Copper Hollow",
            "from_name": "EcoThreads Boutique",
            "voice_agent": GUARDIAN,
            "max_per_run": _MAILS,
        }
    return dump({"inputs": inputs}) if inputs else ""


def _large_order(shop: Shop) -> dict[str, Any]:
    """The largest order of the last days, placed again now under a number of its own."""
    at = now()
    newest = [
        order for order in shop.orders if str(order["created_at"]) >= stamp(shop.end - timedelta(days=_NEWEST_DAYS))
    ]
    order = dict(as_placed(max(newest or shop.orders, key=lambda each: Decimal(str(each["total_price"])))))
    number = int(at.timestamp() * 1000)
    order |= {
        "id": number, "admin_graphql_api_id": f"gid://shopify/Order/{number}", "name": f"#S{number % 1_000_000}",
        "created_at": stamp(at), "processed_at": stamp(at), "updated_at": stamp(at),
    }  # fmt: skip
    return order


def _page(play: Play) -> str:
    for line in play.stage.canvas.tree(play.ws):
        if line.title == PAGE:
            return line.id
    return play.stage.canvas.create(play.ws, PAGE, icon="campaign", by="demo story").id


def _page_link(play: Play) -> StoryLink:
    return StoryLink(label="The page", page="canvas", parameters={"page": play.memo["page"]})


def _block(play: Play, name: str, slug: str, key: str, place: Place, *, inputs: Mapping[str, Any] | None = None) -> str:
    """The story's block for an agent's output on the page, made when it is not there."""
    content: dict[str, Any] = {"agent_configuration_id": play.memo[slug], "agent_last_run_output_key_ref": key}
    content |= {"inputs": dict(inputs)} if inputs else {}
    for block in play.stage.canvas.page(play.ws, play.memo["page"]).blocks:
        if block.name == name:
            play.stage.canvas.save_block(play.ws, block.id, revision=block.revision, content=content, by="demo story")
            return block.id
    made = play.stage.canvas.add_block(
        play.ws, play.memo["page"], "agent_snippet", content, place=place, name=name, by="demo story"
    )
    return made.id


def _last(play: Play, slug: str, key: str) -> Any:
    narrow = RunFilter(instance_id=play.memo[slug], statuses=["success"], correlation_id=play.memo["chain"])
    for run in play.stage.runs.find(play.ws, narrow, limit=1).runs:
        return play.output(play.stage.runs.get(play.ws, run.id), key)
    raise NotFound("There is no draft yet.", hint="Play the scene before.")


def _money(amount: Any, data: Mapping[str, Any]) -> str:
    return "not computed" if amount is None else f"{float(amount):,.2f} {data.get('currency', '')}"
