"""Errors as RFC 9457 problem documents: type, title, status, detail, code, hint and the places that are wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse, Response

from ionflux_core.errors import Invalid, IonfluxError, Problem, TooManyRequests, Unauthorized
from ionflux_core.redaction import Redactor

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_MOST_PROBLEMS = 100


class ProblemResponse(JSONResponse):
    """An answer that says what is wrong."""

    media_type = MEDIA_TYPE


def problem_of(error: IonfluxError) -> ProblemResponse:
    """The problem document of an error of ours; who was overtaken also gets what is stored now, as `current`."""
    headers = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(max(1, round(float(error.details.get("retry_after", 1)))))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    problems = error.problems if isinstance(error, Invalid) else ()
    more = {"current": error.details["current"]} if "current" in error.details else {}
    return problem(
        error.status, error.message, code=error.code, hint=error.hint, problems=map(as_dict, problems), headers=headers,
        more=more,
    )  # fmt: skip


def problem(
    status: int,
    detail: str,
    *,
    code: str,
    hint: str = "",
    problems: Iterable[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> ProblemResponse:
    """A problem document; `type` is a name for the kind of problem, not an address to open. `more` are extensions."""
    content = {
        "type": f"urn:ionflux:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _plain(detail),
        "code": code,
        "hint": _plain(hint),
        "problems": list(problems)[:_MOST_PROBLEMS],
        **(more or {}),
    }
    return ProblemResponse(content, status, headers=dict(headers or {}))


def unexpected(error: Exception) -> Response:
    """The answer to an error nobody foresaw: one sentence outside, the trace in the log."""
    log.error("a request failed: %s", type(error).__name__, exc_info=error)
    return problem(
        500, "Something went wrong inside IONFLUX.", code="unexpected", hint="The log of the server says what."
    )


def as_dict(item: Problem) -> dict[str, Any]:
    """A problem with its place, as JSON."""
    return {
        "message": _plain(item.message),
        "hint": _plain(item.hint),
        "path": item.path,
        "line": item.line,
        "column": item.column,
    }


def _plain(text: str) -> str:
    """Text that can be sent: without secrets by pattern, and without halves of characters."""
    return Redactor().text(text).encode("utf-8", "replace").decode()
