"""Shopify: a shop by its Admin GraphQL API, with the token of a custom app or one that OAuth brought."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ionflux_core.connectors import shopify_doors
from ionflux_core.connectors import shopify_queries as queries
from ionflux_core.connectors.base import Access, Batch, Connector, Field, Tested
from ionflux_core.connectors.calls import garbage
from ionflux_core.connectors.shopify_calls import DEFAULT_VERSION, SERVICE, Shop, check_settings
from ionflux_core.connectors.shopify_reading import BY_ROOT, listed
from ionflux_core.connectors.shopify_sync import sync_shop
from ionflux_core.errors import Invalid

MOST_READ: Final = 250
_FIELDS: Final = (
    Field("shop", "Shop", description="The shop's own domain, such as my-shop.myshopify.com."),
    Field(
        "token", "Admin API access token", kind="secret", required=False,
        description="Of a custom app. Leave it empty to connect by OAuth.",
    ),
    Field("client_id", "Client id", required=False, description="Of the app; needed for OAuth."),
    Field(
        "client_secret", "Client secret", kind="secret", required=False,
        description="Of the app; needed for OAuth, and to check who sends webhooks.",
    ),
    Field(
        "customers", "Bring customers, too", kind="boolean", required=False, default="true",
        description="Needs the scope read_customers. Without it orders come without names and addresses.",
    ),
    Field("version", "API version", required=False, default=DEFAULT_VERSION),
    Field(
        "api_url", "Other address", required=False,
        description="Leave it empty. The address of a proxy that speaks for the shop.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Shopify:
    """A shop."""

    kind: str = "shopify"
    title: str = SERVICE
    description: str = "Orders, products and customers of a shop, and its webhooks."
    fields: tuple[Field, ...] = _FIELDS
    syncs: bool = True

    @property
    def readings(self) -> Mapping[str, Callable[[Access, Mapping[str, Any]], Any]]:
        """The shop itself, and its orders, products and customers by the time of their last change."""
        return {
            "shop": _shop,
            "orders": lambda access, arguments: _rows(access, "orders", arguments),
            "products": lambda access, arguments: _rows(access, "products", arguments),
            "customers": lambda access, arguments: _rows(access, "customers", arguments),
        }

    def check(self, settings: Mapping[str, str]) -> None:
        """Invalid for a shop, version or address that cannot be right."""
        check_settings(settings)

    def test(self, access: Access) -> Tested:
        """The shop's name, with its currency, plan and what the token may."""
        found = _shop(access, {})
        facts = {name: str(found[name]) for name in ("currency", "plan", "timezone", "scopes") if found[name]}
        return Tested(str(found["name"]), facts)

    def sync(self, access: Access, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """What is new: everything at first, then what has changed."""
        return sync_shop(Shop(access), cursor)

    def authorize_url(self, access: Access, state: str, callback: str) -> str:
        """Where a person lets the app in."""
        return shopify_doors.authorize_url(access, state, callback)

    def check_callback(self, access: Access, query: Mapping[str, str]) -> None:
        """Unauthorized unless Shopify has signed this answer for this shop."""
        shopify_doors.check_callback(access, query)

    def redeem(self, access: Access, query: Mapping[str, str]) -> dict[str, str]:
        """The secrets the answer's code is exchanged for, by field."""
        return shopify_doors.redeem(access, query["code"])

    def register_hooks(self, access: Access, address: str) -> dict[str, str]:
        """Ask for webhooks at an address; what became of each topic."""
        return shopify_doors.register(access, address)


def _shop(access: Access, _: Mapping[str, Any]) -> dict[str, Any]:
    data = Shop(access).ask(queries.SHOP)
    shop = data.get("shop")
    if not isinstance(shop, dict) or not isinstance(shop.get("name"), str):
        raise garbage(SERVICE)
    plan, installed = shop.get("plan"), data.get("currentAppInstallation")
    scopes = installed.get("accessScopes") if isinstance(installed, dict) else None
    return {
        "name": shop["name"],
        "domain": shop.get("myshopifyDomain"),
        "currency": shop.get("currencyCode"),
        "timezone": shop.get("ianaTimezone"),
        "plan": plan.get("publicDisplayName") if isinstance(plan, dict) else None,
        "scopes": ", ".join(str(each.get("handle")) for each in scopes or [] if isinstance(each, dict)),
    }


def _rows(access: Access, root: str, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a resource changed between `since` and `until`, oldest change first, at most `limit`."""
    unknown = sorted(set(arguments) - {"since", "until", "limit"})
    if unknown:
        raise Invalid(f"There is no argument {unknown[0][:40]!r}.", hint="There are: since, until, limit.")
    limit = arguments.get("limit", 50)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_READ:
        raise Invalid("The limit is no whole number of 1 to 250.", hint="Leave it out for 50.")
    since, until = _moment(arguments.get("since")), _moment(arguments.get("until"))
    search = [f"updated_at:>='{since}'"] if since else []
    search += [f"updated_at:<'{until}'"] if until else []
    found: list[dict[str, Any]] = []
    for rows, _ in listed(Shop(access), BY_ROOT[root], " AND ".join(search), None):
        found += rows
        if len(found) >= limit:
            break
    return found[:limit]


def _moment(text: Any) -> str | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid("A time needs an offset.", hint="Write it like 2026-11-20T12:00:00+00:00.")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def make() -> Connector:
    """The connector."""
    return Shopify()
