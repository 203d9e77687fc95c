"""From a draft and one person to a mail: variables filled in one pass, everything from outside escaped."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from .addresses import one_line
from .settings import Settings, Unsubscribe
from .templates import PLAIN_SUBJECT

_PLACE = re.compile(r"\{\{ ?([a-z_]{1,40}) ?\}\}")
_BLANKS = re.compile(r"\n{3,}")
_URL = re.compile(r"https?://[^\s<>\"']+")
VARIABLES = (
    "first_name", "last_name", "brand", "product", "price", "about", "benefits",
    "offer", "code", "ends", "action", "link",
)  # fmt: skip
LOOK = "Have a look"
_NAME = r"\{\{ ?first_name ?\}\}"
_BEFORE = re.compile(rf"^{_NAME}[ \t]*[,!:][ \t]*(?=\S)")
_CALLED = re.compile(rf",[ \t]*{_NAME}(?=[ \t]*(?:[.!?,;:]|$))")
_GREETED = re.compile(rf"^([^\W\d_]+(?: [^\W\d_]+)?)[ \t]+{_NAME}(?=[ \t]*[,.!:]?[ \t]*$)")
_GREETINGS = frozenset(
    {
        "hello", "hi", "hey", "welcome", "thanks", "thank you", "good morning", "good evening",
        "olá", "oi", "bom dia", "boa tarde", "obrigado", "obrigada",
    }
)  # fmt: skip
# These want a name behind them.
_INSTEAD = {"dear": "Hello", "caro": "Olá", "cara": "Olá", "prezado": "Olá", "prezada": "Olá"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all mails of a campaign share."""

    values: Mapping[str, str]
    unsubscribe: Unsubscribe | None
    campaign: str
    brand: str
    postal: str
    accent: str
    sender: Mapping[str, str]


def frame_of(settings: Settings, campaign: Mapping[str, Any]) -> Frame:
    """The frame of a stored campaign under the settings of this run."""
    sender = {"from_name": settings.from_name, "from_address": settings.from_address, "reply_to": settings.reply_to}
    return Frame(
        values=dict(campaign["values"]),
        unsubscribe=settings.unsubscribe,
        campaign=str(campaign["id"]),
        brand=str(campaign["values"]["brand"]),
        postal=settings.postal_address,
        accent=str(campaign.get("accent") or "#1f4f7a"),
        sender={key: value for key, value in sender.items() if value},
    )


def mails_in_words(count: int) -> str:
    """`1 mail`, `2 mails`."""
    return f"{count:,} mail{'' if count == 1 else 's'}"


def places(text: str) -> set[str]:
    """The variables a text names."""
    return set(_PLACE.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables in place; a line that names an empty one is left out.

    One pass: what looks like a variable inside a value stays text.
    """
    kept = []
    for line in text.replace("\r\n", "\n").split("\n"):
        named = _PLACE.findall(line)
        if not named:
            kept.append(line)
        elif all(values.get(name) for name in named):
            kept.append(_PLACE.sub(lambda found: values[found[1]], line))
    return _BLANKS.sub("\n\n", "\n".join(kept)).strip()


def nameless(text: str) -> str:
    """The text for somebody whose first name nobody knows: said without a name where a line still reads well so."""
    return "\n".join(_without_name(line) for line in text.split("\n"))


def _without_name(line: str) -> str:
    if greeted := _GREETED.match(line):
        word = greeted[1].lower()
        if word in _INSTEAD or word in _GREETINGS:
            return _INSTEAD.get(word, greeted[1]) + line[greeted.end() :]
    plain = _CALLED.sub("", _BEFORE.sub("", line))
    return plain[:1].upper() + plain[1:] if _BEFORE.match(line) else plain


def living_lines(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables, without the lines that will be left out."""
    kept = [line for line in text.split("\n") if all(values.get(name) for name in _PLACE.findall(line))]
    return _BLANKS.sub("\n\n", "\n".join(kept)).strip()


def open_values(values: Mapping[str, str], *, offered: bool) -> dict[str, str]:
    """The values of a campaign, with the names of those that each mail fills for itself in their places."""
    each = ("first_name", "last_name", *(("offer", "code", "link") if offered else ()))
    found = {**values, "action": values.get("action") or LOOK}
    return found | {name: found.get(name) or f"{{{{{name}}}}}" for name in each}


def shown_steps(campaign: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mails as they will read, with the reader's name and what is drawn for each reader still open."""
    values = open_values(campaign["values"], offered=bool(campaign["offers"]))
    return [
        {**step, "subject": fill_subject(str(step["subject"]), values), "text": fill(str(step["text"]), values)}
        for step in campaign["steps"]
    ]


def fill_subject(text: str, values: Mapping[str, str]) -> str:
    """The subject on one line; the plain one where a variable of it is empty."""
    whole = all(values.get(name) for name in _PLACE.findall(text))
    return one_line(fill(text if whole else PLAIN_SUBJECT, values))


def values_for(frame: Frame, person: Mapping[str, str], offer: Mapping[str, str] | None) -> dict[str, str]:
    """The variables of one mail."""
    values = {**dict.fromkeys(VARIABLES, ""), **frame.values}
    values["first_name"] = person.get("first") or ""
    values["last_name"] = person.get("last") or ""
    values["action"] = values["action"] or LOOK
    if offer:
        values |= {"offer": offer["text"], "code": offer.get("code", "")}
        values["link"] = offer.get("link") or values["link"]
    return values


def token_of(salt: str, email: str) -> str:
    """What stands for a recipient in an unsubscribe link: nobody can work out another person's."""
    return hashlib.sha256(f"{salt}:{email}".encode()).hexdigest()[:24]


def leave_link(way: Unsubscribe | None, campaign: str, token: str) -> str:
    """Where a reader leaves the list; empty when no way is set."""
    if way is None:
        return ""
    if way.kind == "mailto":
        return f"mailto:{way.value}?subject={quote(f'unsubscribe {campaign}.{token}')}"
    return f"{way.value}{'&' if '?' in way.value else '?'}{urlencode({'m': campaign, 'r': token})}"


def footer(frame: Frame, link: str) -> str:
    """Who writes, and how to leave."""
    lines = [f"You get this mail because your address is on the list of {frame.brand}."]
    lines += [frame.postal] if frame.postal else []
    lines += [f"Unsubscribe: {link}"] if link else []
    return "\n".join(lines)


def as_html(body: str, foot: str, accent: str) -> str:
    """The plain text as simple HTML: everything escaped, web addresses as links, one column."""
    parts = "".join(f"<p>{_linked(part, accent)}</p>" for part in body.split("\n\n") if part.strip())
    return (
        '<!doctype html><html><body style="margin:0;background:#f6f6f4"><div style="max-width:560px;margin:0 auto;'
        'padding:24px;background:#ffffff;font-family:Georgia,serif;font-size:16px;line-height:1.5;color:#222222">'
        f'{parts}<hr style="border:0;border-top:1px solid #dddddd"><p style="font-size:12px;color:#666666">'
        f"{_linked(foot, '#666666')}</p></div></body></html>"
    )


def _linked(text: str, colour: str) -> str:
    out, at = [], 0
    for found in _URL.finditer(text):
        url = found[0].rstrip(".,;:!?)")
        out.append(html.escape(text[at : found.start()]))
        safe = html.escape(url, quote=True)
        out.append(f'<a href="{safe}" style="color:{colour}">{safe}</a>')
        at = found.start() + len(url)
    out.append(html.escape(text[at:]))
    return "".join(out).replace("\n", "<br>")


def mail(
    frame: Frame, step: Mapping[str, Any], person: Mapping[str, str], offer: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The payload of an `email` effect for one person."""
    values = values_for(frame, person, offer)
    link = leave_link(frame.unsubscribe, frame.campaign, person.get("token", ""))
    text, title = str(step["text"]), (offer or {}).get("subject") or str(step["subject"])
    if not values["first_name"]:
        text, title = nameless(text), nameless(title)
    body, foot = fill(text, values), footer(frame, link)
    subject = fill_subject(title, values)
    payload: dict[str, Any] = {
        "subject": subject,
        "text": f"{body}\n\n-- \n{foot}\n",
        "html": as_html(body, foot, frame.accent),
        **frame.sender,
    }
    return payload | ({"list_unsubscribe": link} if link else {})
