"""Pasted transcripts as messages: `Name: words`, `[10:32] Name: words`, or a name with its time on its own line."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from .messages import Spoken, spoken

MOST_LINES = 60_000
_TIME = r"(?P<h>\d{1,2}):(?P<m>\d{2})(?::\d{2})?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
_DATE = r"(?:(?P<date>\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}),?[ T]+)?"
_NAME = r"(?P<name>@?[^\W\d_][^:\n\[\]<>{}\"]{0,39}?)"
_FORMS = (
    re.compile(rf"^\[{_DATE}{_TIME}\]\s*{_NAME}\s?:\s(?P<text>.*)$"),
    re.compile(rf"^{_DATE}{_TIME}\s*[-–—|]\s*{_NAME}\s?:\s(?P<text>.*)$"),
    re.compile(rf"^{_DATE}{_TIME}\s+{_NAME}\s?:\s(?P<text>.*)$"),
    re.compile(rf"^{_NAME}\s*\[{_TIME}\]\s?:?\s(?P<text>.*)$"),
    re.compile(rf"^{_NAME}(?:\s{{2,}}|\t|\s+APP\s+)(?:today at |yesterday at )?{_TIME}\s*$", re.IGNORECASE),
)
_PLAIN = re.compile(rf"^{_NAME}\s?:(?:\s(?P<text>.*)|$)")
_LABELS = frozenset(
    [
        "action",
        "actions",
        "agenda",
        "answer",
        "attention",
        "cc",
        "conclusion",
        "decision",
        "decisions",
        "deadline",
        "due",
        "error",
        "example",
        "fact",
        "from",
        "fwd",
        "hint",
        "http",
        "https",
        "idea",
        "important",
        "info",
        "input",
        "link",
        "next",
        "note",
        "notes",
        "option",
        "output",
        "outcome",
        "owner",
        "ps",
        "question",
        "re",
        "reason",
        "result",
        "status",
        "subject",
        "summary",
        "task",
        "tasks",
        "time",
        "tip",
        "to",
        "todo",
        "topic",
        "update",
        "warning",
        "when",
        "where",
        "who",
        "why",
        "what",
        "acao",
        "acoes",
        "assunto",
        "atencao",
        "conclusao",
        "data",
        "de",
        "decisao",
        "decisoes",
        "exemplo",
        "ideia",
        "nota",
        "notas",
        "obs",
        "observacao",
        "para",
        "pauta",
        "pendencia",
        "prazo",
        "proximo",
        "quando",
        "resumo",
        "tarefa",
        "tarefas",
    ]
)
_JOINED = re.compile(
    r"^.{1,80} (?:joined|left|has joined|has left|entrou|saiu|was added|added \S+)\b.{0,60}$", re.IGNORECASE
)


def read_transcript(text: str, base: datetime, zone: ZoneInfo) -> tuple[list[Spoken], list[str]]:
    """The messages of a transcript, and what had to be assumed. Days and times it does not name are those of `base`."""
    found: list[tuple[str, datetime, bool, list[str]]] = []
    at, timed = base.astimezone(zone), False
    lines = text.splitlines()
    code = _code_lines(lines[:MOST_LINES])
    for number, line in enumerate(lines[:MOST_LINES]):
        head = None if number in code else _head(line)
        if head is None:
            if found and not _JOINED.match(line):
                found[-1][3].append(line)
            continue
        when = _moment(head, at, zone)
        timed, at = timed or when is not None, when or at
        found.append((head["name"].strip("@ "), at, timed, [_words_of(line, head)]))
    made = [
        spoken(str(number), when, name, "\n".join(words), timed=known)
        for number, (name, when, known, words) in enumerate(found, 1)
    ]
    notes = [] if timed or not made else [f"The transcript names no times; dates count from {at:%Y-%m-%d}."]
    if len(lines) > MOST_LINES:
        notes.append(f"Only the first {MOST_LINES:,} lines were read.")
    return made, notes


def _code_lines(lines: list[str]) -> set[int]:
    """The lines behind the first of a block of code: nobody speaks there. A fence that is never closed opens none."""
    fences = [number for number, line in enumerate(lines) if line.count("```") % 2]
    pairs = zip(fences[::2], fences[1::2], strict=False)
    return {number for begins, ends in pairs for number in range(begins + 1, ends + 1)}


def _head(line: str) -> re.Match[str] | None:
    """How a message begins, or None for a line that goes on with the one before."""
    if len(line) > 20_000:
        line = line[:20_000]
    for form in _FORMS:
        found = form.match(line)
        if found:
            return found
    found = _PLAIN.match(line)
    if found is None:
        return None
    name = found["name"].strip("@ ")
    words = name.split()
    named = len(words) <= 4 and words[0].casefold() not in _LABELS and (name[:1].isupper() or line.startswith("@"))
    return found if named or (name.isalpha() and not name.isascii()) else None


def _words_of(line: str, head: re.Match[str]) -> str:
    """What stands behind the name, whole: of a very long line only its beginning was looked at for a name."""
    return line[head.start("text") :] if head.groupdict().get("text") else ""


def _moment(head: re.Match[str], at: datetime, zone: ZoneInfo) -> datetime | None:
    parts = head.groupdict()
    if not parts.get("h"):
        return None
    hour, minute = int(parts["h"]), int(parts["m"])
    if parts.get("half"):
        hour = hour % 12 + (12 if parts["half"].lower() == "p" else 0)
    if hour > 23 or minute > 59:
        return None
    day = _day(parts.get("date"))
    moment = datetime.combine(day or at.date(), time(hour, minute), zone)
    if day is None and moment < at - timedelta(hours=12):
        # The clock went past midnight between two lines.
        moment += timedelta(days=1)
    return moment


def _day(text: str | None) -> datetime | None:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d/%m/%y", "%d.%m.%y", "%m/%d/%Y", "%m/%d/%y"):
        try:
            return datetime.strptime(text or "", form)
        except ValueError:
            continue
    return None
