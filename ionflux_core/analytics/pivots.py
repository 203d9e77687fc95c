"""A pivot of a question's answer, as a question again: what is in the rows, in the columns and in the cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ionflux_core.analytics.datasets import quoted
from ionflux_core.domain.questions import Drawing
from ionflux_core.errors import Invalid

_ALL = "All"
_NONE = "(none)"


def keys_of(sql: str, column: str, limit: int) -> str:
    """The question for the values of a column, in order."""
    return f"SELECT DISTINCT {_text(column)} AS value FROM (\n{_inner(sql)}\n) AS asked ORDER BY 1 LIMIT {limit}"


def pivoted(sql: str, wanted: Drawing, keys: Sequence[str | None]) -> tuple[str, dict[str, Any]]:
    """The question for the pivot, and the values of its parameters; one column for each key, and one for all."""
    if not wanted.rows and not wanted.column:
        raise Invalid("The pivot has no rows and no columns yet.", hint="Choose at least one.")
    if wanted.aggregate != "count" and not wanted.value:
        raise Invalid("The pivot has no values yet.", hint="Choose the column whose values are added up.")
    cell = f"{wanted.aggregate}({quoted(wanted.value) if wanted.value else '*'})"
    rows = list(dict.fromkeys(wanted.rows))
    selected = [quoted(name) for name in rows]
    names, parameters = {name.casefold() for name in rows}, {}
    for number, key in enumerate(keys):
        name, shown = f"pivot_{number}", _free(_NONE if key is None else key[:120] or "(empty)", names)
        selected.append(f"{cell} FILTER (WHERE {_text(wanted.column)} IS NOT DISTINCT FROM ${name}) AS {quoted(shown)}")
        parameters[name] = key
    selected.append(f"{cell} AS {quoted(_free(_ALL, names))}")
    grouped = ", ".join(str(number) for number, _ in enumerate(rows, 1))
    ends = f" GROUP BY {grouped} ORDER BY {grouped}" if rows else ""
    return f"SELECT {', '.join(selected)} FROM (\n{_inner(sql)}\n) AS asked{ends}", parameters


def without_parameters(text: str, parameters: Mapping[str, Any]) -> str:
    """The same question with its values written out, for a place that keeps a text alone."""

    def written(match: re.Match[str]) -> str:
        value = parameters.get(match.group(1))
        return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"

    return re.sub(r"\$(pivot_\d+)\b", written, text)


def _inner(sql: str) -> str:
    """A statement without its end, so that it can stand inside another."""
    return sql.strip().rstrip(";").strip()


def _text(column: str) -> str:
    return f"CAST({quoted(column)} AS VARCHAR)"


def _free(name: str, taken: set[str]) -> str:
    """The name, or the name with a number; column names differ in more than their capitals."""
    wanted, number = name, 2
    while wanted.casefold() in taken:
        wanted, number = f"{name} {number}", number + 1
    taken.add(wanted.casefold())
    return wanted
