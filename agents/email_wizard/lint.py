"""What is looked at before a mail may leave: problems keep it back, warnings are told to the person who approves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ionflux_core.sdk import Brand

from .render import VARIABLES, Frame, leave_link, mail, places, values_for
from .templates import missing, presumes_an_order

MAX_BYTES = 100 * 1024
_PHRASES = (
    "act now", "click here", "100% free", "risk free", "risk-free", "guaranteed", "you have won", "winner",
    "once in a lifetime", "no obligation", "buy now", "urgent", "cash bonus", "double your", "miracle",
)  # fmt: skip
_SHORTENERS = ("bit.ly/", "tinyurl.com/", "t.co/", "goo.gl/", "is.gd/", "cutt.ly/", "ow.ly/")
_TAG = re.compile(r"<[^<>]{0,400}>")
_URL = re.compile(r"https?://[^\s<>\"']+")
_SOMEBODY = {"first": "Alexandra", "last": "Example", "token": "0" * 24}


def lint(
    frame: Frame, steps: list[Mapping[str, Any]], offers: list[dict[str, str]], brand: Brand | None,
    without_order: int = 0,
) -> dict[str, list[str]]:  # fmt: skip
    """{problems, warnings} of all mails of a sequence, each named by its mail; so many readers have never ordered."""
    problems: list[str] = []
    warnings: list[str] = []
    _sender(frame, problems, warnings)
    for number, step in enumerate(steps, 1):
        where = f"Mail {number}: " if len(steps) > 1 else ""
        if without_order and presumes_an_order(str(step["text"])):
            problems.append(
                f"{where}It speaks of an order, and none is known of {without_order} of its readers. Choose past "
                "buyers, or write its text."
            )
        for offer in offers or [{}]:
            found, doubts = _one(frame, step, offer or None, brand)
            problems += [where + each for each in found if where + each not in problems]
            warnings += [where + each for each in doubts if where + each not in warnings]
    return {"problems": problems, "warnings": warnings}


def _sender(frame: Frame, problems: list[str], warnings: list[str]) -> None:
    if frame.unsubscribe is None:
        problems.append(
            "There is no way to unsubscribe. Set unsubscribe_base_url to an https address or to mailto: and an address."
        )
    elif frame.unsubscribe.kind == "mailto":
        warnings.append("Unsubscribing goes by mail; one click (RFC 8058) needs an https address.")
    if not frame.postal:
        warnings.append("No postal address stands in the mail; many countries ask for one (postal_address).")


def _one(
    frame: Frame, step: Mapping[str, Any], offer: dict[str, str] | None, brand: Brand | None
) -> tuple[list[str], list[str]]:
    subject = str((offer or {}).get("subject") or step["subject"])
    strangers = sorted((places(str(step["text"])) | places(subject)) - set(VARIABLES))
    problems = [f"Unknown variable {{{{{name}}}}}; use one of {', '.join(VARIABLES)}." for name in strangers]
    if lacks := missing(str(step["text"]), values_for(frame, _SOMEBODY, offer)):
        problems.append(f"The mail would say nothing: give {' or '.join(lacks)}, or write its text.")
    made = mail(frame, step, _SOMEBODY, offer)
    text, page = made["text"], made["html"]
    body = text.partition("\n-- \n")[0].strip()
    size = len(text.encode()) + len(page.encode())
    if not made["subject"]:
        problems.append("The subject is empty.")
    if not body:
        problems.append("The plain text is empty; a line whose variable is empty is left out.")
    if frame.unsubscribe and made.get("list_unsubscribe") != leave_link(frame.unsubscribe, frame.campaign, "0" * 24):
        problems.append("The way to unsubscribe is missing from the mail.")
    if size > MAX_BYTES:
        problems.append(f"The mail is {size // 1024} KiB; above {MAX_BYTES // 1024} some readers cut it off.")
    if brand is not None and (words := brand.forbidden_in(f"{made['subject']}\n{body}")):
        problems.append(f"The brand never says: {', '.join(words[:10])}.")
    return problems, [*_subject(made["subject"]), *_body(body, page)]


def _subject(subject: str) -> list[str]:
    found = []
    if len(subject) > 60:
        found.append(f"The subject has {len(subject)} characters; above 60 many readers cut it.")
    if len(subject) < 5:
        found.append("The subject is very short.")
    if _shouting(subject):
        found.append("The subject is written in capitals.")
    if "!!" in subject or "$$" in subject or subject.count("!") > 1:
        found.append("The subject has more than one exclamation mark.")
    if subject.lower().startswith(("re:", "fwd:", "fw:")):
        found.append("The subject pretends to be an answer.")
    return found


def _body(body: str, page: str) -> list[str]:
    found = []
    words, links = len(body.split()), len(_URL.findall(body))
    shown = len(_TAG.sub("", page))
    if not links:
        found.append("There is no link, so nothing can be clicked.")
    if links > 3 and links * 30 > words:
        found.append(f"{links} links in {words} words are many.")
    if shown < len(page) * 0.15:
        found.append("The HTML is far larger than what it shows.")
    if _shouting(body):
        found.append("Much of the text is written in capitals.")
    lowered = body.lower()
    spammy = [phrase for phrase in _PHRASES if phrase in lowered]
    if spammy:
        found.append(f"Sounds like advertising mail: {', '.join(spammy[:5])}.")
    if any(name in lowered for name in _SHORTENERS):
        found.append("A shortened link hides where it leads.")
    return found


def _shouting(text: str) -> bool:
    words = [word for word in text.split() if sum(map(str.isalpha, word)) >= 3]
    loud = [word for word in words if word.isupper()]
    return len(loud) >= 2 and len(loud) * 3 >= len(words)
