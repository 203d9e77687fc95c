"""The mails in words: templates, prompts, the voice, what is checked, and what no name or subject may do."""

from __future__ import annotations

from typing import Any

import pytest
from ionflux_agents.email_wizard import offers, sequence, warmup
from ionflux_agents.email_wizard.addresses import read_address, read_name
from ionflux_agents.email_wizard.gate import best_repair, unfaithful
from ionflux_agents.email_wizard.lint import lint
from ionflux_agents.email_wizard.render import Frame, fill, fill_subject, mail
from ionflux_agents.email_wizard.settings import Unsubscribe
from ionflux_agents.email_wizard.templates import GOALS, goal_of

from ionflux_core.domain.workspaces import Brand
from ionflux_core.sdk import Completion, Invalid
from tests.fakes import NOON

from .conftest import Shop, customers, orders

WIN = {"manual_payload": {"customer_segment": "past buyers", "email_goal": "win back"}}
FRAME = Frame(
    values={"brand": "Little Shop", "product": "", "price": "", "about": "", "benefits": "",
            "offer": "", "code": "", "ends": "", "action": "",
            "link": "https://shop.example/a?b=1&c=2"},
    unsubscribe=Unsubscribe("https", "https://shop.example/leave"), campaign="c1", brand="Little Shop",
    postal="1 High Street", accent="#1f4f7a", sender={},
)  # fmt: skip


def brand(**more: Any) -> Brand:
    return Brand(id="brand-1", workspace_id="ws", name="EcoThreads", created_at=NOON, updated_at=NOON, **more)


def test_a_name_is_text_and_nothing_else() -> None:
    step = {"subject": "Hi {{first_name}}", "text": "Hello {{first_name}},\n\nsee {{link}}."}
    person = {"first": '<img src=x onerror="alert(1)"> {{link}} {{salt}}', "token": "t"}
    made = mail(FRAME, step, person)
    assert "<img" not in made["html"] and "&lt;img" in made["html"]
    assert "{{link}}" in made["text"] and "{{salt}}" in made["subject"]
    assert 'href="https://shop.example/a?b=1&amp;c=2"' in made["html"]
    assert "\n" not in mail(FRAME, step, {"first": "A\r\nBcc: b@example.com"})["subject"]


def test_a_line_without_its_variable_is_left_out_and_a_subject_gives_way() -> None:
    values = {"first_name": "Ana", "brand": "B", "product": "", "link": "L"}
    assert fill("Hi {{first_name}},\n\nBuy {{product}}.\n\n{{link}}", values) == "Hi Ana,\n\nL"
    assert fill_subject("New: {{product}}", values) == "A note from B"


@pytest.mark.parametrize(
    ("wish", "goal"),
    [
        ("bring them back with a short offer", "win_back"), ("a 45-minute flash sale", "short_offer"),
        ("thank you note", "thank"), ("announce our launch", "launch"), ("", "update"),
        ("Exciting promotion", "product"), ("short_offer", "short_offer"),
    ],
)  # fmt: skip
def test_the_goal_is_read_from_the_wish(wish: str, goal: str) -> None:
    assert goal_of(wish, has_product=False)[0] == goal


@pytest.mark.parametrize("goal", GOALS)
def test_every_built_in_mail_passes_its_own_lint(goal: str) -> None:
    values = {
        **FRAME.values,
        "product": "Linen shirt",
        "price": "59.00 USD",
        "offer": "10 % off",
        "about": "It is new.",
    }
    frame = Frame(values, *[getattr(FRAME, name) for name in list(Frame.__slots__)[1:]])
    found = lint(frame, GOALS[goal], [], brand())
    assert found == {"problems": [], "warnings": []}


@pytest.mark.parametrize(
    ("subject", "text", "word"),
    [
        ("Hello", "ACT NOW AND BUY EVERYTHING TODAY", "capitals"),
        ("BUY IT TODAY", "x https://a.example", "capitals"),
        ("Hello!!", "x", "exclamation"),
        ("Re: your order", "x", "answer"),
        ("x" * 70, "x", "60"),
        ("Hello you", "no link here", "no link"),
        ("Hello you", "Act now, click here https://bit.ly/x", "advertising"),
        ("Hello you", "https://bit.ly/x", "shortened"),
        ("Hello you", "a https://a.example b https://b.example c https://c.example d https://d.example", "links"),
    ],
)
def test_what_looks_like_spam_is_said(subject: str, text: str, word: str) -> None:
    found = lint(FRAME, [{"subject": subject, "text": text}], [], None)
    assert any(word in warning for warning in found["warnings"]) and not found["problems"]


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ({"subject": "Hi", "text": "{{salary}}"}, "{{salary}}"),
        ({"subject": "Hi you", "text": ""}, "plain text"),
        ({"subject": "", "text": "x"}, "subject is empty"),
        ({"subject": "Hi you", "text": "word " * 60_000}, "KiB"),
        ({"subject": "Hi you", "text": "A cheap shirt"}, "cheap"),
    ],
)
def test_what_may_not_leave(step: dict[str, Any], word: str) -> None:
    found = lint(FRAME, [step], [], brand(forbidden_words=["cheap"]))
    assert any(word in problem for problem in found["problems"])


def test_a_forbidden_word_keeps_the_mail_back_until_a_person_edits_it(filled: Shop) -> None:
    from ionflux_core.sdk import Decision

    filled.brand = brand(forbidden_words=["glad"])
    report, _, ctx = filled.run({**WIN, "voice_gate": "off"})
    assert report["status"] == "refused" and "glad" in report["summary"] and not ctx.outbox
    assert "glad" in ctx.questions[0]["body"]
    edits = {
        "subject": "Hello again",
        "text": "Hello {{first_name}},\n\nsee {{link}}",
        "text_2": "Bye",
        "subject_2": "Bye",
    }
    report, _, ctx = filled.run({**WIN, "voice_gate": "off"}, decisions=[Decision(True, "Ana", edits=edits)])
    assert report["status"] == "sent" and len(ctx.outbox) == 10


def test_a_prompt_of_the_library_becomes_the_mail(filled: Shop) -> None:
    seen: list[dict[str, Any]] = []

    def prompt(values: Any) -> str:
        seen.append(dict(values))
        missing = [name for name in ("product_name", "first_name") if name not in values]
        if missing:
            from ionflux_core.errors import Problem

            raise Invalid("missing", problems=[Problem(f"{name} is missing.", path=name) for name in missing])
        return f"Subject: All about {values['product_name']}\n\nDear {values['first_name']}, it is here."

    payload = {"prompt_id": "p1", "customer_segment": "past buyers", "product": "Linen shirt"}
    report, _, ctx = filled.run({"manual_payload": payload}, prompts={"p1": prompt})
    assert len(seen) == 2 and report["campaign"]["source"] == "prompt p1"
    made = next(item for item in ctx.outbox if item.target == "c4@example.com").payload
    assert made["subject"] == "All about Linen shirt" and made["text"].startswith("Dear Name4, it is here.")


def test_an_instruction_without_a_model_gives_the_template_and_says_so(filled: Shop) -> None:
    told = {"product_name": "linen shirt", "key_benefits": "mendable, cool.", "call_to_action": "see how it is mended"}
    payload = {"prompt_id": "p1", "prompt_values": told, "link": "https://shop.example/linen"}
    prompts = {"p1": lambda values: f"Generate an exciting mail about {values['product_name']}."}
    report, draft, _ = filled.run({"manual_payload": payload}, task="draft", prompts=prompts)
    assert any("instruction" in note for note in report["notes"]) and report["campaign"]["goal"] == "product"
    assert report["engine"]["kind"] == "local" and "show you" in draft
    [item] = filled.run({"manual_payload": payload, "max_per_run": 1}, prompts=prompts)[2].outbox
    assert item.payload["subject"] == "linen shirt, from Little Shop"
    assert "In short: mendable, cool.\n\nSee how it is mended: https://shop.example/linen" in item.payload["text"]


class Model:
    """A model with one answer."""

    def __init__(self, text: str) -> None:
        self.text = text

    def complete(self, prompt: str, **_: Any) -> Completion:
        return Completion(self.text, {"kind": "llm", "name": "m", "version": "1", "seed": None}, 1, 1, 0)


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        ("Dear {{first_name}}, thanks for choosing us. {{brand}} {{brand}}", 1),
        ("Dear {{first_name}}, choosing us saves 20 %! {{brand}} {{brand}}", 0),
        ("Dear {{first_name}}, choosing us is good. {{offer}} {{brand}} {{brand}}", 0),
        ("Dear customer, thank you.", 0),
        ("", 0),
    ],
)  # fmt: skip
def test_a_model_s_wording_stays_only_when_nothing_was_lost_or_added(filled: Shop, answer: str, used: int) -> None:
    ctx = filled.context("draft")
    type(ctx).llm = property(lambda self: Model(answer))  # type: ignore[assignment]
    from ionflux_agents.email_wizard.agent import run

    try:
        out = run(ctx, {"manual_payload": {"email_goal": "thank"}, "rephrase_with_model": True})
    finally:
        del type(ctx).llm
    assert ("choosing us" in out["generated_email_draft"]) == used
    assert out["engine"]["kind"] == ("llm" if used else "local")


GUARDIAN = {
    "authenticity_score": 0.41,
    "repaired_content_suggestions_json": {
        "verdict": "repair", "threshold": 0.6, "reasons": ["too stiff"],
        "repairs": [
            {"flavour": "close", "text": "", "score_before": 0.41, "score_after": 0.9, "changes": []},
            {"flavour": "light", "text": "", "score_before": 0.41, "score_after": 0.7, "changes": ["warmer"]},
        ],
    },
}  # fmt: skip


def guardian(text: str) -> dict[str, Any]:
    """008 with one repair that lost a variable and one that is fine."""
    told = {**GUARDIAN["repaired_content_suggestions_json"]}  # type: ignore[dict-item]
    told["repairs"] = [{**told["repairs"][0], "text": "All new!"}, {**told["repairs"][1], "text": text}]
    return {**GUARDIAN, "repaired_content_suggestions_json": told}


def test_the_voice_is_asked_and_its_best_faithful_repair_is_shown_or_used(filled: Shop) -> None:
    filled.brand = brand()
    lines = GOALS["thank"][0]["text"].split("\n")
    alive = "\n".join(
        line for line in lines if not {"{{offer}}", "{{code}}", "{{ends}}.", "{{link}}"} & set(line.split())
    )
    warm = alive.replace("It means a lot to us.", "You made our day.")
    thanks = {"manual_payload": {"customer_segment": "past buyers", "email_goal": "thank"}}
    report, _, ctx = filled.run(thanks, guardian=guardian(warm))
    assert ctx.started[0][1]["creator_id_or_brand_id"] == "brand-1"
    assert report["voice"]["state"] == "repair" and report["voice"]["repair"]["score_after"] == 0.7
    assert "You made our day" in ctx.questions[0]["body"] and "You made our day" not in ctx.outbox[0].payload["text"]
    filled.later(days=2)
    report, _, ctx = filled.run({**thanks, "voice_gate": "require"}, guardian=guardian(warm))
    assert report["voice"]["repair_used"] and "You made our day" in ctx.outbox[0].payload["text"]


@pytest.mark.parametrize("answer", [None, {}, {"authenticity_score": {"not_computed": "3 texts of 20"}}])
def test_a_voice_nobody_can_judge_is_said_and_blocks_only_where_it_is_required(filled: Shop, answer: Any) -> None:
    filled.brand = brand()
    report = filled.run(WIN, guardian=answer)[0]
    assert report["status"] == "sent" and "not_computed" in report["voice"]["score"]
    filled.later(days=2)
    report, _, ctx = filled.run({**WIN, "voice_gate": "require"}, guardian=answer)
    assert report["status"] == "refused" and not ctx.outbox and not ctx.questions


def test_a_repair_that_changes_a_figure_or_a_link_is_no_repair() -> None:
    text = "Save 10 % at https://a.example with {{code}}"
    assert unfaithful(text.replace("10", "20"), text) and unfaithful(text.replace("a.ex", "b.ex"), text)
    assert unfaithful("Save 10 % at https://a.example", text)
    assert best_repair(text, [{"text": text + "!", "score_before": 0.5, "score_after": 0.4}, 5, {"text": 7}]) is None


def test_offers_are_learned_and_can_be_drawn_again(shop: Shop) -> None:
    shop.run({"customers": customers(60), "orders": orders(60)}, task="take_in")
    two = [{"name": "good", "text": "Free shipping"}, {"name": "bad", "text": "A sticker", "code": "STICK"}]
    report, _, ctx = shop.run({"manual_payload": {**WIN["manual_payload"], "offers": two}})
    shown = report["offers"]
    arms = {row.data["email"]: row.data["arm"] for row in shop.records.rows["sends"].values()}
    assert set(arms.values()) == {"good", "bad"} and sum(shown["shown_to"].values()) == 60
    known = {"seed": shown["seed"], "batch": shown["batch"], "arms": {"good": [1.0, 1.0], "bad": [1.0, 1.0]}}
    assert all(offers.choose(known, ["good", "bad"], email) == arm for email, arm in arms.items())
    stick = next(item for item in ctx.outbox if arms[item.target] == "bad")
    assert "Your code: STICK" in stick.payload["text"]
    for email, arm in arms.items():
        if arm == "good":
            shop.mail_event("clicked", email)
    shop.later(hours=80)
    swept = shop.run(task="send_pending")[0]["swept"]
    assert swept["offers_settled"] == list(arms.values()).count("bad")
    learned = shop.records.get("state", "offers:win_back:past buyers").data["arms"]
    assert learned["good"] == [1.0 + list(arms.values()).count("good"), 1.0] and learned["bad"][0] == 1.0
    shop.later(hours=24)
    assert shop.run(task="send_pending")[0]["swept"]["offers_settled"] == 0
    shop.later(days=3)
    again = shop.run({"manual_payload": {**WIN["manual_payload"], "offers": two}})[0]["offers"]["shown_to"]
    assert sum(again.values()) == 60 and again["good"] > 50


def row(**more: Any) -> Any:
    return {**sequence.enrolled("c", "a@example.com", "s", "t", "2026-11-20T12:00:00Z"), **more}


STEPS = [
    {"delay_hours": 0, "condition": "always"},
    {"delay_hours": 24, "condition": "opened"},
    {"delay_hours": 48, "condition": "not_clicked"},
]


@pytest.mark.parametrize(
    ("heard", "hours", "state", "step"),
    [
        ([], 23, "sent", 0),
        (["opened"], 23, "sent", 0),
        (["opened"], 25, "due", 1),
        ([], 25, "sent", 0),
        ([], 49, "due", 2),
        (["clicked"], 25, "due", 1),
    ],
)
def test_the_next_step_waits_for_its_time_and_its_condition(
    heard: list[str], hours: int, state: str, step: int
) -> None:
    from ionflux_agents.email_wizard.times import later

    at = "2026-11-20T12:00:00Z"
    stands = sequence.mailed(row(), at)
    for fact in heard:
        stands = sequence.hears(stands, fact, at)
    found = sequence.advanced(stands, STEPS, later(at, hours=hours))
    assert (found["state"], found["step"]) == (state, step)


def test_what_has_ended_stays_ended() -> None:
    done = sequence.ended(row(), "bought")
    assert sequence.ended(done, "unsubscribed")["reason"] == "bought"
    assert sequence.held(done, "x")["state"] == sequence.restored(done, "x")["state"] == "ended"
    assert (
        sequence.advanced(sequence.mailed(row(step=2), "2026-11-20T12:00:00Z"), STEPS, "2027")["reason"] == "completed"
    )


def test_the_plan_rises_only_on_good_days_and_ends() -> None:
    from datetime import date

    caps, start, limits = (10, 20, 40), date(2026, 11, 1), (0.02, 0.001)

    def cap(today: str, **days: dict[str, int]) -> int | None:
        named = {f"2026-11-{day[1:]}": counts for day, counts in days.items()}
        return warmup.plan(f"2026-11-{today}", start, caps, named, limits).cap

    assert cap("01") == 10 and cap("05") == 10
    assert cap("02", d01={"sent": 10}) == 20
    assert cap("03", d01={"sent": 10}, d02={"sent": 20, "complained": 1}) == 10
    assert cap("04", d01={"sent": 10}, d02={"sent": 20}, d03={"sent": 40}) is None
    assert warmup.plan("2026-10-30", start, caps, {}, limits).cap == 0
    assert warmup.usual_caps()[:4] == (50, 80, 110, 170) and warmup.usual_caps()[-1] == 20_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Hello {{first_name}},", "Hello,"),
        ("Dear {{first_name}},", "Hello,"),
        ("Olá {{ first_name }}!", "Olá!"),
        ("{{first_name}}, we would be glad to see you again", "We would be glad to see you again"),
        ("Anything we can help with, {{first_name}}?", "Anything we can help with?"),
        ("Thank you, {{first_name}}", "Thank you"),
    ],
)
def test_somebody_without_a_name_is_called_by_none(line: str, said: str) -> None:
    made = mail(FRAME, {"subject": line, "text": f"{line}\n\nA gift for {{{{first_name}}}}.\n\nbye"}, {"first": ""})
    assert made["subject"] == said and made["text"].startswith(f"{said}\n\nbye\n\n-- ")
    assert mail(FRAME, {"subject": "News for {{first_name}}", "text": "x"}, {})["subject"] == "A note from Little Shop"


@pytest.mark.parametrize(("goal", "needed"), [("launch", "product"), ("short_offer", "offer"), ("update", "about")])
def test_a_built_in_mail_that_would_say_nothing_stays_until_a_person_writes_it(
    filled: Shop, goal: str, needed: str
) -> None:
    from ionflux_core.sdk import Decision

    wish = {"customer_segment": "past buyers", "email_goal": goal}
    report, _, ctx = filled.run({"manual_payload": wish})
    assert report["status"] == "refused" and needed in report["summary"] and not ctx.outbox
    edited = {
        key: "Our shop has moved to High Street." for key in ("text", "text_2") if key in ctx.questions[0]["editable"]
    }
    assert (
        filled.run({"manual_payload": wish}, decisions=[Decision(True, by="Ana", edits=edited)])[0]["status"] == "sent"
    )


def test_the_question_shows_the_mail_as_it_will_read(filled: Shop) -> None:
    product = {"title": "Linen shirt", "price": "59.00 USD"}
    wish = {"customer_segment": "past buyers", "email_goal": "launch", "product": product}
    asked = filled.run({"manual_payload": wish})[2].questions[0]
    assert "New at Little Shop: Linen shirt" in asked["title"] and "{{product}}" in asked["data"]["text"]
    assert "new at Little Shop: Linen shirt." in asked["body"] and "{{offer}}" not in asked["body"]


@pytest.mark.parametrize("goal", ["thank", "win back"])
def test_nobody_is_thanked_for_an_order_that_is_not_known(filled: Shop, goal: str) -> None:
    filled.run({"customers": [{"email": "new@example.com", "consent": True}]}, task="take_in")
    wish = {"customer_segment": "everybody", "email_goal": goal}
    report, _, ctx = filled.run({"manual_payload": wish})
    assert report["status"] == "refused" and "none is known of 1 of its readers" in report["summary"]
    assert not ctx.outbox
    report = filled.run({"manual_payload": {**wish, "customer_segment": "past buyers"}})[0]
    assert report["status"] == "sent" and report["counts"] == {"sent": 10}


def test_half_an_emoji_is_no_part_of_a_name_or_an_address() -> None:
    assert read_name("Ana\ud83d")[0] == "Ana"
    assert read_address("ana\ud83d@example.com").problem
