"""Orders, products and customers of a shop, complete: what does not fit on a page of a page is fetched behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ionflux_core.connectors import shopify_queries as queries
from ionflux_core.connectors.calls import garbage
from ionflux_core.connectors.shopify_calls import SERVICE, Shop, page_of
from ionflux_core.connectors.shopify_shapes import customer_of, order_of, product_of

Node = Mapping[str, Any]
Row = dict[str, Any]
_MOST_PAGES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of thing a shop has: how it is listed, and how its nodes become what webhooks send."""

    root: str
    noun: str
    query: str
    page: int
    rows: Callable[[Shop, Sequence[Node]], list[Row]]
    """From nodes of a listing."""
    joined: Callable[[Shop, Sequence[tuple[Node, Sequence[Node]]]], list[Row]]
    """From lines of a bulk file: each with the lines below it."""


def listed(shop: Shop, resource: Resource, search: str, after: str | None) -> Iterator[tuple[list[Row], str | None]]:
    """A listing page by page, oldest change first, each with the cursor behind it."""
    asked = {"first": resource.page, "query": search or None, "after": after}
    query = resource.query if shop.with_people else queries.without_people(resource.query)
    for nodes, behind in shop.pages(query, resource.root, asked):
        yield resource.rows(shop, [_node(each) for each in nodes]), behind


def _orders(shop: Shop, nodes: Sequence[Node]) -> list[Row]:
    lines = [_whole(shop, each, "lineItems", queries.MORE_LINES, "order") for each in nodes]
    shipping = [_whole(shop, each, "shippingLines", queries.MORE_SHIPPING, "order") for each in nodes]
    refunds = _refunds(shop, nodes)
    parts = zip(nodes, lines, shipping, strict=True)
    return [order_of(node, inner, outer, _own(node, refunds)) for node, inner, outer in parts]


def _orders_joined(shop: Shop, found: Sequence[tuple[Node, Sequence[Node]]]) -> list[Row]:
    refunds = _refunds(shop, [node for node, _ in found])
    return [
        order_of(node, _of(below, "LineItem"), _of(below, "ShippingLine"), _own(node, refunds)) for node, below in found
    ]


def _products(shop: Shop, nodes: Sequence[Node]) -> list[Row]:
    return [product_of(each, _whole(shop, each, "variants", queries.MORE_VARIANTS, "product")) for each in nodes]


def _products_joined(shop: Shop, found: Sequence[tuple[Node, Sequence[Node]]]) -> list[Row]:
    return [product_of(node, _of(below, "ProductVariant")) for node, below in found]


RESOURCES: Final = (
    Resource("orders", "order", queries.ORDERS, 10, _orders, _orders_joined),
    Resource("products", "product", queries.PRODUCTS, 20, _products, _products_joined),
    Resource(
        "customers", "customer", queries.CUSTOMERS, 50,
        lambda _, nodes: [customer_of(each) for each in nodes],
        lambda _, found: [customer_of(node) for node, _below in found],
    ),
)  # fmt: skip
BY_ROOT: Final = {each.root: each for each in RESOURCES}


def _whole(shop: Shop, node: Node, field: str, more: str, root: str) -> list[Node]:
    """All nodes of an inner connection, however many pages it has."""
    found, after = page_of(node.get(field))
    pages = 1
    while after is not None and pages < _MOST_PAGES:
        data = shop.ask(more, {"id": node.get("id"), "after": after})
        inner, after = page_of(_node(data.get(root)).get(field))
        found, pages = [*found, *inner], pages + 1
    return [_node(each) for each in found]


def _refunds(shop: Shop, nodes: Sequence[Node]) -> dict[str, Node]:
    """The refunds of orders by id, a few at once: each of them has lines of its own."""
    wanted = [name for node in nodes for name in _refund_ids(node)]
    found: dict[str, Node] = {}
    for start in range(0, len(wanted), queries.REFUNDS_AT_ONCE):
        data = shop.ask(queries.REFUNDS, {"ids": wanted[start : start + queries.REFUNDS_AT_ONCE]})
        for each in data.get("nodes") or []:
            refund = dict(_node(each))
            refund["refundLineItems"] = _whole(shop, refund, "refundLineItems", queries.MORE_REFUNDED, "refund")
            found[str(refund.get("id"))] = refund
    return found


def _own(node: Node, refunds: Mapping[str, Node]) -> list[Node]:
    return [refunds[name] for name in _refund_ids(node) if name in refunds]


def _refund_ids(node: Node) -> list[str]:
    return [str(each.get("id")) for each in node.get("refunds") or [] if isinstance(each, Mapping)]


def _of(below: Sequence[Node], kind: str) -> list[Node]:
    return [each for each in below if f"/{kind}/" in str(each.get("id", ""))]


def _node(value: Any) -> Node:
    if not isinstance(value, Mapping):
        raise garbage(SERVICE)
    return value
