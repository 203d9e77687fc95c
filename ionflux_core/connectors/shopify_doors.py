"""How Shopify comes in: the webhooks it is asked to send, and the OAuth dance that brings a token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from ionflux_core.connectors import shopify_queries as queries
from ionflux_core.connectors.base import Access
from ionflux_core.connectors.calls import ask, garbage, said, table
from ionflux_core.connectors.shopify_calls import SERVICE, Shop, base_url, is_shop
from ionflux_core.errors import Invalid, Unauthorized
from ionflux_core.limits import SECRET_CHARS

SCOPES: Final = "read_orders,read_products,read_customers,read_themes"
TOPICS: Final = (
    "ORDERS_CREATE", "ORDERS_UPDATED", "PRODUCTS_CREATE", "PRODUCTS_UPDATE", "CUSTOMERS_CREATE", "CUSTOMERS_UPDATE",
    "THEMES_PUBLISH", "APP_UNINSTALLED",
)  # fmt: skip
_CODE_CHARS: Final = 500


def register(access: Access, address: str) -> dict[str, str]:
    """Ask the shop to send its webhooks here; what became of each topic, in words. What it sends already stays."""
    shop = Shop(access)
    there = {
        str(node.get("topic"))
        for nodes, _ in shop.pages(queries.HOOKS, "webhookSubscriptions", {})
        for node in nodes
        if isinstance(node, dict) and node.get("uri") == address
    }
    found: dict[str, str] = {}
    for topic in TOPICS:
        if topic in there:
            found[topic] = "was there already"
            continue
        answer = shop.ask(queries.HOOK, {"topic": topic, "uri": address}).get("webhookSubscriptionCreate")
        if not isinstance(answer, dict):
            raise garbage(SERVICE)
        errors = answer.get("userErrors") or []
        words = "; ".join(str(each.get("message", "")) for each in errors[:2] if isinstance(each, dict))
        found[topic] = f"refused: {said(words, access.secret('token'))}" if errors else "registered"
    return found


def authorize_url(access: Access, state: str, callback: str) -> str:
    """The page of the shop on which a person lets the app in."""
    client_id = access.settings.get("client_id", "")
    if not client_id or not access.secret("client_secret"):
        raise Invalid("OAuth needs the app's client id and secret.", hint="Enter both, save, then connect by OAuth.")
    asked = {"client_id": client_id, "scope": SCOPES, "redirect_uri": callback, "state": state}
    return f"{base_url(access)}/admin/oauth/authorize?{urlencode(asked)}"


def check_callback(access: Access, query: Mapping[str, str]) -> None:
    """Unauthorized unless the query was signed by Shopify for this very shop; Invalid when it brings no code."""
    shop = query.get("shop", "")
    if not is_shop(shop) or shop != access.settings.get("shop"):
        raise Unauthorized("The answer is for another shop.", hint="Begin again in Settings, Accounts.")
    if not is_signed(query, access.secret("client_secret")):
        raise Unauthorized("The answer is not signed by Shopify.", hint="Check the app's client secret.")
    if not 0 < len(query.get("code", "")) <= _CODE_CHARS:
        raise Invalid("Shopify has sent no code.", hint="Begin again in Settings, Accounts.")


def is_signed(query: Mapping[str, str], secret: str) -> bool:
    """Whether the parameter `hmac` signs all the others, in the order of their names; in constant time."""
    if not secret:
        return False
    signed = sorted((name, value) for name, value in query.items() if name not in ("hmac", "signature"))
    message = "&".join(f"{_spelt(name).replace('=', '%3D')}={_spelt(value)}" for name, value in signed)
    wanted = hmac.digest(secret.encode(), message.encode("utf-8", "replace"), hashlib.sha256).hex()
    return hmac.compare_digest(wanted.encode(), query.get("hmac", "").lower().encode("utf-8", "replace"))


def _spelt(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")


def redeem(access: Access, code: str) -> dict[str, str]:
    """The secrets a code is exchanged for, by field."""
    body = {
        "client_id": access.settings.get("client_id", ""), "client_secret": access.secret("client_secret"),
        "code": code,
    }  # fmt: skip
    # A code is taken once: a second try after a lost answer would only be told that it is used.
    answer: dict[str, Any] = table(
        SERVICE,
        ask(access, SERVICE, "POST", f"{base_url(access)}/admin/oauth/access_token", json=body, repeat=False),
    )
    token = answer.get("access_token")
    if not isinstance(token, str) or len(token) < SECRET_CHARS:
        raise garbage(SERVICE)
    return {"token": token}
