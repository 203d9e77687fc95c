"""Due phrases of English and Portuguese as days, with the time of the message as their base.

What a phrase means here: a bare or "this" weekday is the next one from the day it was said, that day included; "next
Friday", "sexta que vem" and "próxima sexta" lie in the following week; a week ends on its Friday.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Precision = Literal["day", "week", "month", "quarter", "unclear"]


@dataclass(frozen=True, slots=True)
class Due:
    """When something is due: the phrase as it stands, its last day, and how exactly that was said.

    `day` is None where a phrase can be read in two ways, such as 03/04 in English.
    """

    start: int
    end: int
    day: date | None
    precision: Precision = "day"


def _numbered(names: str, first: int) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), first)}


_DAYS = {
    **_numbered("mon tue wed thu fri sat sun", 0),
    **_numbered("seg ter qua qui sex sab dom", 0),
}
_MONTHS = {
    **_numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1),
    **_numbered("jan fev mar abr mai jun jul ago set out nov dez", 1),
}
_NUMBERS = {
    **_numbered("one two three four five six seven eight nine ten", 1),
    **_numbered("um dois tres quatro cinco seis sete oito nove dez", 1),
    **{"a": 1, "an": 1, "uma": 1, "duas": 2, "couple of": 2},
}
_EN_DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tues?|wed|thu(?:rs)?|fri)"
# "Na segunda versão" names no day.
_PT_DAY = (
    r"(?:(?:segunda|terca|quarta|quinta|sexta)(?:[- ]feira)?"
    r"(?! (?:versao|vez|parte|opcao|etapa|fase|linha|via|rodada))|sabado|domingo)"
)
_EN_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_PT_MONTH = (
    r"(?:janeiro|fevereiro|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro"
    r"|jan|fev|mar|abr|mai|jun|jul|ago|set|out|nov|dez)"
)
_COUNT = r"(?P<n>\d{1,3}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
Reader = Callable[[re.Match[str], date], tuple[date | None, Precision]]


def _friday(day: date) -> date:
    return day + timedelta(days=(4 - day.weekday()) % 7)


def _weekday(name: str) -> int:
    return _DAYS[name[:3]]


def _coming(found: re.Match[str], base: date) -> tuple[date | None, Precision]:
    return base + timedelta(days=(_weekday(found["day"]) - base.weekday()) % 7), "day"


def _following(found: re.Match[str], base: date) -> tuple[date | None, Precision]:
    return base + timedelta(days=7 - base.weekday() + _weekday(found["day"])), "day"


def _after(days: int) -> Reader:
    return lambda found, base: (base + timedelta(days=days), "day")


def _in_units(found: re.Match[str], base: date) -> tuple[date | None, Precision]:
    count = int(found["n"]) if found["n"].isdigit() else _NUMBERS[found["n"]]
    unit = found["unit"][0]
    if found["unit"].startswith(("mon", "mes")):
        return _month_later(base, count), "day"
    if unit == "h":
        return base + timedelta(days=count // 24), "day"
    return base + timedelta(days=count * (7 if unit in "ws" else 1)), "day"


def _month_later(base: date, count: int) -> date:
    months = base.year * 12 + base.month - 1 + count
    year, month = divmod(months, 12)
    return date(year, month + 1, min(base.day, calendar.monthrange(year, month + 1)[1]))


def _month_end(base: date, later: int = 0) -> date:
    first = _month_later(base.replace(day=1), later)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def _quarter_end(base: date) -> date:
    return _month_end(base.replace(day=1), (3 - base.month) % 3)


def _in_year(base: date, month: int, day: int, year: str | None) -> date | None:
    """A day of this year, or of the next one when it lies more than half a year back."""
    wanted = base.year if year is None else int(year) + (2000 if len(year) <= 2 else 0)
    try:
        found = date(wanted, month, day)
        if year is None and (base - found).days > 180:
            found = date(wanted + 1, month, day)
    except ValueError:
        return None
    return found


def _named_month(found: re.Match[str], base: date) -> tuple[date | None, Precision]:
    day = _in_year(base, _MONTHS[found["month"][:3]], int(found["d"]), found["y"])
    return day, "day" if day else "unclear"


def _iso(found: re.Match[str], base: date) -> tuple[date | None, Precision]:
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"])), "day"
    except ValueError:
        return None, "unclear"


def _slashes(found: re.Match[str], base: date, portuguese: bool) -> tuple[date | None, Precision]:
    one, two = int(found["a"]), int(found["b"])
    if one > 12 or portuguese or one == two:
        day = _in_year(base, two, one, found["y"])
    elif two > 12:
        day = _in_year(base, one, two, found["y"])
    else:
        day = None
    return day, "day" if day else "unclear"


_BY = (
    r"(?:(?:by|until|till|before|due|on|for|no later than|ate|antes (?:de|do|da)|para|pra|na|no|em)\s+"
    r"(?:the\s+|o\s+|a\s+)?)?"
)
_SLASH = re.compile(_BY + r"\b(?P<a>\d{1,2})/(?P<b>\d{1,2})(?:/(?P<y>\d{4}|\d{2}))?\b(?!/)")


def _rule(pattern: str, read: Reader) -> tuple[re.Pattern[str], Reader]:
    return re.compile(rf"(?<![\w-]){_BY}(?:{pattern})(?![\w-])"), read


_END = r"(?:the )?(?:end|close)(?: of)?|o?\s?fim|o?\s?final"
_RULES: tuple[tuple[re.Pattern[str], Reader], ...] = (
    _rule(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})", _iso),
    _rule(
        rf"(?:{_END}) (?:next week|d[ae] (?:proxima semana|semana que vem))|(?:{_EN_DAY} )?end of next week|eonw",
        lambda found, base: (_friday(base + timedelta(days=7 - base.weekday())), "week"),
    ),
    _rule(
        rf"(?:{_END}) (?:next month|d[eo] (?:proximo mes|mes que vem))",
        lambda found, base: (_month_end(base, 1), "month"),
    ),
    _rule(
        rf"(?:{_END}) (?:the |this )?week|(?:{_END}) d[ae]s?t?a? semana|eow", lambda f, base: (_friday(base), "week")
    ),
    _rule(rf"(?:{_END}) (?:the |this )?month|(?:{_END}) d(?:o|este) mes|eom", lambda f, b: (_month_end(b), "month")),
    _rule(
        rf"(?:{_END}) (?:the |this )?quarter|(?:{_END}) d(?:o|este) trimestre|eoq",
        lambda found, base: (_quarter_end(base), "quarter"),
    ),
    _rule(rf"(?:{_END}) (?:the |this )?year|(?:{_END}) do ano|eoy", lambda f, base: (date(base.year, 12, 31), "month")),
    _rule(
        r"this (?:morning|afternoon|evening)|(?:ainda )?hoje(?: (?:a|de|pela) \w+)?|today"
        r"|tonight|right away|immediately|straight away|agora(?: mesmo)?|imediatamente|right now",
        _after(0),
    ),
    _rule(r"depois de amanha|(?:the )?day after tomorrow", _after(2)),
    _rule(r"(?:tomorrow|amanha)(?: (?:morning|afternoon|evening|noon|cedo|de manha|a tarde|a noite))?", _after(1)),
    _rule(rf"next (?P<day>{_EN_DAY})", _following),
    _rule(rf"(?P<day>{_PT_DAY}) (?:que vem|da semana que vem|da proxima semana)", _following),
    _rule(rf"proxim[ao] (?P<day>{_PT_DAY})", _following),
    _rule(
        r"next week|(?:a )?(?:proxima semana|semana que vem)",
        lambda f, b: (_friday(b + timedelta(days=7 - b.weekday())), "week"),
    ),
    _rule(r"this week|(?:n?esta|essa) semana", lambda found, base: (_friday(base), "week")),
    _rule(r"next month|(?:o )?(?:proximo mes|mes que vem)", lambda found, base: (_month_end(base, 1), "month")),
    _rule(r"this month|(?:n?este|esse) mes", lambda found, base: (_month_end(base), "month")),
    _rule(
        rf"(?:in|within|em|dentro de|daqui a)\s+(?:the next\s+)?{_COUNT}\s+"
        r"(?P<unit>hours?|days?|weeks?|months?|horas?|dias?|semanas?|mes(?:es)?)",
        _in_units,
    ),
    _rule(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_EN_MONTH})(?:,? (?P<y>\d{{4}}))?", _named_month),
    _rule(rf"(?P<month>{_EN_MONTH}) (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,? (?P<y>\d{{4}}))?", _named_month),
    _rule(rf"(?:dia )?(?P<d>\d{{1,2}})[ºo]? de (?P<month>{_PT_MONTH})(?: de (?P<y>\d{{4}}))?", _named_month),
    _rule(rf"(?:{_EN_DAY},? )?the (?P<d>\d{{1,2}})(?:st|nd|rd|th)|dia (?P<d2>\d{{1,2}})", lambda f, b: _nth(f, b)),
    _rule(rf"(?:this |coming )?(?P<day>{_EN_DAY})", _coming),
    _rule(rf"(?:n?esta |essa )?(?P<day>{_PT_DAY})", _coming),
    _rule(
        rf"(?:{_END}) (?:the |this )?day|(?:{_END}) do dia|eod|cob|close of business|(?:before|by|after|at) "
        rf"(?:lunch|noon)"
        r"|(?:antes|depois) do almoco|ao meio-dia",
        _after(0),
    ),
)


def _nth(found: re.Match[str], base: date) -> tuple[date | None, Precision]:
    wanted = int(found["d"] or found["d2"])
    for later in (0, 1, 2):
        first = _month_later(base.replace(day=1), later)
        if 1 <= wanted <= calendar.monthrange(first.year, first.month)[1] and first.replace(day=wanted) >= base:
            return first.replace(day=wanted), "day"
    return None, "unclear"


_WORTH = re.compile(
    r"\d|day|week|month|quarter|noon|lunch|morning|evening|tonight|tomorrow|immediately|right (?:away|now)|straight|"
    r"\beo[dwmqy]\b|eonw|\bcob\b|year|hoje|amanha|agora|semana|\bmes\b|feira|segunda|terca|quarta|quinta|sexta|sabado|"
    r"domingo|almoco|fim |final |\bin a |\bem |\bdias?\b|\b(?:mon|tues?|wed|thu|thurs|fri|sat|sun)\b|imediat"
)


def find_due(folded: str, base: date, *, portuguese: bool) -> Due | None:
    """The due phrase of a folded text, read from the day it was said; None when it names none.

    Rules stand from the most to the least telling; of one rule the last place counts, where dates usually stand.
    """
    if not _WORTH.search(folded):
        return None
    for pattern, read in _RULES:
        for found in reversed(list(pattern.finditer(folded))):
            try:
                day, precision = read(found, base)
            except (OverflowError, ValueError):
                # Said on the last days of the calendar.
                continue
            if day is not None or precision != "unclear":
                return Due(found.start(), found.end(), day, precision)
    slash = _SLASH.search(folded)
    if slash:
        day, precision = _slashes(slash, base, portuguese)
        return Due(slash.start(), slash.end(), day, precision)
    return None
