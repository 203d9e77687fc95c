"""The brief in Markdown: every line quotes, and names the messages it rests on. Words of others are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from .found import Item
from .messages import Spoken, escape
from .templates import Template

_MOST_LINES = 40
_MOST_SOURCES = 120
_WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "nobody": "owner not named",
        "no_date": "no date",
        "unclear": "date unclear",
        "due": "due",
        "asked": "asks",
        "answer": "Answer",
        "nothing": "Nothing was decided, promised or left open here.",
        "elsewhere": "Nothing for the sections of this form; the data of the run holds other items: {count}.",
        "sources": "Messages",
        "more": "{count} more stand in the data of the run.",
        "span": "{messages} by {people}, {when}.",
        "one": "1 message",
        "many": "{count} messages",
        "to": "to",
        "nobody_said": "No messages of people.",
        "state": {
            "confirmed": "confirmed", "in_progress": "accepted", "completed": "done", "cancelled": "dropped",
            "questioned": "questioned",
        },
    },
    "pt": {
        "nobody": "sem responsável",
        "no_date": "sem data",
        "unclear": "data incerta",
        "due": "até",
        "asked": "pergunta",
        "answer": "Resposta",
        "nothing": "Nada foi decidido, prometido ou deixado em aberto aqui.",
        "elsewhere": "Nada para as seções deste formato; os dados da execução têm outros itens: {count}.",
        "sources": "Mensagens",
        "more": "Mais {count} estão nos dados da execução.",
        "span": "{messages} de {people}, {when}.",
        "one": "1 mensagem",
        "many": "{count} mensagens",
        "to": "a",
        "nobody_said": "Nenhuma mensagem de pessoas.",
        "state": {
            "confirmed": "confirmado", "in_progress": "aceito", "completed": "feito", "cancelled": "descartado",
            "questioned": "questionado",
        },
    },
}  # fmt: skip
SECTION_OF = {
    "decision": "decisions",
    "action": "actions",
    "question": "questions",
    "answered": "answered",
    "blocker": "blockers",
    "postponed": "postponed",
}


class Citations:
    """Numbers the messages that lines rest on, in the order in which they are cited."""

    def __init__(self, messages: Sequence[Spoken], zone: ZoneInfo) -> None:
        self._messages = {each.id: each for each in messages}
        self._numbers: dict[str, int] = {}
        self._zone = zone

    def cite(self, ids: Iterable[str]) -> str:
        """The marks for messages, such as `[1](chat?...)`; plain `[1]` where there is nothing to open."""
        marks = []
        for id in ids:
            if id not in self._messages:
                continue
            number = self._numbers.setdefault(id, len(self._numbers) + 1)
            link = self._messages[id].link
            marks.append(f"[{number}]({link})" if link else f"\\[{number}\\]")
        return " ".join(marks)

    def sources(self) -> list[str]:
        """Who said what is cited, and when."""
        lines = []
        for id, number in list(self._numbers.items())[:_MOST_SOURCES]:
            said = self._messages[id]
            at = _when(said, self._zone)
            where = f" [{number}]({said.link})" if said.link else f" \\[{number}\\]"
            lines.append(f"-{where} {escape(said.sender, 60)}, {at}, `{_code(id)}`")
        return lines


def _when(said: Spoken, zone: ZoneInfo) -> str:
    """The moment of a message; the day alone where nobody said at what hour."""
    return said.at.astimezone(zone).strftime("%Y-%m-%d %H:%M" if said.timed else "%Y-%m-%d")


def _code(id: str) -> str:
    return "".join(letter for letter in id if letter.isalnum() or letter in ".-_:")[:60] or "?"


def write_brief(
    title: str,
    template: Template,
    language: str,
    sections: Mapping[str, Sequence[str]],
    *,
    span: str = "",
    notes: Iterable[str] = (),
    sources: Sequence[str] = (),
    items: int = 0,
) -> str:
    """The brief from its sections; empty ones are left out, and a brief without any says so. `items`: found in all."""
    words = _WORDS[language]
    blocks = [f"# {escape(title, 150)}"] + ([span] if span else [])
    told = False
    for part in template.parts:
        if part.section is None:
            blocks.append(part.text)
            continue
        lines = sections.get(part.section, ())
        if lines:
            told = True
            shown = [*lines[:_MOST_LINES], *_more(len(lines) - _MOST_LINES, words)]
            blocks.append((f"## {part.text}\n\n" if part.text else "") + "\n".join(shown))
    if not told:
        blocks.append(str(words["elsewhere"]).format(count=items) if items else str(words["nothing"]))
    blocks += [f"*{escape(note)}*" for note in notes]
    if sources and told:
        blocks.append(f"## {words['sources']}\n\n" + "\n".join(sources))
    return "\n\n".join(blocks) + "\n"


def _more(count: int, words: Mapping[str, Any]) -> list[str]:
    return [f"- {words['more'].format(count=count)}"] if count > 0 else []


def span_of(messages: Sequence[Spoken], people: Sequence[str], language: str, zone: ZoneInfo) -> str:
    """How much was said, by whom, from when to when."""
    words, said = _WORDS[language], [each for each in messages if not each.bot]
    if not said:
        return str(words["nobody_said"])
    first, last = (_when(each, zone) for each in _ends(said))
    when = first if first == last else f"{first} {words['to']} {last}"
    count = words["one"] if len(said) == 1 else words["many"].format(count=len(said))
    named = ", ".join(escape(name, 60) for name in people[:8]) + (f" (+{len(people) - 8})" if len(people) > 8 else "")
    return str(words["span"]).format(messages=count, people=named, when=when)


def _ends(said: Sequence[Spoken]) -> tuple[Spoken, Spoken]:
    return min(said, key=lambda each: each.at), max(said, key=lambda each: each.at)


def line_of(item: Item, citations: Citations, language: str, state: str = "open") -> str:
    """One item as a line: its words, who and when, its state, and its messages."""
    words = _WORDS[language]
    text = escape(item.wording or item.text)
    if item.kind == "action":
        facts = [f"**{escape(item.owner, 60)}**" if item.owner else str(words["nobody"]), due_words(item, language)]
        text = f"{facts[0]}: {text} ({facts[1]})"
    elif item.kind in ("question", "blocker"):
        text = f"{escape(item.speaker, 60)}: {text}"
    elif item.kind == "answered":
        text = f"{escape(item.speaker, 60)}: {text} — {words['answer']}: {escape(item.answer)}"
    known = words["state"].get(state)
    mark = f" **[{known}]**".replace("[", "\\[").replace("]", "\\]") if known else ""
    return f"- {text}{mark} {citations.cite(item.messages)}"


def due_words(item: Item, language: str) -> str:
    """When an action is due, as a line says it; that no date was named, or that it is unclear, is said too."""
    words = _WORDS[language]
    if item.due:
        return f"{words['due']} {item.due}"
    return f"{words['unclear']}: {escape(item.due_words, 60)}" if item.due_words else str(words["no_date"])


def sections_of(
    items: Sequence[Item],
    citations: Citations,
    language: str,
    states: Mapping[str, str],
    template: Template,
) -> dict[str, list[str]]:
    """The lines of the template's sections, actions by their date; messages are numbered as a reader meets them."""
    place = {part.section: number for number, part in enumerate(template.parts)}
    ordered = sorted(
        (item for item in items if SECTION_OF[item.kind] in place),
        key=lambda item: (place[SECTION_OF[item.kind]], (item.due or "9999") if item.kind == "action" else ""),
    )
    sections: dict[str, list[str]] = {}
    for item in ordered:
        line = line_of(item, citations, language, states.get(item.id, "open"))
        sections.setdefault(SECTION_OF[item.kind], []).append(line)
    return sections


def spoken_brief(title: str, items: Sequence[Item], language: str) -> str:
    """The brief as it is read aloud: the items alone, without marks and links."""
    words = _WORDS[language]
    said = [title + "."]
    for item in items:
        if item.kind == "answered":
            continue
        who = f"{item.owner or words['nobody']}: " if item.kind == "action" else ""
        when = f", {words['due']} {item.due}" if item.due else ""
        said.append(f"{_KINDS[language][item.kind]}. {who}{(item.wording or item.text)[:300]}{when}.")
    return "\n".join(said)


_KINDS = {
    "en": {
        "decision": "Decision", "action": "Action", "question": "Open question", "blocker": "Blocker",
        "postponed": "Postponed",
    },
    "pt": {
        "decision": "Decisão", "action": "Ação", "question": "Pergunta em aberto", "blocker": "Bloqueio",
        "postponed": "Adiado",
    },
}  # fmt: skip
