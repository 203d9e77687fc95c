"""The form of a brief: which sections in which order under which headings, built in or from a prompt of the library."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ionflux_core.sdk import Context, Invalid

from .messages import fold

SECTIONS = ("about", "decisions", "actions", "questions", "blockers", "postponed", "answered", "threads")
HEADINGS = {
    "en": {
        "about": "What it was about",
        "decisions": "Decisions",
        "actions": "Actions",
        "questions": "Open questions",
        "blockers": "Blockers",
        "postponed": "Postponed",
        "answered": "Answered",
        "threads": "Long without a conclusion",
    },
    "pt": {
        "about": "Do que se tratou",
        "decisions": "Decisões",
        "actions": "Ações",
        "questions": "Perguntas em aberto",
        "blockers": "Bloqueios",
        "postponed": "Adiado",
        "answered": "Respondidas",
        "threads": "Longas e sem conclusão",
    },
}
BUILT_IN = {
    "standard": SECTIONS,
    "governance": ("decisions", "postponed", "blockers", "actions"),
    "short": ("decisions", "actions"),
    "questions": ("questions", "blockers", "answered"),
}
"""Templates by name; `governance` is what a planning thread is read for."""

_WORDS = {
    "about": "about summary overview resumo tema",
    "decisions": "decision decisions decided confirmed decisoes decidido confirmado",
    "actions": "action actions todo tasks owners acoes tarefas responsaveis",
    "questions": "question questions open perguntas aberto duvidas",
    "blockers": "blocker blockers blocked bloqueios bloqueado impedimentos",
    "postponed": "postponed later deferred adiado depois",
    "answered": "answered answers respondidas respostas",
    "threads": "threads conversas",
}
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}|\[\[\s*(\w+)\s*\]\]")
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a template: a section under a heading, or words of the template itself."""

    section: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A template's name and its parts in order."""

    name: str
    parts: tuple[Part, ...]

    def has(self, section: str) -> bool:
        """Whether a brief of this form shows a section."""
        return any(part.section == section for part in self.parts)


def template_of(ctx: Context, id: str, language: str) -> Template:
    """A built-in template by its name, or the prompt of the library with this id; Invalid when it names no section."""
    name = id or "standard"
    if name in BUILT_IN:
        return Template(name, tuple(Part(section, HEADINGS[language][section]) for section in BUILT_IN[name]))
    return parsed(name, ctx.prompt(name))


def parsed(name: str, text: str) -> Template:
    """A template from text: a line with [[decisions]] places a section, and so does a heading that names one."""
    parts: list[Part] = []
    heading = ""
    for line in text[:_LONGEST].splitlines():
        place = _PLACE.search(line)
        section = (place[1] or place[2]) if place else None
        if section in SECTIONS:
            before = _PLACE.sub("", line).strip("#: \t")
            parts.append(Part(section, before or heading))
            heading = ""
        elif line.lstrip().startswith("#") or (line.strip() and _section_named(line) and len(line) < 60):
            heading = _as_section(parts, heading, line)
        elif line.strip():
            parts.append(Part(None, f"## {heading}\n\n{line}" if heading else line))
            heading = ""
    if not any(part.section for part in parts):
        raise Invalid(
            "The template names no section of a brief.",
            hint="Write headings such as `## Decisions`, or place [[decisions]], [[actions]] ... in it.",
            code="template_without_sections",
        )
    return Template(name, tuple(parts))


def _as_section(parts: list[Part], heading: str, line: str) -> str:
    """Take a heading: one that names a section places it, any other waits for what comes below it."""
    if heading:
        parts.append(Part(None, f"## {heading}"))
    title = line.strip("#-*: \t")
    section = _section_named(line)
    if section is None:
        return title
    parts.append(Part(section, title))
    return ""


def _section_named(line: str) -> str | None:
    words = set(re.findall(r"[a-z]+", fold(line)))
    return next((section for section in SECTIONS if words & set(_WORDS[section].split())), None)
