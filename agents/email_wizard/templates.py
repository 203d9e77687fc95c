"""Built-in mails by goal, plain and decent. A line whose variable is empty is left out of the mail.

No line claims anything that is not given: no scarcity, no praise by others, no figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .sequence import Step

_CLOSE: Final = "Warm regards\n{{brand}}"
_OFFER: Final = "{{offer}}\n\nYour code: {{code}}\n\nThis ends {{ends}}."
_ABOUT: Final = "{{about}}\n\nIn short: {{benefits}}."
_LOOK: Final = "{{action}}: {{link}}"
# A subject whose variable is empty gives way to this one.
PLAIN_SUBJECT: Final = "A note from {{brand}}"


def _step(subject: str, *parts: str, hours: float = 0, condition: str = "always") -> Step:
    text = "\n\n".join(["Hello {{first_name}},", *parts, _CLOSE])
    return Step(delay_hours=hours, condition=condition, subject=subject, text=text)  # type: ignore[typeddict-item]


GOALS: Final[dict[str, list[Step]]] = {
    "win_back": [
        _step(
            "{{first_name}}, we would be glad to see you again",
            "you have been a customer of {{brand}}, and we would be glad to see you again.",
            "You may like {{product}}.",
            "It costs {{price}}.",
            _OFFER,
            _LOOK,
        ),
        _step(
            "Anything we can help with, {{first_name}}?",
            "we wrote to you a few days ago and do not want to fill your inbox, so this is the last mail about it.",
            "If something was not right with your last order, simply answer this mail. A person reads it.",
            "You may still like {{product}}.",
            _OFFER,
            _LOOK,
            hours=96,
            condition="not_clicked",
        ),
    ],
    "thank": [
        _step(
            "Thank you, {{first_name}}",
            "thank you for your order at {{brand}}. It means a lot to us.",
            "If anything is not as it should be, answer this mail and we will put it right.",
            _OFFER,
            _LOOK,
        ),
    ],
    "launch": [
        _step(
            "New at {{brand}}: {{product}}",
            "there is something new at {{brand}}: {{product}}.",
            "It costs {{price}}.",
            _ABOUT,
            _OFFER,
            _LOOK,
        ),
        _step(
            "In case you missed it: {{product}}",
            "a few days ago we wrote to you about {{product}}, which is new at {{brand}}.",
            _ABOUT,
            _LOOK,
            hours=120,
            condition="not_opened",
        ),
    ],
    "product": [
        _step(
            "{{product}}, from {{brand}}",
            "today we would like to show you {{product}}.",
            "It costs {{price}}.",
            _ABOUT,
            _OFFER,
            _LOOK,
        ),
    ],
    "short_offer": [
        _step(
            "{{first_name}}, a short offer from {{brand}}",
            "this is a short offer from {{brand}}.",
            _OFFER,
            "It is for {{product}}.",
            "It costs {{price}}.",
            _ABOUT,
            _LOOK,
            "If this is not for you, just leave it; you need not do anything.",
        ),
    ],
    "update": [
        _step("{{first_name}}, a word from {{brand}}", _ABOUT, "This is about {{product}}.", _OFFER, _LOOK),
    ],
}

# The first goal one of whose words stands in what a person wrote; so `bring them back with a short offer` wins back.
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "win_back": ("win back", "win_back", "back", "lapsed", "return", "reactivate", "again", "volta", "reconquist"),
    "thank": ("thank", "thanks", "gratitude", "obrigad", "agradec"),
    "launch": ("launch", "new product", "announce", "introduc", "lança"),
    "short_offer": ("offer", "sale", "discount", "flash", "deal", "minutes", "oferta", "desconto", "promoç"),
    "product": ("promot", "recommend", "feature", "show", "present", "recomend", "apresent"),
}


# What a built-in mail is about; with none of these it would say nothing, or announce what is not there.
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "launch": ("product",),
    "product": ("product",),
    "short_offer": ("offer",),
    "update": ("about", "benefits", "product", "offer"),
}


def missing(text: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """What a built-in mail has to be given one of and was not; empty for words of somebody's own."""
    for goal, needed in NEEDS.items():
        if any(text == step["text"] for step in GOALS[goal]) and not any(values.get(name) for name in needed):
            return needed
    return ()


def presumes_an_order(text: str) -> bool:
    """Whether these are words of a built-in mail to somebody who has bought before."""
    return any(text == step["text"] for goal in ("thank", "win_back") for step in GOALS[goal])


def goal_of(wanted: str, *, has_product: bool) -> tuple[str, str]:
    """The built-in goal that fits what a person wrote, and why in words."""
    text = wanted.strip().lower()
    if text in GOALS:
        return text, f"The goal {text} was asked for."
    for goal, words in WORDS.items():
        word = next((word for word in words if word in text), None)
        if word:
            return goal, f"Goal {goal}, because the wish holds the word {word!r}."
    if has_product:
        return "product", "Goal product, because a product was given and the wish names no other goal."
    return "update", "Goal update, because the wish names no other goal."
