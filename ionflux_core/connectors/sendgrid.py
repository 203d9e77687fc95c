"""SendGrid: mails leave over its Web API, and what becomes of them comes back by its signed event webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ionflux_core.connectors.base import Access, Batch, Field, Tested
from ionflux_core.connectors.calls import ask, check_address, table
from ionflux_core.errors import Invalid

TITLE: Final = "SendGrid"
_BASE: Final = "https://api.sendgrid.com"
_SENDS: Final = "mail.send"
EFFECT_ARGUMENT: Final = "ionflux_effect"
KEY_ARGUMENT: Final = "ionflux_key"
"""The custom arguments that SendGrid hands back with every event about a mail: the effect's id and its key."""


def send(access: Access, mail: Mapping[str, Any]) -> dict[str, Any]:
    """Hand one mail over, in SendGrid's own form; what it said. One of a connector's four errors when it did not.

    It is sent again only when SendGrid certainly has not taken it: too many requests, or no connection at all.
    """
    answer = ask(
        access, TITLE, "POST", f"{_base(access)}/v3/mail/send", headers=_headers(access), json=dict(mail), repeat=False
    )  # fmt: skip
    return {"status": answer.status, "message_id": answer.headers.get("x-message-id", "")[:200]}


def _base(access: Access) -> str:
    check_address(url := access.settings.get("base_url", "").strip())
    return url.rstrip("/") or _BASE


def _headers(access: Access) -> dict[str, str]:
    key = access.secret("api_key")
    if not key:
        raise Invalid("The SendGrid account has no API key.", hint="Enter it in Settings, Accounts.")
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True)
class SendGrid:
    """An account with SendGrid."""

    kind: str = "sendgrid"
    title: str = TITLE
    description: str = "Sends mails over SendGrid and hears what became of them."
    syncs: bool = False
    fields: tuple[Field, ...] = (
        Field("api_key", "API key", "secret", description="A key with the permission Mail Send."),
        Field("from_address", "From address", description="One that SendGrid has verified."),
        Field("from_name", "From name", required=False),
        Field("base_url", "Address of the API", required=False, default=_BASE,
              description="https://api.eu.sendgrid.com for accounts in the European Union."),
    )  # fmt: skip

    @property
    def readings(self) -> Mapping[str, Callable[[Access, Mapping[str, Any]], Any]]:
        """What becomes of mails comes by webhook; nothing is read."""
        return {}

    def check(self, settings: Mapping[str, str]) -> None:
        """Invalid when the API's address is none."""
        check_address(settings.get("base_url", ""))

    def test(self, access: Access) -> Tested:
        """Ask which permissions the key has; without Mail Send it is of no use."""
        answer = table(TITLE, ask(access, TITLE, "GET", f"{_base(access)}/v3/scopes", headers=_headers(access)))
        scopes = answer.get("scopes")
        if not isinstance(scopes, list) or _SENDS not in scopes:
            raise Invalid("The API key may not send mails.", hint="Give it the permission Mail Send at SendGrid.")
        return Tested(access.settings.get("from_address", "").strip() or TITLE, {"permissions": str(len(scopes))})

    def sync(self, access: Access, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """Nothing: there is nothing to bring in."""
        return iter(())


def make() -> SendGrid:
    """The connector."""
    return SendGrid()
