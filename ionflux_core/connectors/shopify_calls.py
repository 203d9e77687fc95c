"""Shopify's Admin GraphQL over the wire: the token, the cost that is told in the body, and what errors mean."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ionflux_core import limits
from ionflux_core.connectors.base import Access
from ionflux_core.connectors.calls import (
    CONNECT_ANEW,
    LONGEST_WAIT,
    ask,
    check_address,
    garbage,
    revoked,
    said,
    table,
    too_many,
)
from ionflux_core.errors import Invalid, IonfluxError, Unavailable

SERVICE: Final = "Shopify"
DEFAULT_VERSION: Final = "2026-07"
_SHOP: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.myshopify\.com")
_VERSION: Final = re.compile(r"20[0-9]{2}-(01|04|07|10)|unstable")
_TRIES: Final = 6
_PAUSE: Final = 1.0
# A page of orders is more work than most answers.
_PATIENCE: Final = 3


def is_shop(domain: str) -> bool:
    """Whether a text is the domain of a shop at Shopify, and nothing else."""
    return _SHOP.fullmatch(domain) is not None


def check_settings(settings: Mapping[str, str]) -> None:
    """Invalid when the shop, the version or the address cannot be right."""
    if not is_shop(settings.get("shop", "")):
        raise Invalid("This is no shop's domain.", hint="Write it like my-shop.myshopify.com, without https://.")
    if not _VERSION.fullmatch(settings.get("version", "") or DEFAULT_VERSION):
        raise Invalid("This is no version of Shopify's API.", hint=f"Write it like {DEFAULT_VERSION}.")
    check_address(settings.get("api_url", ""))


def base_url(access: Access) -> str:
    """Where the shop is reached."""
    return (access.settings.get("api_url") or f"https://{access.settings.get('shop', '')}").rstrip("/")


class Shop:
    """One shop's GraphQL. It waits before it would be throttled, and as long as it is told to when it was."""

    def __init__(self, access: Access) -> None:
        check_settings(access.settings)
        self.access = access
        self._token = access.secret("token")
        if not self._token:
            raise Invalid(
                "There is no access token yet.", hint="Enter the token of a custom app, or connect by OAuth.",
                code="token_missing",
            )  # fmt: skip
        version = access.settings.get("version") or DEFAULT_VERSION
        self.with_people = access.settings.get("customers") != "false"
        self._url = f"{base_url(access)}/admin/api/{version}/graphql.json"
        self._costs: dict[str, float] = {}
        self._left, self._restore, self._as_of = float("inf"), 50.0, time.monotonic()

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of a query; one of a connector's four errors otherwise."""
        failure: IonfluxError = garbage(SERVICE)
        for tries in range(_TRIES):
            self._wait_for(self._costs.get(query, 0.0))
            content = self._posted(query, variables)
            wait = self._read_cost(query, content)
            errors = content.get("errors")
            if not errors:
                data = content.get("data")
                if not isinstance(data, dict):
                    raise garbage(SERVICE)
                return data
            code = _code(errors)
            if code not in ("THROTTLED", "INTERNAL_SERVER_ERROR"):
                raise self._failure(code, errors)
            pause = wait if code == "THROTTLED" else _PAUSE * 2**tries
            failure = too_many(SERVICE, pause) if code == "THROTTLED" else self._failure(code, errors)
            if pause > LONGEST_WAIT:
                break
            if tries < _TRIES - 1:
                self._rest(pause)
        raise failure

    def pages(self, query: str, root: str, variables: Mapping[str, Any]) -> Iterator[tuple[list[Any], str | None]]:
        """The nodes of a connection page by page, each with the cursor behind it; None after the last."""
        after = variables.get("after")
        while True:
            before = after
            nodes, after = page_of(self.ask(query, {**variables, "after": before}).get(root))
            if after is not None and after == before:
                # The same page again and again, for ever.
                raise garbage(SERVICE)
            yield nodes, after
            if after is None:
                return

    def _posted(self, query: str, variables: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {"X-Shopify-Access-Token": self._token, "Accept": "application/json"}
        body = {"query": query, "variables": dict(variables or {})}
        answer = ask(
            self.access, SERVICE, "POST", self._url, headers=headers, json=body, timeout=_PATIENCE * limits.HTTP_SECONDS
        )
        return table(SERVICE, answer)

    def _read_cost(self, query: str, content: Mapping[str, Any]) -> float:
        """Note what the query costs and what is left; the seconds until it can be afforded."""
        cost = _table(_table(content.get("extensions")).get("cost"))
        status = _table(cost.get("throttleStatus"))
        wanted = _number(cost.get("requestedQueryCost"), self._costs.get(query, 0.0))
        most = _number(status.get("maximumAvailable"), float("inf"))
        if wanted > most:
            raise Invalid("The query costs more than the shop ever allows.", hint="Report this.", code="cost_too_high")
        self._costs[query] = wanted
        self._restore = max(_number(status.get("restoreRate"), self._restore), 0.1)
        self._left, self._as_of = _number(status.get("currentlyAvailable"), self._left), time.monotonic()
        return max((wanted - self._left) / self._restore, _PAUSE)

    def _wait_for(self, cost: float) -> None:
        left = self._left + (time.monotonic() - self._as_of) * self._restore
        if left < cost:
            self._rest(min((cost - left) / self._restore, LONGEST_WAIT))

    def _rest(self, seconds: float) -> None:
        self.access.sleep(seconds)
        self._left += seconds * self._restore

    def _failure(self, code: str, errors: Any) -> IonfluxError:
        words = said(_words(errors), self._token)
        if code == "ACCESS_DENIED":
            hint = "Give the app the scope it asks for in the shop's admin, then install it again."
            return Invalid(f"Shopify does not let the app read this: “{words}”.", hint=hint, code="scope_missing")
        if code in ("UNAUTHORIZED", "UNAUTHENTICATED"):
            return revoked(SERVICE, code)
        if code == "SHOP_INACTIVE":
            return Unavailable("The shop is inactive.", hint="Ask its owner.", code="shop_inactive")
        if code == "INTERNAL_SERVER_ERROR":
            return Unavailable("Shopify met an error of its own.", hint="Try again later.", code="service_down")
        return Invalid(f"Shopify does not take the query: “{words}”.", hint=CONNECT_ANEW, code="service_refused")


def page_of(connection: Any) -> tuple[list[Any], str | None]:
    """The nodes of a connection and the cursor behind them, None when that was all; Unavailable when it is none."""
    if not isinstance(connection, dict) or not isinstance(connection.get("nodes"), list):
        raise garbage(SERVICE)
    info = _table(connection.get("pageInfo"))
    after = info.get("endCursor") if info.get("hasNextPage") is True else None
    if info.get("hasNextPage") is True and not (isinstance(after, str) and connection["nodes"]):
        # The same page again and again, for ever.
        raise garbage(SERVICE)
    return connection["nodes"], after


def refuse_user_errors(payload: Any, *secrets: str) -> None:
    """Invalid when a mutation says what is wrong with what it was given."""
    errors = _table(payload).get("userErrors")
    if errors:
        raise Invalid(f"Shopify refuses: “{said(_words(errors), *secrets)}”.", hint="Check the account's settings.")


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any, otherwise: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    return float(value) if abs(value) < 1e12 else otherwise


def _code(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else {}
    return str(_table(_table(first).get("extensions")).get("code") or "")


def _words(errors: Any) -> str:
    if isinstance(errors, list):
        return "; ".join(str(_table(each).get("message", "")) for each in errors[:3])
    return str(errors)
