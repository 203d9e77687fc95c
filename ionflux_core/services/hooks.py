"""Webhooks in: who may, how large, signed by whom, seen before; stored and answered at once, run later."""

from __future__ import annotations

import hashlib
import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from pydantic_core import from_json

from ionflux_core import limits
from ionflux_core.connectors.shopify_shapes import key_of
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.runs import FINISHED, Run, RunTrigger
from ionflux_core.domain.triggers import Trigger
from ionflux_core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    IonfluxError,
    LimitExceeded,
    TooManyRequests,
    Unauthorized,
)
from ionflux_core.ids import now
from ionflux_core.services.events import Events
from ionflux_core.services.mail_events import mail_facts
from ionflux_core.services.runs import Runs
from ionflux_core.services.starting import Prepared, Started
from ionflux_core.signatures import Kind, delivery_id, verify
from ionflux_core.storage import events as event_rows
from ionflux_core.storage import triggers as rows
from ionflux_core.storage.engine import Connection, Database
from ionflux_core.vault import reference_name

RESULT_SECONDS = 30.0
_HOOKS_COUNTED = 1000
_DELIVERY_CHARS = 200


class Listener(NamedTuple):
    """Who listens on a path: the trigger and its instance."""

    trigger: Trigger
    instance: AgentInstance

    @property
    def waits(self) -> bool:
        """Whether the sender waits for the result of the run."""
        return self.trigger.config.get("respond") == "result"


@dataclass(frozen=True, slots=True)
class Received:
    """What to answer a webhook: an HTTP status and a JSON body."""

    status: int
    body: dict[str, Any]


class Checked(NamedTuple):
    """A delivery that may be stored: whose hook it is, the run it starts, and what it tells the whole workspace."""

    trigger: Trigger
    prepared: Prepared
    delivery: str | None
    facts: Sequence[dict[str, Any]]


class Hooks:
    """The one use-case of webhooks: take one in."""

    def __init__(self, db: Database, runs: Runs, events: Events, secret: Callable[[str, str], str]) -> None:
        self._db = db
        self._runs = runs
        self._events = events
        self._secret = secret
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, deque[float]] = OrderedDict()
        self._at_once: set[str] = set()

    def receive(
        self,
        path: str,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        sender: str = "",
        *,
        accepted: Callable[[Received], None] = lambda _: None,
    ) -> Received:
        """Check and store one delivery; its run starts after the answer, unless the hook answers with the result.

        A delivery that came before is answered like the first time, with the first run's id: a sender that repeats
        itself because an answer was lost must not be told to go on repeating. Once the run of a hook that answers with
        the result is stored, `accepted` gets what can be said without that result.
        """
        listener = self.listener(path)
        checked = self.check(listener, method, headers, body, sender)

        def insert(connection: Connection, run: Prepared) -> Started:
            started = self._insert(connection, checked._replace(prepared=run))
            accepted(_accepted(started))
            return started

        if listener.waits:
            started, ended = self._runs.perform(checked.prepared, insert)
            self._tell(checked.facts)
            return _result(ended or self._wait(checked.trigger, started))
        started = self._db.write(lambda connection: insert(connection, checked.prepared), durable=True)
        self._runs.announce()
        self._tell(checked.facts)
        return _accepted(started)

    def without_result(self, accepted: Received) -> Received:
        """The answer to a sender whose result takes too long: the run is kept and goes on."""
        self._db.settle()
        return accepted

    def answers_at_once(self, path: str) -> bool:
        """Whether the last delivery to a path was answered before its run: then the next may be one of a batch.

        Never on PostgreSQL, which itself brings the commits of many connections to its disk together.
        """
        return path in self._at_once

    def listener(self, path: str) -> Listener:
        """Who listens on a path; Forbidden when nobody does."""
        with self._db.glance() as connection:
            found = rows.by_hook_path(connection, path.strip("/"))
        if found is None or not found[0].enabled:
            raise Forbidden("There is no such webhook.", hint="Copy the address from the agent's Triggers.")
        listener = Listener(*found)
        self._remember(path, listener)
        return listener

    def _remember(self, path: str, listener: Listener) -> None:
        if listener.waits or not self._db.is_sqlite:
            self._at_once.discard(path)
            return
        if len(self._at_once) >= _HOOKS_COUNTED:
            self._at_once.clear()
        self._at_once.add(path)

    def check(
        self, listener: Listener, method: str, headers: Mapping[str, str], body: bytes, sender: str = ""
    ) -> Checked:
        """A delivery that may be stored: not too many, not too large, signed, readable, and its agent is awake."""
        trigger, instance = listener
        _check_sender(trigger, sender)
        self._limit(trigger)
        if method != trigger.config.get("method", "POST"):
            raise Invalid(
                "This webhook takes another method.",
                hint=f"Send {trigger.config.get('method', 'POST')}.",
                code="method",
            )
        if len(body) > limits.WEBHOOK_BYTES:
            raise LimitExceeded("The body is larger than 1 MiB.", hint="Send less, or upload a file.")
        kind = trigger.config.get("auth", "token")
        lowered = {name.lower(): value for name, value in headers.items()}
        self._verify(trigger, kind, lowered, body)
        payload = _read(body, lowered)
        delivery = _delivery(kind, lowered, body)
        if trigger.instance_status != "active":
            self._keep_what_concerns_all(trigger, kind, payload)
            raise _asleep(trigger)
        prepared = self._prepared(trigger, instance, payload, delivery)
        return Checked(trigger, prepared, delivery, self._facts(trigger, kind, lowered, payload, delivery, prepared))

    def store(self, deliveries: Sequence[Checked]) -> list[Received | Exception]:
        """What to answer each of these deliveries, or what it failed with; what was stored is on the disk."""

        def work(checked: Checked) -> Callable[[Connection], Started]:
            return lambda connection: self._insert(connection, checked)

        outcomes = self._db.write_each([work(checked) for checked in deliveries], durable=True)
        for outcome in outcomes:
            if isinstance(outcome, Started):
                self._runs.announce()
        self._tell([fact for checked in deliveries for fact in checked.facts])
        return [_accepted(outcome) if isinstance(outcome, Started) else outcome for outcome in outcomes]

    def _keep_what_concerns_all(self, trigger: Trigger, kind: str, payload: Any) -> None:
        """Who unsubscribed must not be mailed again because an agent was paused for longer than a sender repeats."""
        if kind != "sendgrid":
            return
        facts = self._facts(trigger, kind, {}, payload, None, None)

        def work(connection: Connection) -> None:
            for event in facts:
                event_rows.insert(connection, event)

        self._db.write(work, durable=True)
        self._tell(facts)

    def _verify(self, trigger: Trigger, kind: str, headers: Mapping[str, str], body: bytes) -> None:
        """The path holds 256 random bits, which is proof enough for `token` and `none`; the rest must be signed."""
        if kind in ("token", "none"):
            return
        name = reference_name(trigger.config.get("secret") or f"secret://{kind}_webhook_secret")
        try:
            secret = self._secret(trigger.workspace_id, name or f"{kind}_webhook_secret")
        except IonfluxError as error:
            # Rule 6: there is no "skip if unset".
            raise Unauthorized(
                "This webhook has no signing secret yet, so nothing is accepted.",
                hint=f"Store the secret {name!r} in Settings, Secrets.",
                code="signing_secret_missing",
            ) from error
        verify(
            cast(Kind, kind), headers=headers, body=body, secrets=[part for part in secret.split() if part], now=now()
        )

    def _limit(self, trigger: Trigger) -> None:
        at = time.monotonic()
        with self._lock:
            recent = self._recent.setdefault(trigger.id, deque())
            self._recent.move_to_end(trigger.id)
            while recent and at - recent[0] > 60:
                recent.popleft()
            if len(recent) >= trigger.config.get("per_minute", limits.WEBHOOK_PER_MINUTE):
                wait = round(60 - (at - recent[0]), 1)
                raise TooManyRequests(
                    "Too many deliveries in a minute.", hint=f"Try again in {wait} s.", retry_after=wait
                )
            recent.append(at)
            if len(self._recent) > _HOOKS_COUNTED:
                self._recent.popitem(last=False)

    def _prepared(self, trigger: Trigger, instance: AgentInstance, payload: Any, delivery: str | None) -> Prepared:
        origin = RunTrigger(
            kind="webhook",
            id=trigger.id,
            key=trigger.key,
            task=trigger.task,
            payload=None if trigger.payload_to else payload,
        )
        return self._runs.prepare(
            trigger.workspace_id,
            instance,
            trigger=origin,
            payload=payload,
            payload_to=trigger.payload_to,
            task=trigger.task,
            key=f"{trigger.id}:{delivery}" if delivery else None,
        )

    def _insert(self, connection: Connection, checked: Checked) -> Started:
        """Delivery, run and events in one transaction."""
        trigger, prepared, delivery, facts = checked
        at = now()
        started = self._runs.insert(connection, prepared)
        if delivery:
            rows.note_delivery(connection, trigger.id, delivery, at=at, run_id=started.run_id)
        outcome = "repeated" if started.repeated else "started"
        rows.note_firing(connection, trigger.id, at=at, outcome=outcome, run_id=started.run_id)
        for event in () if started.repeated else facts:
            event_rows.insert(connection, event)
        return started

    def _tell(self, facts: Sequence[dict[str, Any]]) -> None:
        if facts:
            self._events.published()

    def _facts(
        self,
        trigger: Trigger,
        kind: str,
        headers: Mapping[str, str],
        payload: Any,
        delivery: str | None,
        prepared: Prepared | None,
    ) -> list[dict[str, Any]]:
        """What a delivery of a known service says is a fact for the whole workspace: others may listen to it."""
        told: list[tuple[str, dict[str, Any], str | None]] = []
        if kind == "sendgrid":
            told = [*mail_facts(payload)]
        elif kind == "shopify" and isinstance(payload, dict):
            subject = shopify_subject(headers.get("x-shopify-topic", ""))
            # An account's webhook and its sync tell of the same things under the same key.
            key = (shopify_key(subject, payload) if subject else None) or (delivery and f"{trigger.id}:{delivery}")
            told = [(subject, payload, key)] if subject else []
        return [
            self._events.prepared(
                trigger.workspace_id,
                subject,
                self._runs.hidden(trigger.workspace_id, said),
                source=f"hook:{trigger.instance_id}",
                key=key,
                correlation_id=prepared.row["correlation_id"] if prepared else None,
                brand_id=prepared.row["brand_id"] if prepared else None,
            )
            for subject, said, key in told
        ]

    def _wait(self, trigger: Trigger, started: Started) -> Run:
        run = self._runs.wait(trigger.workspace_id, started.run_id, timeout=RESULT_SECONDS)
        if run.status not in FINISHED:
            self._db.settle()
        return run


def _check_sender(trigger: Trigger, sender: str) -> None:
    """Forbidden when the hook takes deliveries from some networks only, and this address is in none of them."""
    allowed = trigger.config.get("allowed_ips")
    if not allowed:
        return
    try:
        address = ipaddress.ip_address(sender.partition("%")[0])
    except ValueError:
        address = None
    if address is None or not any(address in ipaddress.ip_network(each, strict=False) for each in allowed):
        raise Forbidden(
            "This webhook does not take deliveries from your address.", hint="Ask its owner to add it to allowed_ips.",
            code="address_not_allowed",
        )  # fmt: skip


def _asleep(trigger: Trigger) -> Conflict:
    return Conflict(
        f"The agent behind this webhook is {trigger.instance_status.replace('_', ' ')}.",
        hint="Set the agent active again.",
        code="instance_not_active",
    )


def _accepted(started: Started) -> Received:
    # A run that a webhook started begins its own chain: the first delivery's answer said the same.
    told = {"status": "repeated" if started.repeated else "accepted", "run_id": started.run_id}
    return Received(200 if started.repeated else 202, told | {"correlation_id": started.run_id})


def _result(run: Run) -> Received:
    if run.status == "success":
        return Received(200, {"status": run.status, "run_id": run.id, "outputs": run.outputs})
    if run.status in FINISHED:
        return Received(502, {"status": run.status, "run_id": run.id, "error": run.error and run.error.message})
    return Received(202, {"status": run.status, "run_id": run.id})


def _delivery(kind: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """What tells a repeated delivery; an unsigned sender may repeat a body on purpose and names its id itself."""
    if kind in ("token", "none"):
        named = headers.get("idempotency-key") or headers.get("webhook-id")
    else:
        named = delivery_id(cast(Kind, kind), headers, body)
    if named is None or len(named) <= _DELIVERY_CHARS:
        return named
    return hashlib.sha256(named.encode()).hexdigest()


SHOPIFY = "ionflux.shopify."
_SHOPIFY_WORDS = {"create": "created", "update": "updated", "delete": "deleted", "publish": "published"}


def shopify_subject(topic: str) -> str | None:
    """The platform subject of a Shopify topic: `orders/create` becomes `ionflux.shopify.order.created`."""
    entity, _, action = topic.strip().lower().partition("/")
    if not entity.replace("_", "").isalnum() or not action.replace("_", "").isalnum():
        return None
    noun = entity[:-1] if entity.endswith("s") else entity
    return f"{SHOPIFY}{noun}.{_SHOPIFY_WORDS.get(action, action)}"


def shopify_key(subject: str, payload: Mapping[str, Any]) -> str | None:
    """The key of what a sync tells of, too, so that it is published once; None for all else.

    An order that is paid changes at the same moment: those are two facts.
    """
    noun, _, action = subject.removeprefix(SHOPIFY).partition(".")
    return key_of(noun, action, payload) if action in ("created", "updated") else None


def _read(body: bytes, headers: Mapping[str, str]) -> Any:
    if not body:
        return {}
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        sent = headers.get("content-type", "no content type")[:60]
        raise Invalid(
            f"The body is not JSON (it came as {sent}).", hint="Send a JSON body.", code="not_json"
        ) from error
