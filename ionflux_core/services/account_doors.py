"""What accounts let in: the answer of OAuth, webhooks of a shop, buttons pressed in Slack; each is checked first."""

from __future__ import annotations

import hmac
import secrets as random_secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, cast, runtime_checkable

from pydantic_core import from_json

from ionflux_core import limits, signatures
from ionflux_core.connectors.base import Access, AccessRevoked, Connector
from ionflux_core.connectors.shopify_calls import is_shop
from ionflux_core.connectors.shopify_shapes import moment_of
from ionflux_core.connectors.slack_actions import Press, presses_of, read_payload
from ionflux_core.domain.accounts import Account
from ionflux_core.errors import Conflict, Invalid, IonfluxError, TooManyRequests, Unauthorized
from ionflux_core.ids import now
from ionflux_core.services.account_values import STATE, secret_name
from ionflux_core.services.accounts import Accounts
from ionflux_core.services.chat import Chat
from ionflux_core.services.events import Events
from ionflux_core.services.hooks import SHOPIFY, shopify_key, shopify_subject
from ionflux_core.services.secrets import Secrets
from ionflux_core.storage import accounts as rows
from ionflux_core.storage.engine import Database

STATE_SECONDS = 600
CALLBACK = "/oauth/shopify/callback"
PRESSED = "ionflux.slack.action"
UNINSTALLED = f"{SHOPIFY}app.uninstalled"
_COUNTED = 1000
_BEGIN_ANEW = "Begin again in Settings, Accounts."


@runtime_checkable
class Authorizes(Protocol):
    """A connector whose token may come by OAuth."""

    def authorize_url(self, access: Access, state: str, callback: str) -> str:
        """Where a person lets the app in."""

    def check_callback(self, access: Access, query: Mapping[str, str]) -> None:
        """Unauthorized unless the service has signed this answer for this account."""

    def redeem(self, access: Access, query: Mapping[str, str]) -> dict[str, str]:
        """The secrets the answer's code is exchanged for, by field."""


@runtime_checkable
class SendsHooks(Protocol):
    """A connector whose service can be asked to send webhooks."""

    def register_hooks(self, access: Access, address: str) -> dict[str, str]:
        """Ask for webhooks at an address; what became of each topic."""


class AccountDoors:
    """Use-cases around what services bring to us by themselves."""

    def __init__(
        self,
        db: Database,
        accounts: Accounts,
        secrets: Secrets,
        events: Events,
        chat: Chat,
        *,
        public_url: str,
        local_url: str,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._secrets = secrets
        self._events = events
        self._chat = chat
        self.public_url = public_url.rstrip("/")
        self._local_url = local_url.rstrip("/")
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def callback(self) -> str:
        """The address a person's browser comes back to from OAuth; their browser reaches it, nobody else must."""
        return f"{self.public_url or self._local_url}{CALLBACK}"

    def address(self, account: Account) -> str:
        """Where an account's service sends to; only a path while this server has no public address."""
        path = {"shopify": "/shopify/webhooks/", "slack": "/slack/actions/"}.get(account.connector)
        return f"{self.public_url}{path}{account.id}" if path else ""

    def can_authorize(self, account: Account) -> bool:
        """Whether this account's token can come by OAuth: the app's id and secret are there."""
        offers = isinstance(self._accounts.connector(account.connector), Authorizes)
        return offers and bool(account.settings.get("client_id")) and "client_secret" in account.secrets

    def sends_hooks(self, account: Account) -> bool:
        """Whether this account's service can be asked to send webhooks."""
        return isinstance(self._accounts.connector(account.connector), SendsHooks)

    def begin(self, workspace_id: str, account_id: str, *, by: str | None = None) -> str:
        """The page on which a person lets the app in; what they come back with is good once and for ten minutes."""
        account = self._accounts.get(workspace_id, account_id)
        connector = self._authorizing(self._accounts.connector(account.connector))
        state = f"{account.id}.{random_secrets.token_urlsafe(32)}"
        url = connector.authorize_url(self._accounts.opened(account), state, self.callback)
        ends = int(now().timestamp()) + STATE_SECONDS
        self._secrets.put(workspace_id, secret_name(account.id, STATE), f"{ends} {state}", by=by)
        return url

    def come_back(self, query: Mapping[str, str]) -> Account:
        """Take the answer of OAuth: check it, exchange its code, keep the token, and test the account."""
        state = query.get("state", "")
        account = self._account(state.partition(".")[0])
        if account is None:
            raise _stale()
        connector = self._authorizing(self._accounts.connector(account.connector))
        access = self._accounts.opened(account)
        self._use_state(account, state)
        connector.check_callback(access, query)
        brought = connector.redeem(access, query)
        who = "OAuth"
        self._accounts.save(
            account.workspace_id, account.connector, account.name, brought, account_id=account.id,
            brand_id=account.brand_id, by=who,
        )  # fmt: skip
        return self._accounts.test(account.workspace_id, account.id, by=who)

    def register(self, workspace_id: str, account_id: str) -> dict[str, str]:
        """Ask an account's service for its webhooks; what became of each topic, in words."""
        account = self._accounts.get(workspace_id, account_id)
        connector = self._accounts.connector(account.connector)
        if not isinstance(connector, SendsHooks):
            raise Conflict(f"{connector.title} sends no webhooks.", hint="Nothing needs to be done.")
        if not self.public_url.startswith("https://"):
            raise Conflict(
                "Nobody outside can reach this server.",
                hint="Set IONFLUX_PUBLIC_URL to its https address; until then the nightly sync brings what is new.",
                code="no_public_address",
            )
        if "client_secret" not in account.secrets:
            raise Conflict(
                "Webhooks are signed with the app's client secret, and it is not stored.", hint="Enter it, save, retry."
            )
        try:
            return connector.register_hooks(self._accounts.opened(account), self.address(account))
        except AccessRevoked as error:
            self._accounts.mark_revoked(account, error)
            raise

    def shopify_webhook(self, account_id: str, headers: Mapping[str, str], body: bytes) -> str:
        """Take a webhook of a shop: its fact is published once, whether it comes twice or a sync was faster."""
        account = self._checked(account_id, "shopify", "client_secret", headers, body)
        low = {name.lower(): value for name, value in headers.items()}
        shop = low.get("x-shopify-shop-domain", "").lower()
        if not is_shop(shop) or shop != account.settings.get("shop"):
            raise _refused()
        subject = shopify_subject(low.get("x-shopify-topic", ""))
        payload = _json(body)
        if subject is None:
            raise Invalid("The webhook names no topic.", hint="Send the header X-Shopify-Topic.")
        told_at = moment_of(low.get("x-shopify-triggered-at"))
        if subject == UNINSTALLED and not _has_worked_since(account, told_at):
            gone = AccessRevoked("The app was removed from the shop.", hint="Install it again, then connect anew.")
            self._accounts.mark_revoked(account, gone)
        key = shopify_key(subject, payload) or f"{account.id}:{signatures.delivery_id('shopify', low, body)}"
        return self._events.publish(
            account.workspace_id, subject, payload, source=f"account:{account.id}", key=key, brand_id=account.brand_id
        )

    def slack_action(self, account_id: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take buttons pressed in Slack: ours are pressed here, each is published once; how many there were."""
        account = self._checked(account_id, "slack", "signing_secret", headers, body)
        presses = presses_of(read_payload(body))
        for press in presses:
            payload = {**press.as_payload(), "account": account.name, "outcome": self._pressed(account, press)}
            self._events.publish(
                account.workspace_id, PRESSED, payload, source=f"account:{account.id}", key=press.key,
                brand_id=account.brand_id,
            )  # fmt: skip
        return len(presses)

    def _pressed(self, account: Account, press: Press) -> str | None:
        """Press our own button in the name of whoever did in Slack; what became of it, None when it is not ours.

        Questions about effects are not decided from there: Slack says who somebody is, not what they may do here.
        """
        if press.ours is None:
            return None
        message_id, action_id = press.ours
        user = f"slack:{press.user_name or press.user_id} (Slack)"
        try:
            proposal = self._chat.message(account.workspace_id, message_id, user).content.proposal
            if proposal is None or proposal.kind != "event":
                return "only_here"
            self._chat.press(account.workspace_id, message_id, action_id, user)
        except IonfluxError as error:
            return error.code
        return "pressed"

    def _checked(self, account_id: str, connector: str, field: str, headers: Mapping[str, str], body: bytes) -> Account:
        """The account a body is signed for. Unknown, disconnected and wrongly signed are the same answer."""
        self._limit(account_id)
        account = self._account(account_id)
        if account is None or account.connector != connector or field not in account.secrets:
            raise _refused()
        secret = self._accounts.opened(account).secret(field)
        signatures.verify(cast(signatures.Kind, connector), headers=headers, body=body, secrets=[secret], now=now())
        return account

    def _limit(self, account_id: str) -> None:
        """Refuse what comes faster than any service sends, whoever it claims to be for."""
        at = time.monotonic()
        with self._lock:
            recent = self._recent.setdefault(account_id[:36], deque())
            self._recent.move_to_end(account_id[:36])
            while recent and at - recent[0] > 60:
                recent.popleft()
            if len(recent) >= limits.WEBHOOK_PER_MINUTE:
                wait = round(60 - (at - recent[0]), 1)
                raise TooManyRequests(
                    "Too many deliveries in a minute.", hint=f"Try again in {wait} s.", retry_after=wait
                )
            recent.append(at)
            if len(self._recent) > _COUNTED:
                self._recent.popitem(last=False)

    def _account(self, account_id: str) -> Account | None:
        if not 0 < len(account_id) <= 36:
            return None
        with self._db.read() as connection:
            return rows.by_id(connection, account_id)

    def _use_state(self, account: Account, state: str) -> None:
        """Unauthorized unless this is the state that was given out, within its time and for the first time."""
        name = secret_name(account.id, STATE)
        try:
            ends, _, wanted = self._secrets.reveal(account.workspace_id, name).partition(" ")
            if not hmac.compare_digest(wanted.encode(), state.encode("utf-8", "replace")):
                raise _stale()
            # Who removes it has used it; of two that come at once one finds nothing to remove.
            self._secrets.remove(account.workspace_id, name, by="OAuth")
        except IonfluxError as error:
            raise _stale() from error
        if int(ends) < now().timestamp():
            raise _stale()

    @staticmethod
    def _authorizing(connector: Connector) -> Authorizes:
        if not isinstance(connector, Authorizes):
            raise Conflict(f"{connector.title} is not connected by OAuth.", hint="Enter its token.")
        return connector


def _json(body: bytes) -> dict[str, Any]:
    try:
        payload = from_json(body, allow_inf_nan=False)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise Invalid("The body is no JSON object.", hint="Send it as Shopify does.", code="not_json")
    return payload


def _has_worked_since(account: Account, at: datetime | None) -> bool:
    """Whether a later test knows better: services tell what has happened late, and more than once."""
    tested = account.tested_at if account.status == "connected" else None
    return at is not None and tested is not None and at < tested


def _refused() -> Unauthorized:
    return Unauthorized("The signature does not fit this body.", hint="Check both sides.", code="signature_refused")


def _stale() -> Unauthorized:
    return Unauthorized("This answer was not asked for, or too long ago.", hint=_BEGIN_ANEW, code="oauth_state")
