"""Every error a user may see: a stable code, one sentence, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a text or a form, and where. Lines and columns count from 1; 0 means unknown."""

    message: str
    hint: str = ""
    path: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.message
        return f"line {self.line}{f', column {self.column}' if self.column else ''}: {self.message}"


class IonfluxError(Exception):
    """Base of all errors with a sentence for the user; `status` is the HTTP status the API answers with."""

    code = "error"
    status = 500

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.code
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Invalid(IonfluxError):
    """Input that breaks a rule; `problems` names every one of them with its place."""

    code = "invalid"
    status = 422

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[Problem, ...] | list[Problem] = (),
        hint: str = "",
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.problems = tuple(problems)


class NotFound(IonfluxError):
    """Not there, or not yours: the two are the same answer."""

    code = "not_found"
    status = 404


class Conflict(IonfluxError):
    """The thing exists or has moved on: a taken name, a status move that is not allowed, a stale version."""

    code = "conflict"
    status = 409


class Forbidden(IonfluxError):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class Unauthorized(IonfluxError):
    """No valid token, session or signature."""

    code = "unauthorized"
    status = 401


class LimitExceeded(IonfluxError):
    """A size, depth, count or time limit of `limits.py` was passed."""

    code = "limit_exceeded"
    status = 413


class TooManyRequests(IonfluxError):
    """A rate limit was passed; `details['retry_after']` holds the seconds to wait."""

    code = "too_many_requests"
    status = 429


class Unavailable(IonfluxError):
    """Something needed is missing or down: a key, a package, the disk, an outside service."""

    code = "unavailable"
    status = 503


class BudgetReached(IonfluxError):
    """A budget or the balance does not allow the next call; the run stops and keeps what it has."""

    code = "budget_reached"
    status = 402


class AgentFailed(IonfluxError):
    """An agent's own code raised; the cause is kept with the step."""

    code = "agent_failed"
    status = 500
