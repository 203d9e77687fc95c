"""What went wrong with a question, as the person who asked may see it: the place in the text, and nobody's values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from ionflux_core.errors import Invalid, IonfluxError, LimitExceeded, Problem

# What the parser writes where it knows no place.
_NOWHERE: Final = 2**64 - 1
_ONE_SELECT: Final = "Ask with one SELECT over the tables of the workspace."
_MESSAGE_CHARS: Final = 300
# What the cache calls a file's rows; a question never names it itself.
_OF_FILE: Final = re.compile(r"\bdataset_[0-9a-f]{64}\b")
_GONE: Final = "Reload the page, then choose another table."
# What the query itself says of a list that is too large to be shown.
TOO_LARGE: Final = "a value is too large to be shown"


def refused(why: str, hint: str = _ONE_SELECT, *, sql: str = "", at: int | None = None) -> Invalid:
    """A question that may not be asked; `at` is the place in bytes of what is wrong with it."""
    problems = (placed(why, hint, sql, at),) if sql else ()
    return Invalid(f"The query is refused. {why}", hint=hint, code="sql_refused", problems=problems)


def placed(message: str, hint: str, sql: str, at: int | None) -> Problem:
    """A problem with its line and column; without them when the place is not known."""
    if at is None or not 0 <= at < _NOWHERE:
        return Problem(message, hint)
    before = sql.encode(errors="replace")[:at].decode(errors="ignore")
    return Problem(message, hint, line=before.count("\n") + 1, column=len(before) - (before.rfind("\n") + 1) + 1)


def translated(error: Exception, seconds: float, tables: Iterable[str], sql: str, begin: int) -> IonfluxError:
    """An error of the database while it answered; `begin` is where its statement begins in the text, in bytes."""
    import duckdb

    if isinstance(error, duckdb.InterruptException):
        return LimitExceeded(
            f"The query took longer than {seconds:g} seconds and was stopped.",
            hint="Ask for less: a shorter time, fewer joins.",
            code="sql_too_long",
        )
    if isinstance(error, duckdb.OutOfMemoryException) or TOO_LARGE in str(error):
        return LimitExceeded(
            "The query needs more memory than there is for questions.",
            hint="Ask for less: fewer rows, fewer joins.",
            code="sql_too_large",
        )
    if isinstance(error, duckdb.FatalException | duckdb.InternalException):
        hint = "Ask for less, or in another way."
        return Invalid("The query failed. The database cannot answer it.", hint=hint, code="sql_failed")
    return readable(error, tables, sql, begin)


def readable(error: Exception, tables: Iterable[str], sql: str = "", begin: int = 0) -> Invalid:
    """An error of the database in words, without values, which may be anybody's."""
    import duckdb

    told = _told(error)
    at = int(told["position"]) + begin if str(told.get("position", "")).isdigit() else None
    message = str(told.get("exception_message") or type(error).__name__)
    if _OF_FILE.search(message):
        return Invalid("The query failed. A file that it reads was deleted meanwhile.", hint=_GONE, code="sql_failed")
    if "prepared statement" in message or "Values were not provided" in message:
        said = "A $name in it has no value, or a value has no $name."
        hint = "Write a reference to another block without quotes around it; it is given as a value."
    elif isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        said, hint = "A value cannot be converted or does not fit its type.", "Try TRY_CAST where a value is converted."
    else:
        said, hint = message.splitlines()[0][:_MESSAGE_CHARS], _near(told) or f"The tables are {', '.join(tables)}."
    said = said if said.endswith((".", "!", "?")) else f"{said}."
    problems = (placed(said, hint, sql, at),) if sql else ()
    return Invalid(f"The query failed. {said}", hint=hint, code="sql_failed", problems=problems)


def _near(told: dict[str, Any]) -> str:
    """The columns with names like the one that is not there; tables are not told so, they may be anybody's."""
    if told.get("error_subtype") != "COLUMN_NOT_FOUND" or not told.get("candidates"):
        return ""
    names = [name.strip() for name in str(told["candidates"])[:_MESSAGE_CHARS].split(",")]
    return f"There are: {', '.join(names)}."


def _told(error: Exception) -> dict[str, Any]:
    """What the database says, taken apart; a session that was asked to writes JSON behind the kind of the error."""
    text = str(error)
    kind, mark, rest = text.partition(": {")
    if mark:
        try:
            told = json.loads("{" + rest)
        except ValueError:
            return {"exception_message": kind}
        if isinstance(told, dict):
            return told
    return {"exception_message": text}
