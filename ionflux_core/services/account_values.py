"""What a person fills in to connect an account: checked against the connector's fields, split into open and secret."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ionflux_core import limits
from ionflux_core.connectors.base import Connector, Field
from ionflux_core.domain.accounts import Account
from ionflux_core.errors import Invalid, Problem

SETTING_CHARS = 500
STATE = "oauth_state"
"""What a person who is away to let the app in will come back with; kept like a secret field."""
_OF_ACCOUNT = re.compile(r"account_[0-9a-f]{8}-[0-9a-f-]{27}_")
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


@dataclass(slots=True)
class Filled:
    """The settings as they will stand, the secrets to store anew, and the fields whose secret is to go."""

    settings: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)


def secret_name(account_id: str, field_name: str) -> str:
    """The name under which a secret field of an account is stored."""
    return f"account_{account_id}_{field_name}"


def is_of_account(name: str) -> bool:
    """Whether a secret is kept by an account: it is for that account's own calls, whoever may name it elsewhere."""
    return _OF_ACCOUNT.match(name) is not None


def checked_name(name: str) -> str:
    """An account's name on one line; Invalid when there is none."""
    line = " ".join(str(name).split())
    if not line or len(line) > limits.NAME_CHARS or _has_controls(line):
        raise Invalid(
            f"An account has a name of 1 to {limits.NAME_CHARS} characters.", hint="Write what tells it from others."
        )
    return line


def filled(connector: Connector, values: Mapping[str, Any], before: Account | None) -> Filled:
    """The values as they may be stored; Invalid names every field that is wrong, never with a secret's value.

    What is not named stays as it was. A secret is kept when its field is empty and goes when it is None.
    """
    known = {each.name: each for each in connector.fields}
    problems = [Problem(f"There is no field {name[:60]!r}.", path=name[:60]) for name in values if name not in known]
    found = Filled()
    for each in connector.fields:
        try:
            _take(each, values, before, found)
        except ValueError as error:
            problems.append(Problem(f"{each.title}: {error}.", path=each.name))
    if not problems:
        problems += _moved(connector, before, found)
    if problems:
        raise Invalid("Some fields are not filled in right.", problems=problems, hint="Correct them, then save again.")
    check = getattr(connector, "check", None)
    if check is not None:
        check(found.settings)
    return found


def _take(each: Field, values: Mapping[str, Any], before: Account | None, found: Filled) -> None:
    if each.kind == "secret":
        _take_secret(each, values, before, found)
        return
    kept = before.settings.get(each.name, "") if before else each.default
    found.settings[each.name] = value = _plain(each, values.get(each.name, kept) if each.name in values else kept)
    if each.required and not value:
        raise ValueError("it is needed")


def _take_secret(each: Field, values: Mapping[str, Any], before: Account | None, found: Filled) -> None:
    stored = before is not None and each.name in before.secrets
    given = values.get(each.name, "")
    if given is None and each.name in values:
        if each.required:
            raise ValueError("it is needed")
        found.forgotten.append(each.name)
        return
    if not isinstance(given, str):
        raise ValueError("it is a text")
    if value := given.strip():
        if len(value) < limits.SECRET_CHARS:
            raise ValueError(f"a secret has at least {limits.SECRET_CHARS} characters")
        if len(value.encode()) > limits.SECRET_BYTES or _has_controls(value):
            raise ValueError("it is too long or holds line breaks")
        found.secrets[each.name] = value
    elif each.required and not stored:
        raise ValueError("it is needed")


def _plain(each: Field, value: Any) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ValueError("it is a text")
    text = str(value).strip()
    if len(text) > SETTING_CHARS or _has_controls(text):
        raise ValueError(f"it has at most {SETTING_CHARS} characters and no line breaks")
    if not text:
        text = each.default
    if text and each.kind == "number":
        return _number(text)
    if text and each.kind == "choice" and text not in each.choices:
        raise ValueError(f"choose one of {', '.join(each.choices)}")
    if each.kind == "boolean":
        if text.casefold() not in (*_YES, *_NO):
            raise ValueError("it is true or false")
        return "true" if text.casefold() in _YES else "false"
    return text


def _number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("it is a number") from None
    if not math.isfinite(number):
        raise ValueError("it is a number")
    return str(int(number)) if number == int(number) else str(number)


def _moved(connector: Connector, before: Account | None, found: Filled) -> list[Problem]:
    """A stored secret does not follow an account to another place: whoever may edit must not be able to fetch it."""
    if before is None:
        return []
    moved = [
        each
        for each in connector.fields
        if _is_place(each) and found.settings.get(each.name, "") != before.settings.get(each.name, "")
    ]
    if not moved:
        return []
    return [
        Problem(f"{each.title}: enter it again, because {moved[0].title} has changed.", path=each.name)
        for each in connector.fields
        if each.kind == "secret"
        and each.name in before.secrets
        and each.name not in found.secrets
        and each.name not in found.forgotten
    ]


def _is_place(each: Field) -> bool:
    return each.kind != "secret" and (each.name in ("shop", "host", "port", "security") or each.name.endswith("url"))


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)
