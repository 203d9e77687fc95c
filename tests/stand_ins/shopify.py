"""A shop that speaks Shopify's Admin GraphQL on loopback: cost, throttling, pages, bulk files, webhooks and OAuth."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.stand_ins.graphql import Refused, Selection, picked, selected
from tests.stand_ins.web import Answer, Request, as_json, serving

DOMAIN = "sun-and-salt.myshopify.com"
TOKEN = "shpat_0123456789abcdef0123456789abcdef"
CLIENT_ID, CLIENT_SECRET = "client-4711", "hush-very-secret-1"
CODE = "one-time-code-1"
_CONNECTIONS = frozenset({"lineItems", "shippingLines", "variants", "refundLineItems", "refundShippingLines",
                          "orderAdjustments", "refund_transactions"})  # fmt: skip
_LEFT = re.compile(r"updated_at:(>=|<)'([^']+)'")


@dataclass
class ShopStandIn:
    """What the shop has, and how it behaves."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)
    customers: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    hooks: list[dict[str, str]] = field(default_factory=list)
    refused_topics: set[str] = field(default_factory=set)
    available: float = 1000.0
    restore_rate: float = 50.0
    cost: float = 100.0
    polls: int = 1
    bulk_ends: str = "COMPLETED"
    bulk_files_are_gone: bool = False
    started_at: str = "2026-11-20T12:00:00Z"
    page_most: int = 1000
    before: Callable[[str], Answer | None] = lambda _: None
    asked: list[str] = field(default_factory=list)
    variables: list[dict[str, Any]] = field(default_factory=list)
    throttled: int = 0
    codes: set[str] = field(default_factory=lambda: {CODE})
    port: int = 0
    _as_of: float = field(default_factory=time.monotonic)
    _bulk: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def pass_time(self, seconds: float) -> None:
        """What a shop does while somebody waits."""
        self.available = min(1000.0, self.available + seconds * self.restore_rate)

    def _restore(self) -> None:
        self.pass_time(time.monotonic() - self._as_of)
        self._as_of = time.monotonic()

    def answer(self, request: Request) -> Answer:
        """One answer."""
        if request.path.startswith("/bulk/"):
            return self._file(request.path)
        if request.path == "/admin/oauth/access_token":
            return self._redeemed(request.json())
        if not re.fullmatch(r"/admin/api/20\d\d-\d\d/graphql\.json", request.path):
            return as_json({"errors": "Not Found"}, 404)
        if request.headers.get("x-shopify-access-token") not in self.tokens:
            return as_json({"errors": "[API] Invalid API key or access token"}, 401)
        return self._queried(request.json())

    def _queried(self, body: dict[str, Any]) -> Answer:
        variables = body.get("variables") or {}
        try:
            name, tree = selected(body["query"])
            if said := self.before(name):
                return said
            self._restore()
            if self.available < self.cost:
                self.throttled += 1
                return as_json({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                                "extensions": self._extensions()})  # fmt: skip
            self.available -= self.cost
            self.asked.append(name)
            self.variables.append(variables)
            data = picked(self._data(name, variables, tree), tree)
        except Refused as error:
            return as_json({"errors": [{"message": str(error), "extensions": {"code": "undefinedField"}}]})
        return as_json({"data": data, "extensions": self._extensions()})

    def _extensions(self) -> dict[str, Any]:
        status = {
            "maximumAvailable": 1000.0, "currentlyAvailable": self.available, "restoreRate": self.restore_rate,
        }  # fmt: skip
        return {"cost": {"requestedQueryCost": self.cost, "actualQueryCost": self.cost, "throttleStatus": status}}

    def _data(self, name: str, variables: dict[str, Any], tree: Selection) -> dict[str, Any]:
        if name in ("Orders", "Products", "Customers"):
            root = name.lower()
            return {root: self._page(self._found(root, variables.get("query")), variables["first"], variables["after"])}
        if name in ("MoreLines", "MoreShipping", "MoreVariants", "MoreRefunded"):
            return self._more(tree, variables)
        if name == "Refunds":
            wanted = [each for order in self.orders for each in order["refunds"] if each["id"] in variables["ids"]]
            return {"nodes": [self._refund(each) for each in wanted]}
        plain: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "Shop": self._shop, "RunBulk": self._run_bulk, "BulkState": self._bulk_state, "Hooks": self._hooks,
            "Hook": self._hook,
        }  # fmt: skip
        if name not in plain:
            raise Refused(f"There is no {name}")
        return plain[name](variables)

    def _found(self, root: str, search: str | None) -> list[dict[str, Any]]:
        rows = sorted(getattr(self, root), key=lambda each: (each["updatedAt"], each["id"]))
        for sign, text in _LEFT.findall(search or ""):
            border = datetime.fromisoformat(text)
            rows = [
                each for each in rows
                if (datetime.fromisoformat(each["updatedAt"]) >= border) == (sign == ">=")
            ]  # fmt: skip
        return rows

    def _page(self, rows: list[Any], first: int, after: str | None, most: int | None = None) -> dict[str, Any]:
        start = int(after) if after else 0
        end = start + min(first, most or self.page_most)
        return {
            "nodes": [self._paged(each) for each in rows[start:end]],
            "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(end)},
        }

    def _paged(self, node: dict[str, Any]) -> dict[str, Any]:
        """A node whose inner lists are connections, of one page each."""
        return {
            name: self._page(value, {"lineItems": 40, "shippingLines": 3, "variants": 30}.get(name, 50), None)
            if name in _CONNECTIONS
            else value
            for name, value in node.items()
        }

    def _refund(self, node: dict[str, Any]) -> dict[str, Any]:
        paged = self._paged(node)
        return {**paged, "transactions": self._page(node["transactions"], 10, None)}

    def _more(self, tree: Selection, variables: dict[str, Any]) -> dict[str, Any]:
        ((root, inner),) = tree.items()
        ((name, _),) = inner.items()
        pool = {
            "order": self.orders, "product": self.products,
            "refund": [each for order in self.orders for each in order["refunds"]],
        }[root]  # fmt: skip
        node = next(each for each in pool if each["id"] == variables["id"])
        return {root: {name: self._page(node[name], 100, variables["after"])}}

    def _shop(self, _: dict[str, Any]) -> dict[str, Any]:
        shop = {
            "name": "Sun & Salt <b>", "myshopifyDomain": DOMAIN, "currencyCode": "USD",
            "ianaTimezone": "America/Phoenix", "plan": {"publicDisplayName": "Basic"},
        }  # fmt: skip
        scopes = [{"handle": "read_orders"}, {"handle": "read_products"}]
        return {"shop": shop, "currentAppInstallation": {"accessScopes": scopes}}

    def _run_bulk(self, variables: dict[str, Any]) -> dict[str, Any]:
        if any(count > 0 for _, count in self._bulk.values()):
            errors = [{"field": None, "message": "A bulk query operation for this app and shop is already in progress"}]
            return {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": errors}}
        number = f"gid://shopify/BulkOperation/{len(self._bulk) + 1}"
        selected(variables["query"])
        self._bulk[number] = (variables["query"], self.polls)
        begun = {"id": number, "status": "CREATED", "createdAt": self.started_at}
        return {"bulkOperationRunQuery": {"bulkOperation": begun, "userErrors": []}}

    def _bulk_state(self, variables: dict[str, Any]) -> dict[str, Any]:
        if variables["id"] not in self._bulk:
            return {"node": None}
        query, count = self._bulk[variables["id"]]
        self._bulk[variables["id"]] = (query, max(0, count - 1))
        status = "RUNNING" if count else self.bulk_ends
        number = variables["id"].rpartition("/")[2]
        empty = not getattr(self, next(iter(selected(query)[1])))
        gone = status != "COMPLETED" or empty or self.bulk_files_are_gone
        url = None if gone else f"{self.url}/bulk/{number}.jsonl"
        state = {"id": variables["id"], "status": status, "errorCode": None, "createdAt": self.started_at,
                 "objectCount": "0" if empty else "1", "url": url}  # fmt: skip
        return {"node": state}

    def _file(self, path: str) -> Answer:
        if said := self.before("file"):
            return said
        query, _ = self._bulk[f"gid://shopify/BulkOperation/{path.rpartition('/')[2].partition('.')[0]}"]
        ((root, tree),) = selected(query)[1].items()
        inner = tree["edges"]["node"]
        lines: list[dict[str, Any]] = []
        for node in getattr(self, root):
            children = {name for name in inner if name in _CONNECTIONS}
            lines.append(picked(node, {name: part for name, part in inner.items() if name not in children}))
            for name in sorted(children):
                part = inner[name]["edges"]["node"]
                lines += [{**picked(each, part), "__parentId": node["id"]} for each in node[name]]
        return Answer(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def _hooks(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"webhookSubscriptions": self._page(self.hooks, 100, variables.get("after"))}

    def _hook(self, variables: dict[str, Any]) -> dict[str, Any]:
        if variables["topic"] in self.refused_topics:
            errors = [{"field": ["topic"], "message": "You cannot create a webhook subscription with the topic"}]
            return {"webhookSubscriptionCreate": {"webhookSubscription": None, "userErrors": errors}}
        hook = {"id": f"gid://shopify/WebhookSubscription/{len(self.hooks)}", **variables}
        self.hooks.append(hook)
        return {"webhookSubscriptionCreate": {"webhookSubscription": {"id": hook["id"]}, "userErrors": []}}

    def _redeemed(self, body: dict[str, Any]) -> Answer:
        right = (body.get("client_id"), body.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not right or body.get("code") not in self.codes:
            return as_json({"error": "invalid_request"}, 400)
        self.codes.discard(body["code"])
        return as_json({"access_token": TOKEN, "scope": "read_orders"})


@contextmanager
def shop_stand_in() -> Iterator[ShopStandIn]:
    """A running shop, until the block ends."""
    shop = ShopStandIn()
    with serving(shop.answer) as port:
        shop.port = port
        yield shop
