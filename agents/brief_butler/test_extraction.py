"""What is read out of conversations: the labelled set, the worked fixture, dates, and what must not be found."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ionflux_core import yaml_text

_OURS = "ionflux_agents.brief_butler"
extract = import_module(f"{_OURS}.extract").extract
score = import_module(f"{_OURS}.score")
find_due = import_module(f"{_OURS}.dates").find_due
messages = import_module(f"{_OURS}.messages")
telling = import_module(f"{_OURS}.ranking").telling
THREADS = Path(__file__).parent / "threads"
MONDAY = date(2026, 11, 16)


def threads(half: str) -> list[dict[str, Any]]:
    loaded: Any = yaml_text.load((THREADS / f"{half}.yaml").read_text(encoding="utf-8"))
    return list(getattr(loaded, "data", loaded))


def read(*lines: str, zone: str = "UTC") -> list[Any]:
    return list(extract(score.messages_of({"messages": list(lines)}), ZoneInfo(zone)).items)


def brief(items: Iterable[Any]) -> list[tuple[Any, ...]]:
    return [(item.kind, item.messages[0], item.owner, item.due) for item in items]


@pytest.mark.parametrize(("half", "least"), [("development", 0.97), ("held_out", 0.9)])
def test_the_labelled_threads_are_read_as_well_as_the_figures_say(half: str, least: float) -> None:
    labelled = threads(half)
    assert len(labelled) >= 20 and len({each["id"] for each in labelled}) == len(labelled)
    found = score.scores(labelled)
    assert found["all"]["precision"] >= least and found["all"]["recall"] >= least
    assert found["owner_right_of_actions_found"] >= least and found["date_right_of_actions_found"] >= least


def test_the_split_of_two_projects_comes_out_exactly() -> None:
    items = read(
        "Alice: Hi team, we need to decide how to split our people between Phoenix and Eagle. Coffee anyone?",
        "Bob: Phoenix needs at least 60%, its deadline is sooner.",
        "Charlie: Eagle could manage with 40% for now.",
        "Alice: Okay, so we allocate 60% to Phoenix and 40% to Eagle. Agreed?",
        "Bob: Agreed.",
        "Charlie: Sounds good.",
        "Alice: Great. Bob, you will lead Phoenix. Charlie, you take Eagle. Please send me your plans by the end "
        "of next week.",
        "Dave: When is the Phoenix deadline exactly?",
        "Alice: December 15, Dave.",
        "Dave: Thanks! Did anyone see the game last night?",
        "Bob: haha yes",
    )
    assert brief(items) == [
        ("decision", "4", None, None),
        ("action", "7", "Bob", None),
        ("action", "7", "Charlie", None),
        ("action", "7", "Bob and Charlie", "2026-11-27"),
        ("answered", "8", None, None),
    ]
    assert "60% to Phoenix and 40% to Eagle" in items[0].text and set(items[0].messages) >= {"4", "5", "6"}
    assert "lead Phoenix" in items[1].text and "Eagle" in items[2].text
    assert items[4].answer == "December 15, Dave." and items[4].messages == ["8", "9"]


@pytest.mark.parametrize(
    "line",
    [
        "Ana: What if we decided to close the shop?",
        "Ana: Let's all quit and open a bar 😂",
        'Ana: They wrote "we decided to leave" in the paper.',
        "Ana: > We have decided to cancel.\n> Please pay by Friday.",
        "Ana: ```we decided\nBob will fix it by Friday```",
        "Ana: Last year we decided to leave Italy.",
        "Ana: We haven't decided anything yet.",
        "Ana: I'll see you at lunch.",
        "Ana: If we had time we would fix it.",
        "Ana: No blockers.",
        "Ana: Ainda não decidimos nada.",
        "Ana: Imagina se a gente resolvesse fechar a loja",
        "Ana: 🎉🎉🎉",
        "Ana: How are you?",
    ],
)
def test_what_is_supposed_joked_quoted_or_small_talk_is_nothing(line: str) -> None:
    assert read(line) == []


def test_a_decision_that_is_taken_back_is_not_listed() -> None:
    items = read("Ana: We decided to paint it blue.", "Ben: Scratch that, we're going with brown.")
    assert [(item.kind, item.messages[0]) for item in items] == [("decision", "2")]


def test_a_joke_takes_back_the_promise_before_it() -> None:
    assert read("Ana: I'll fix the roof tomorrow.", "Ana: just kidding") == []


def test_who_declines_does_not_own_and_who_accepts_does() -> None:
    declined = read("Ana: Bob, can you call the bank today?", "Bob: Sorry, no time.", "Cy: I'll call them tomorrow.")
    assert brief(declined) == [("action", "3", "Cy", "2026-11-17")]
    accepted = read("Ana: Can someone call the bank by Friday?", "Cy: Hm.", "Bob: On it.")
    assert brief(accepted) == [("action", "1", "Bob", "2026-11-20")]


def test_an_unknown_owner_or_date_stays_unknown() -> None:
    (item,) = read("Ana: Someone needs to order the flyers.", "Bob: True.", "Cy: Yes.")
    assert (item.owner, item.due, item.due_words) == (None, None, "")
    (unclear,) = read("Ana: I'll send the offer by 3/4.")
    assert (unclear.owner, unclear.due, unclear.due_words) == ("Ana", None, "by 3/4")


def test_what_was_done_in_the_chat_is_done() -> None:
    (item,) = read("Ana: Bob, please send the invoice.", "Bob: Done!")
    assert (item.owner, item.done) == ("Bob", True)


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("by Friday", "2026-11-20"), ("next Friday", "2026-11-27"), ("tomorrow", "2026-11-17"), ("EOD", "2026-11-16"),
        ("by the end of next week", "2026-11-27"), ("in two weeks", "2026-11-30"), ("before 1 December", "2026-12-01"),
        ("March 15", "2027-03-15"), ("2026-12-24", "2026-12-24"), ("the 26th", "2026-11-26"), ("25/12", "2026-12-25"),
        ("até sexta-feira", "2026-11-20"), ("segunda que vem", "2026-11-23"), ("amanhã cedo", "2026-11-17"),
        ("até o fim do mês", "2026-11-30"), ("depois de amanhã", "2026-11-18"), ("dia 15", "2026-12-15"),
        ("15 de março", "2027-03-15"), ("até 05/12", "2026-12-05"), ("daqui a 3 dias", "2026-11-19"),
        ("no sábado", "2026-11-21"), ("na segunda versão", None), ("we sat down", None), ("29 February", None),
    ],
)  # fmt: skip
def test_due_phrases_become_days(words: str, day: str | None) -> None:
    portuguese = any(part in words for part in ("até", "de ", "dia", "amanhã", "segunda", "no "))
    due = find_due(messages.fold(words), MONDAY, portuguese=portuguese)
    assert (due.day.isoformat() if due and due.day else None) == day


def test_a_due_date_counts_from_the_day_in_the_workspace() -> None:
    late = messages.spoken("1", datetime(2026, 11, 17, 2, 0, tzinfo=UTC), "Ana", "I'll send it tomorrow.")
    days = {
        zone: extract([late], ZoneInfo(zone)).items[0].due for zone in ("UTC", "America/Sao_Paulo", "Pacific/Auckland")
    }
    assert days == {"UTC": "2026-11-18", "America/Sao_Paulo": "2026-11-17", "Pacific/Auckland": "2026-11-18"}


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000, "I'll " * 200_000,
         "(" * 100_000, "@" * 100_000, "?" * 100_000, "\u202e אני אשלח מחר\u202c " * 1000,
        "```" * 50_000, ">" * 50_000, '"' * 100_000, "1." * 100_000, "we decided " * 50_000, "\n" * 200_000,
        "e eu vou " * 50_000,
        "0/" * 100_000, "até até até " * 20_000, "\x00\ud83d" * 1000,
    ],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    began = time.perf_counter()
    extract([messages.spoken("1", datetime(2026, 11, 16, tzinfo=UTC), "Ana", text)], ZoneInfo("UTC"))
    assert time.perf_counter() - began < 2


def test_right_to_left_and_mixed_languages_are_read_beside_each_other() -> None:
    items = read(
        "Ana: שלום לכולם", "Ben: Ok, vou enviar the contract amanhã.", "Ana: Fechado, let's use the new printer."
    )
    assert brief(items)[0] == ("action", "2", "Ben", "2026-11-17")
    assert [item.kind for item in items] == ["action", "decision"]


@pytest.mark.parametrize(
    "line",
    [
        "Ana: Hemos decidido ir con el proveedor B.", "Ana: Wir haben entschieden, das nicht zu nehmen.",
        "Ana: Nous avons décidé, le contrat est chez vous.", "דנה: החלטנו לעבור לספק החדש",
    ],
)  # fmt: skip
def test_what_is_in_another_language_is_counted_as_not_understood(line: str) -> None:
    said = score.messages_of({"messages": [line, "Ben: Ok, vou enviar the contract amanhã."]})
    assert extract(said, ZoneInfo("UTC")).foreign == 1


def test_english_and_portuguese_are_never_called_foreign() -> None:
    for half in ("development", "held_out"):
        for thread in threads(half):
            assert extract(score.messages_of(thread), ZoneInfo("UTC")).foreign == 0, thread["id"]


def test_five_hundred_messages_take_less_than_two_seconds() -> None:
    said = score.messages_of(
        {"messages": [line for half in ("development", "held_out") for t in threads(half) for line in t["messages"]]}
    )
    many = [
        messages.spoken(str(number), said[number % len(said)].at + timedelta(minutes=number), each.sender, each.text)
        for number, each in enumerate((said * 4)[:500])
    ]
    began = time.perf_counter()
    read_ = extract(many, ZoneInfo("UTC"))
    telling(read_.clauses)
    assert time.perf_counter() - began < 2
    assert len(read_.items) > 50


def test_what_it_was_about_leaves_greetings_and_questions_out() -> None:
    said = score.messages_of(
        {
            "messages": [
                "Ana: Good morning everybody, how was the weekend in the mountains?",
                "Ana: The checkout of the shop fails for customers with Safari since the update.",
                "Ben: The Safari checkout fails because the payment button of the shop is hidden.",
                "Ana: Is the checkout button hidden for customers on phones as well?",
                "Ben: My cat says hello.",
            ]
        }
    )
    chosen = telling(extract(said, ZoneInfo("UTC")).clauses, 2)
    assert chosen and all("Safari" in clause.text for clause in chosen)
    assert telling([], 3) == []
